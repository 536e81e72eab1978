"""Shapes of what operators give that cut, join, repeat and reduce arrays; see `extent`."""

# ruff: noqa: ARG001 - every operator is a function of the same three things

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from limbeck.bundle.onnx.arrays import (
    Array,
    Extent,
    Operator,
    UnknownError,
    array_of,
    axis_of,
    computed,
    get,
    ints_of,
    need,
    values_of,
)
from limbeck.bundle.onnx.graph import Node


def _shape(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    shape = np.array(need(given[0]).shape, dtype=np.int64)
    shape = shape[node.attributes.get("start", 0) : node.attributes.get("end", len(shape))]
    return [Array(shape.shape, shape)]


def _constant(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    if "value" in node.attributes:
        return [array_of(node.attributes["value"])]
    ((name, value),) = node.attributes.items()
    if name not in ("value_int", "value_ints", "value_float", "value_floats"):
        raise UnknownError(name)
    array = np.array(value, dtype=np.int64 if "int" in name else np.float32)
    return [Array(array.shape, array)]


def _gather(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, at = need(given[0]), need(given[1])
    axis = axis_of(node.attributes.get("axis", 0), len(first.shape))
    shape = (*first.shape[:axis], *at.shape, *first.shape[axis + 1 :])
    return [computed(shape, lambda: np.take(values_of(first), values_of(at), axis=axis), first, at)]


def _second(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    return [Array(need(given[1]).shape)]


def _slice(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, starts, ends = need(given[0]), ints_of(given[1]), ints_of(given[2])
    axes = ints_of(given[3]) if get(given, 3) else list(range(len(starts)))
    steps = ints_of(given[4]) if get(given, 4) else [1] * len(starts)
    cut = [slice(None)] * len(first.shape)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # Going backwards, an end far below zero means "past the first".
        last = None if step < 0 and end < -first.shape[axis_of(axis, len(first.shape))] else end
        cut[axis_of(axis, len(first.shape))] = slice(start, last, step)
    shape = tuple(len(range(*one.indices(side))) for one, side in zip(cut, first.shape, strict=True))
    return [computed(shape, lambda: values_of(first)[tuple(cut)], first)]


def _concat(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    arrays = [need(array) for array in given]
    axis = axis_of(node.attributes["axis"], len(arrays[0].shape))
    shape = list(arrays[0].shape)
    shape[axis] = sum(array.shape[axis] for array in arrays)
    if any(array.shape[:axis] + array.shape[axis + 1 :] != (*shape[:axis], *shape[axis + 1 :]) for array in arrays):
        raise UnknownError("sides that do not fit")
    return [computed(tuple(shape), lambda: np.concatenate([values_of(array) for array in arrays], axis), *arrays)]


def _split(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    axis = axis_of(node.attributes.get("axis", 0), len(first.shape))
    if get(given, 1):
        sizes = ints_of(given[1])
    else:
        step = -(-first.shape[axis] // len(node.outputs))
        sizes = [min(step, first.shape[axis] - at * step) for at in range(len(node.outputs))]
    return [Array((*first.shape[:axis], size, *first.shape[axis + 1 :])) for size in sizes]


def _reshape(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, wanted = need(given[0]), ints_of(given[1])
    size = math.prod(first.shape)
    shape = [first.shape[at] if side == 0 else side for at, side in enumerate(wanted)]
    if -1 in shape:
        shape[shape.index(-1)] = size // max(-math.prod(shape), 1)
    if math.prod(shape) != size or min(shape, default=0) < 0:
        raise UnknownError("sides that do not fit")
    return [computed(tuple(shape), lambda: values_of(first).reshape(shape), first)]


def _flatten(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    shape, axis = need(given[0]).shape, node.attributes.get("axis", 1)
    return [Array((math.prod(shape[:axis]), math.prod(shape[axis:])))]


def _transpose(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    order = node.attributes.get("perm", list(range(len(first.shape)))[::-1])
    if sorted(order) != list(range(len(first.shape))):
        raise UnknownError("no order")
    return [computed(tuple(first.shape[at] for at in order), lambda: values_of(first).transpose(order), first)]


def _squeeze(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    sides = len(first.shape)
    axes = {axis_of(axis, sides) for axis in ints_of(get(given, 1))}  # without, it would depend on the batch
    if any(first.shape[axis] != 1 for axis in axes):
        raise UnknownError("sides that do not fit")
    shape = tuple(side for at, side in enumerate(first.shape) if at not in axes)
    return [computed(shape, lambda: values_of(first).reshape(shape), first)]


def _unsqueeze(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, new = need(given[0]), ints_of(given[1])
    sides = len(first.shape) + len(new)
    places, left = {axis_of(axis, sides) for axis in new}, iter(first.shape)
    shape = tuple(1 if at in places else next(left) for at in range(sides))
    return [computed(shape, lambda: values_of(first).reshape(shape), first)]


def _expand(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    shape = np.broadcast_shapes(first.shape, tuple(ints_of(given[1])))
    return [computed(shape, lambda: np.broadcast_to(values_of(first), shape), first)]


def _filled(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    shape, value = tuple(ints_of(given[0])), node.attributes.get("value")
    one = np.float32(0) if value is None else values_of(array_of(value)).reshape(-1)[0]
    return [computed(shape, lambda: np.full(shape, one))]


def _range(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    start, end, step = (values_of(array).reshape(-1)[0] for array in given)
    count = max(math.ceil((float(end) - float(start)) / float(step)), 0)
    return [computed((count,), lambda: start + step * np.arange(count, dtype=np.asarray(start).dtype))]


def _tile(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, times = need(given[0]), ints_of(given[1])
    shape = tuple(side * many for side, many in zip(first.shape, times, strict=True))
    return [computed(shape, lambda: np.tile(values_of(first), times), first)]


def _pad(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, pads, sides = need(given[0]), ints_of(given[1]), len(need(given[0]).shape)
    axes = ints_of(given[3]) if get(given, 3) else list(range(sides))
    shape = list(first.shape)
    for at, axis in enumerate(axes):
        shape[axis_of(axis, sides)] += pads[at] + pads[at + len(axes)]
    return [Array(tuple(shape))]


def _resize(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    sizes = get(given, 3)
    if sizes is not None:
        shape = tuple(ints_of(sizes))
    else:
        scales = values_of(get(given, 2)).reshape(-1)
        shape = tuple(math.floor(side * float(scale)) for side, scale in zip(first.shape, scales, strict=True))
    if len(shape) != len(first.shape):
        raise UnknownError("sides that do not fit")
    found.numbers += 16 * math.prod(shape)
    return [Array(shape)]


def _reduced(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, sides = need(given[0]), len(need(given[0]).shape)
    if node.op.startswith("Arg"):
        axes = [node.attributes.get("axis", 0)]
    else:
        axes = ints_of(given[1]) if get(given, 1) else node.attributes.get("axes", [])
    away = {axis_of(axis, sides) for axis in axes} or set(range(sides))
    keep = node.attributes.get("keepdims", 1)
    shape = tuple(1 if at in away else side for at, side in enumerate(first.shape) if keep or at not in away)
    found.numbers += math.prod(first.shape)
    reduced: dict[str, Any] = {"ReduceProd": np.prod, "ReduceMax": np.max, "ReduceSum": np.sum, "ReduceMin": np.min}
    work = reduced.get(node.op)
    if work is None or not math.prod(first.shape):
        return [Array(shape)]
    return [computed(shape, lambda: work(values_of(first), axis=tuple(sorted(away)), keepdims=bool(keep)), first)]


def _top(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first, (count,) = need(given[0]), ints_of(given[1])
    axis = axis_of(node.attributes.get("axis", -1), len(first.shape))
    shape = (*first.shape[:axis], count, *first.shape[axis + 1 :])
    found.numbers += 32 * math.prod(first.shape)
    return [Array(shape), Array(shape)]


RESHAPING: dict[str, Operator] = {
    **dict.fromkeys(
        ["ArgMax", "ArgMin", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum"],
        _reduced,
    ),
    "Concat": _concat, "Constant": _constant, "ConstantOfShape": _filled, "Expand": _expand, "Flatten": _flatten,
    "Gather": _gather, "GatherElements": _second, "Pad": _pad, "Range": _range, "Reshape": _reshape, "Resize": _resize,
    "Shape": _shape, "Slice": _slice, "Split": _split, "Squeeze": _squeeze, "Tile": _tile, "TopK": _top,
    "Transpose": _transpose, "Unsqueeze": _unsqueeze,
}  # fmt: skip
