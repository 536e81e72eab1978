"""What an ONNX file may hold, checked before onnxruntime sees it.

A model file is hostile until shown otherwise: it could name files outside the bundle as its weights, or operators of a
library that has to be loaded. The wire format (`limbeck.bundle.onnx.protobuf`) is simple enough to walk without the
onnx package, which serving does not install. Field numbers: onnx.proto3 of ONNX 1.17, messages ModelProto,
TrainingInfoProto, GraphProto, NodeProto, AttributeProto, TensorProto, FunctionProto, SparseTensorProto.
"""

from __future__ import annotations

from pathlib import Path

from limbeck.bundle.onnx.protobuf import fields
from limbeck.errors import LimbeckError

# Message -> field number -> message of that field. Only what can hold a node or a tensor is followed.
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 8: "opset", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "function": {7: "node", 9: "opset", 11: "attribute"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
    "opset": {},
}
_DOMAIN = {"node": 7, "opset": 1, "function": 10}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
# The standard operators, and onnxruntime's own, which it always carries.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_DEEPEST = 32


def check_graph(content: bytes, where: Path) -> None:
    """Refuse external tensors and operators of unknown domains.

    Raises
    ------
    LimbeckError
        When the file is no ONNX model, or holds what a bundle must not.
    """
    try:
        _walk(memoryview(content), "model", where, 0)
    except (IndexError, ValueError) as error:
        raise LimbeckError("not a valid ONNX model", where=where, fix="copy the bundle again") from error


def _walk(message: memoryview, kind: str, where: Path, depth: int) -> None:
    if depth > _DEEPEST:
        raise LimbeckError("the model's graphs are nested too deeply", where=where)
    for number, _, value in fields(message):
        if kind == "tensor" and (number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0)):
            raise LimbeckError("the model keeps weights in another file, which a bundle must not", where=where)
        if isinstance(value, int):
            continue
        if number == _DOMAIN.get(kind) and (domain := bytes(value).decode("utf-8")) not in _DOMAINS:
            raise LimbeckError(f"the model needs custom operators of {domain!r}", where=where)
        if inner := _FIELDS[kind].get(number):
            _walk(value, inner, where, depth + 1)
