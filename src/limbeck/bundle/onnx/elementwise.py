"""Shapes of what operators give that make one number of one, or of several by broadcasting; see `extent`."""

# ruff: noqa: ARG001 - every operator is a function of the same three things

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.onnx.arrays import (
    Array,
    Extent,
    Operator,
    computed,
    need,
    values_of,
)
from limbeck.bundle.onnx.graph import Node


def _same(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    found.numbers += 8 * math.prod(first.shape)  # some take several passes
    return [Array(first.shape)] * max(len(node.outputs), 1)


def _cast(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    kinds: dict[int, Any] = {1: np.float32, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
    kind = kinds.get(node.attributes["to"])
    if kind is None:
        return [Array(first.shape)]
    return [computed(first.shape, lambda: values_of(first).astype(kind), first)]


_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Equal": np.equal, "Less": np.less, "Greater": np.greater,
    "Max": np.maximum, "Min": np.minimum, "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
    "Mod": np.mod, "LessOrEqual": np.less_equal, "GreaterOrEqual": np.greater_equal,
}  # fmt: skip


def _divided(one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
    found: NDArray[Any] = np.divide(one, other)
    return found if one.dtype.kind == "f" else np.trunc(found).astype(one.dtype)


def _binary(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    arrays = [need(array) for array in given]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    work = _divided if node.op == "Div" else _BINARY.get(node.op)
    if work is None or len(arrays) != 2:
        return [Array(shape)]
    return [computed(shape, lambda: work(values_of(arrays[0]), values_of(arrays[1])), *arrays)]


def _where(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    arrays = [need(array) for array in given]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return [computed(shape, lambda: np.where(*map(values_of, arrays)), *arrays)]


def _negated(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    first = need(given[0])
    work = np.logical_not if node.op == "Not" else np.negative
    return [computed(first.shape, lambda: work(values_of(first)), first)]


def _normal(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    return _same(node, given, found)[:1]


def _quantised(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    return [Array(need(given[0]).shape), Array(()), Array(())]


ELEMENTWISE: dict[str, Operator] = {
    **dict.fromkeys(
        [
            "Abs", "Clip", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log",
            "LogSoftmax", "QuantizeLinear", "DequantizeLinear", "Reciprocal", "Relu", "ScatterElements", "Selu",
            "Round", "Sigmoid", "Sign", "Softmax", "Softplus", "Sqrt", "Tanh", "CumSum", "Cos", "Sin",
        ],
        _same,
    ),
    **dict.fromkeys(["BatchNormalization", "LayerNormalization", "InstanceNormalization", "Dropout"], _normal),
    **dict.fromkeys([*_BINARY, "Div", "Pow", "PRelu"], _binary),
    **dict.fromkeys(["Not", "Neg"], _negated),
    "Cast": _cast, "DynamicQuantizeLinear": _quantised, "Where": _where,
}  # fmt: skip
