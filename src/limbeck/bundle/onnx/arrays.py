"""Arrays of which only the shape is known, and the numbers where sizes are computed with them; see `extent`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.onnx.graph import Constant, Node

Shape = tuple[int, ...]
_KNOWN = 4096  # numbers that are computed with; a larger array is no size of anything
_SIDES = 12  # of one array


@dataclass(frozen=True)
class Array:
    """The shape of an array, and its numbers where they are few and do not depend on what is in the rows.

    ``moves`` says whether shape or numbers depend on how many rows and tokens a batch has.
    """

    shape: Shape
    value: NDArray[Any] | None = None
    moves: bool = False


@dataclass
class Extent:
    """What running a graph once takes at most: numbers written, products added, and numbers of the largest array.

    Of a graph that ``bends`` a smaller batch may take more than a larger one.
    """

    numbers: int = 0
    products: int = 0
    largest: int = 0
    bends: bool = False

    def add(self, shape: Shape) -> None:
        """Count an array that is written."""
        if len(shape) > _SIDES or min(shape, default=0) < 0:
            raise ValueError("no shape")
        size = math.prod(shape)
        self.numbers += size
        self.largest = max(self.largest, size)


class UnknownError(ValueError):
    """A graph that cannot be followed."""


def array_of(constant: Constant) -> Array:
    """Return a constant of the file as an array."""
    return Array(constant.shape, constant.value)


def values_of(array: Array | None) -> NDArray[Any]:
    """Return the numbers of an array, which have to be known."""
    if array is None or array.value is None:
        raise UnknownError("a size that depends on the rows")
    return array.value


def ints_of(array: Array | None) -> list[int]:
    """Return the numbers of an array as sizes."""
    return [int(value) for value in values_of(array).reshape(-1)]


def need(array: Array | None) -> Array:
    """Return an input that has to be there."""
    if array is None:
        raise UnknownError("an input is missing")
    return array


def get(given: Sequence[Array | None], at: int) -> Array | None:
    """Return an input that may be left out."""
    return given[at] if at < len(given) else None


def computed(shape: Shape, work: Callable[[], NDArray[Any]], *of: Array | None) -> Array:
    """Return an array, with its numbers where all that it is made of are known and few."""
    if math.prod(shape) > _KNOWN or any(array is None or array.value is None for array in of):
        return Array(shape)
    with np.errstate(all="ignore"):
        value = np.asarray(work())
    return Array(shape, value) if value.shape == shape else Array(shape)


def axis_of(axis: int, sides: int) -> int:
    """Return an axis counted from the front."""
    if not -sides <= axis < max(sides, 1):
        raise UnknownError("no such axis")
    return axis % max(sides, 1)


Operator = Callable[[Node, Sequence[Array | None], Extent], list[Array]]
