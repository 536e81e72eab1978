"""The nodes, constants and inputs of an ONNX model, read without the onnx package; see `limbeck.bundle.onnx.check`.

Only what says how large the arrays of a graph become is read: weights are known by their shape alone. Field numbers:
onnx.proto3 of ONNX 1.17.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.onnx.long_lists import LONG, run_of
from limbeck.bundle.onnx.protobuf import BYTES, FIXED32, VARINT, Value, fields, packed, signed

_READ = 4096  # numbers of a constant that are read; a larger one is a weight, and no size of anything
# TensorProto.DataType -> how its numbers lie in raw_data
_TYPES: dict[int, str] = {
    1: "<f4", 2: "|u1", 3: "|i1", 4: "<u2", 5: "<i2", 6: "<i4", 7: "<i8", 9: "|b1", 10: "<f2", 11: "<f8", 12: "<u4",
    13: "<u8",
}  # fmt: skip


@dataclass(frozen=True)
class Constant:
    """A tensor of the file: its shape, and its numbers where they are few."""

    shape: tuple[int, ...]
    value: NDArray[Any] | None


@dataclass
class Node:
    """One operator with the names of what it takes and gives."""

    op: str = ""
    domain: str = ""
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Graph:
    """A graph: its nodes in order, its constants, and the names of its inputs and outputs."""

    nodes: list[Node] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def read_graph(content: bytes) -> Graph:
    """Return the graph of a model that `check_graph` has passed.

    Raises
    ------
    ValueError
        When there is not exactly one graph, or it holds functions, sparse tensors or anything else that is rare.
    """
    graphs = []
    for number, wire, value in fields(memoryview(content)):
        if number == 7:
            graphs.append(_graph(_bytes(wire, value)))
        elif number in (20, 25):
            raise ValueError("functions or training")
    if len(graphs) != 1:
        raise ValueError(f"{len(graphs)} graphs")
    return graphs[0]


def _graph(message: memoryview) -> Graph:
    graph, known = Graph(), dict[bytes, tuple[str, Any]]()
    for number, wire, value in fields(message):
        if number == 1:
            graph.nodes.append(_node(_bytes(wire, value), known))
        elif number == 5:
            name, constant = _tensor(_bytes(wire, value))
            if name in graph.constants:
                raise ValueError("a constant twice")
            graph.constants[name] = constant
        elif number in (11, 12):
            (graph.inputs if number == 11 else graph.outputs).append(_named(_bytes(wire, value)))
        elif number == 15:
            raise ValueError("a sparse tensor")
    return graph


def _named(message: memoryview) -> str:
    return next(_text(wire, value) for number, wire, value in fields(message) if number == 1)


def _node(message: memoryview, known: dict[bytes, tuple[str, Any]]) -> Node:
    node, seen = Node(), set()
    for number, wire, value in fields(message):
        if number == 1:
            node.inputs.append(_text(wire, value))
        elif number == 2:
            node.outputs.append(_text(wire, value))
        elif number == 5:
            whole = bytes(_bytes(wire, value)) if len(_bytes(wire, value)) < 100 else None
            if whole is None or whole not in known:  # most are the same over and over
                name, read = _attribute(_bytes(wire, value))
                if whole is not None:
                    known[whole] = name, read
            else:
                name, read = known[whole]
            if name in node.attributes:
                raise ValueError("an attribute twice")
            node.attributes[name] = read
        elif number in (4, 7):
            if number in seen:
                raise ValueError("a name twice")
            seen.add(number)
            if number == 4:
                node.op = _text(wire, value)
            else:
                node.domain = _text(wire, value)
    return node


def _attribute(message: memoryview) -> tuple[str, Any]:
    name = ""
    found: list[Any] = []
    whole: list[Any] = []
    if len(message) >= LONG and (long := _long_list(message)) is not None:
        return long
    for number, wire, value in fields(message):
        if number == 1:
            name = _text(wire, value)
        elif number == 2:
            found.append(float(np.frombuffer(_bytes(wire, value, FIXED32), "<f4")[0]))
        elif number == 3:
            found.append(signed(_number(wire, value)))
        elif number == 4:
            found.append(bytes(_bytes(wire, value)))
        elif number == 5:
            found.append(_tensor(_bytes(wire, value))[1])
        elif number == 6:
            found.append(_graph(_bytes(wire, value)))
        elif number == 7:
            whole += _floats(wire, value)
        elif number == 8:
            whole += packed(value) if isinstance(value, memoryview) else [signed(_number(wire, value))]
        elif number == 9:
            whole.append(bytes(_bytes(wire, value)))
        elif number not in (13, 20):  # what it is said to be, and what documents it
            raise ValueError(f"an attribute of field {number}")
    if not name or len(found) > 1 or (found and whole):
        raise ValueError("an attribute of several kinds")
    return name, found[0] if found else whole


def _long_list(message: memoryview) -> tuple[str, Any] | None:
    """Return the name and the numbers of an attribute that is one long list; None for any other."""
    head = 2 + message[1]  # the name comes first, and is short
    if message[0] != 10 or message[1] >= 0x80 or (run := run_of(message, head)) is None:
        return None
    values, end = run
    rest = list(fields(message[end:]))
    return (bytes(message[2:head]).decode("utf-8"), values) if all(number in (13, 20) for number, *_ in rest) else None


def _floats(wire: int, value: Value) -> list[float]:
    content = _bytes(wire, value, wire)
    return [float(one) for one in np.frombuffer(content, "<f4")]


def _tensor(message: memoryview) -> tuple[str, Constant]:
    name, shape, kind = "", [], 0
    raw: memoryview | None = None
    typed: list[Any] = []
    for number, wire, value in fields(message):
        if number == 1:
            shape += packed(value) if isinstance(value, memoryview) else [signed(value)]
        elif number == 2:
            kind = _number(wire, value)
        elif number == 8:
            name = _text(wire, value)
        elif number == 9:
            raw = _bytes(wire, value)
        elif number in (4, 5, 7) and len(typed) <= _READ:
            if number == 4:
                typed += _floats(wire, value)
            elif isinstance(value, memoryview):
                typed += packed(value) if len(value) <= 10 * _READ else []
            else:
                typed.append(signed(value))
    count = 1
    for side in shape:
        if side < 0:
            raise ValueError("a negative side")
        count *= side
    return name, Constant(tuple(shape), _numbers(kind, count, raw, typed).reshape(shape) if count <= _READ else None)


def _numbers(kind: int, count: int, raw: memoryview | None, typed: list[Any]) -> NDArray[Any]:
    if kind not in _TYPES:
        raise ValueError(f"numbers of type {kind}")
    if kind == 10 and raw is None:  # halves lie in the bits of int32
        found = np.array(typed, dtype="<u2").view("<f2")
    else:
        found = np.array(typed, dtype=_TYPES[kind]) if raw is None else np.frombuffer(raw, _TYPES[kind])
    if len(found) != count:
        raise ValueError("other numbers than its shape says")
    return found


def _bytes(wire: int, value: Value, wanted: int = BYTES) -> memoryview:
    if wire != wanted or isinstance(value, int):
        raise ValueError("a field of another type")
    return value


def _number(wire: int, value: Value) -> int:
    if wire != VARINT or not isinstance(value, int):
        raise ValueError("a field of another type")
    return value


def _text(wire: int, value: Value) -> str:
    return bytes(_bytes(wire, value)).decode("utf-8")
