"""Scale and shift the logits inside an ONNX model, before its softmax, without onnx or torch.

The model's first output is a softmax of z / T. Two nodes are put before that softmax, so that it becomes the softmax of
scale * z / T + offset: temperature scaling (Guo et al. 2017) with an offset for each class. A model that has them
already gets new numbers in the same place. All other bytes stay as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.onnx.graph import Constant, Graph, Node, read_graph
from limbeck.bundle.onnx.protobuf import BYTES, VARINT, Value, encoded, fields
from limbeck.errors import LimbeckError

SCALE, OFFSET = "limbeck.scale", "limbeck.offset"
_SCALED, _SHIFTED = "limbeck.scaled", "limbeck.shifted"
_FLOAT = 1  # TensorProto.DataType
_GRAPH, _NODE, _TENSOR, _NODE_INPUT, _NODE_OUTPUT, _TENSOR_NAME = 7, 1, 5, 1, 2, 8


def rescaled(content: bytes, scale: float, offset: NDArray[np.float64], where: Path) -> bytes:
    """Return a model whose softmax takes ``scale * x + offset`` where it took ``x``; offset float64 [C].

    ``x`` are the logits of the model as it is, after an earlier change of this kind.

    Raises
    ------
    LimbeckError
        When the model does not end in a softmax.
    """
    try:
        graph = read_graph(content)
        last = _softmax(graph)
    except (ValueError, StopIteration) as error:
        fix = "train the bundle again with this version of Limbeck"
        raise LimbeckError(
            "the model does not end in a softmax: it cannot be recalibrated", where=where, fix=fix
        ) from error
    before = _stored(graph, len(offset))
    if before is not None:
        scale, offset = scale * before[0], scale * before[1] + offset
    parts = []
    for number, wire, value in fields(memoryview(content)):
        if number == _GRAPH and isinstance(value, memoryview):
            parts.append(encoded(number, wire, _graph(value, last, scale, offset, fresh=before is None)))
        else:
            parts.append(encoded(number, wire, value))
    return b"".join(parts)


def _softmax(graph: Graph) -> Node:
    """Return the softmax that gives the graph's first output."""
    last = next(node for node in graph.nodes if graph.outputs[0] in node.outputs)
    if last.op != "Softmax" or last.domain or len(last.inputs) != 1:
        raise ValueError(last.op)
    return last


def _stored(graph: Graph, classes: int) -> tuple[float, NDArray[np.float64]] | None:
    scale, offset = (graph.constants.get(name) for name in (SCALE, OFFSET))
    if scale is None and offset is None:
        return None
    return float(_value(scale, ()).item()), _value(offset, (classes,)).astype(np.float64)


def _value(found: Constant | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if found is None or found.value is None or found.shape != shape:
        raise LimbeckError("the calibration in the model is damaged", fix="copy the bundle again, or export it anew")
    return np.asarray(found.value, dtype=np.float64)


def _graph(message: memoryview, last: Node, scale: float, offset: NDArray[np.float64], *, fresh: bool) -> bytes:
    """Return the graph with the two nodes and their constants, or with new constants."""
    parts = []
    for number, wire, value in fields(message):
        if number == _TENSOR and _name(value) in (SCALE, OFFSET):
            continue
        if fresh and number == _NODE and isinstance(value, memoryview) and _outputs(value) == last.outputs:
            scaled = _node("Mul", [last.inputs[0], SCALE], _SCALED)
            parts += [
                scaled,
                _node("Add", [_SCALED, OFFSET], _SHIFTED),
                encoded(_NODE, BYTES, _reading(value, _SHIFTED)),
            ]
            continue
        parts.append(encoded(number, wire, value))
    tensors = [_tensor(SCALE, np.float32(scale)), _tensor(OFFSET, offset.astype(np.float32))]
    return b"".join([*parts, *tensors])


def _outputs(message: memoryview) -> list[str]:
    return [bytes(value).decode() for number, _, value in fields(message) if number == _NODE_OUTPUT]


def _name(value: Value) -> str:
    if isinstance(value, int):
        return ""
    named = [bytes(one) for number, _, one in fields(value) if number == _TENSOR_NAME and not isinstance(one, int)]
    return named[-1].decode() if named else ""


def _reading(message: memoryview, name: str) -> bytes:
    """Return a node of one input that reads another one."""
    changed = (
        (number, wire, name.encode() if number == _NODE_INPUT else value) for number, wire, value in fields(message)
    )
    return b"".join(encoded(number, wire, value) for number, wire, value in changed)


def _node(op: str, inputs: list[str], output: str) -> bytes:
    named = [(_NODE_INPUT, name) for name in inputs] + [(_NODE_OUTPUT, output), (3, output), (4, op)]
    return encoded(_NODE, BYTES, b"".join(encoded(number, BYTES, text.encode()) for number, text in named))


def _tensor(name: str, value: NDArray[np.float32] | np.float32) -> bytes:
    array = np.asarray(value, dtype="<f4")
    sides = b"".join(encoded(1, VARINT, side) for side in array.shape)
    content = (
        sides
        + encoded(2, VARINT, _FLOAT)
        + encoded(_TENSOR_NAME, BYTES, name.encode())
        + encoded(9, BYTES, array.tobytes())
    )
    return encoded(_TENSOR, BYTES, content)
