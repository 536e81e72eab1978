"""Shapes of what operators give that multiply and add, and how much they do; see `extent`."""

# ruff: noqa: ARG001 - every operator is a function of the same three things

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from limbeck.bundle.onnx.arrays import (
    Array,
    Extent,
    Operator,
    Shape,
    UnknownError,
    need,
)
from limbeck.bundle.onnx.graph import Node


def _matmul(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    one, other = need(given[0]).shape, need(given[1]).shape
    if not one or not other:
        raise UnknownError("no matrix")
    left, right = (one if len(one) > 1 else (1, *one)), (other if len(other) > 1 else (*other, 1))
    if left[-1] != right[-2]:
        raise UnknownError("sides that do not fit")
    many = np.broadcast_shapes(left[:-2], right[:-2])
    found.products += math.prod((*many, left[-2], left[-1], right[-1]))
    shape = (*many, *((left[-2],) if len(one) > 1 else ()), *((right[-1],) if len(other) > 1 else ()))
    return [Array(shape)]


def _gemm(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    one, other = need(given[0]).shape, need(given[1]).shape
    rows, inner = one[::-1] if node.attributes.get("transA") else one
    depth, columns = other[::-1] if node.attributes.get("transB") else other
    if inner != depth:
        raise UnknownError("sides that do not fit")
    found.products += rows * inner * columns
    return [Array((rows, columns))]


def _windows(node: Node, sides: Shape, kernel: Sequence[int], up: bool = False) -> Shape:
    """Return the sides of what a kernel that moves over an array gives."""
    many = len(sides)
    strides = node.attributes.get("strides") or [1] * many
    steps = node.attributes.get("dilations") or [1] * many
    pads = node.attributes.get("pads") or [0] * (2 * many)
    auto = node.attributes.get("auto_pad", b"NOTSET")
    if auto not in (b"NOTSET", b"VALID") or not len(kernel) == len(strides) == len(steps) == len(pads) // 2 == many:
        raise UnknownError("a kernel that is placed in a rare way")
    if min(*strides, *steps, *kernel) < 1:
        raise UnknownError("no kernel")
    out = []
    for at, side in enumerate(sides):
        left = side + pads[at] + pads[at + many] - steps[at] * (kernel[at] - 1) - 1
        out.append((-(-left // strides[at]) if up else left // strides[at]) + 1)
    return tuple(out)


def _conv(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    one, weights = need(given[0]).shape, need(given[1]).shape
    if len(one) != len(weights) or len(one) < 3 or weights[1] * node.attributes.get("group", 1) != one[1]:
        raise UnknownError("sides that do not fit")
    shape = (one[0], weights[0], *_windows(node, one[2:], weights[2:]))
    found.products += math.prod(shape) * math.prod(weights[1:])
    found.numbers += math.prod((one[0], *shape[2:], *weights[1:]))  # a copy of every window, as some kernels make
    return [Array(shape)]


def _pool(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    one, kernel = need(given[0]).shape, node.attributes["kernel_shape"]
    sides = _windows(node, one[2:], kernel, up=bool(node.attributes.get("ceil_mode")))
    found.products += math.prod((*one[:2], *sides)) * math.prod(kernel)
    return [Array((*one[:2], *sides))] * max(len(node.outputs), 1)


def _global(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    one = need(given[0]).shape
    found.numbers += math.prod(one)
    return [Array((*one[:2], *(1 for _ in one[2:])))]


def _recurrent(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    length, rows, width = need(given[0]).shape
    ways, gates, inner = need(given[1]).shape
    hidden = node.attributes["hidden_size"]
    if inner != width or node.attributes.get("layout", 0) or gates > 4 * hidden:
        raise UnknownError("sides that do not fit")
    found.products += length * rows * ways * gates * (width + hidden)
    found.numbers += 4 * length * rows * ways * gates
    last = Array((ways, rows, hidden))
    return [Array((length, ways, rows, hidden)), last, last]


def _einsum(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    text = node.attributes["equation"].decode("ascii").replace(" ", "")
    taken, arrow, gives = text.partition("->")
    sides: dict[str, int] = {}
    for letters, array in zip(taken.split(","), given, strict=True):
        for letter, side in zip(letters, need(array).shape, strict=True):
            if not letter.isalpha() or sides.setdefault(letter, side) != side:
                raise UnknownError("sides that do not fit")
    if not arrow:
        raise UnknownError("no arrow")
    found.products += math.prod(sides.values())
    found.numbers += sum(math.prod(need(array).shape) for array in given) + math.prod(sides.values())
    return [Array(tuple(sides[letter] for letter in gives))]


PRODUCTS: dict[str, Operator] = {
    "AveragePool": _pool, "Conv": _conv, "ConvInteger": _conv, "Einsum": _einsum, "GRU": _recurrent, "Gemm": _gemm,
    "GlobalAveragePool": _global, "GlobalMaxPool": _global, "LSTM": _recurrent, "MatMul": _matmul,
    "MatMulInteger": _matmul, "MaxPool": _pool,
}  # fmt: skip
