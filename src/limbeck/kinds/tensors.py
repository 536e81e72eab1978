"""Tensors of the Open Inference Protocol (version 2) as plain data, for the kinds that turn them into raw values.

The ``tensors`` module of a kind says which tensors its rows are (`Port`), and makes raw values of those it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError

NUMBERS: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype("?"), "UINT8": np.dtype("u1"), "UINT16": np.dtype("<u2"), "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"), "INT8": np.dtype("i1"), "INT16": np.dtype("<i2"), "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"), "FP16": np.dtype("<f2"), "FP32": np.dtype("<f4"), "FP64": np.dtype("<f8"),
}  # fmt: skip
BYTES = "BYTES"


@dataclass(frozen=True)
class Port:
    """A tensor that a model takes or gives: its name, its datatype, and its shape with -1 where any size fits."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor that was given.

    Attributes
    ----------
    data
        An array of ``shape``; for BYTES a list of str, bytes or None, row after row.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: NDArray[Any] | list[Any]


def one(tensors: Mapping[str, Tensor], name: str) -> Tensor:
    """Return the tensor of a model that takes only one: the one of this name.

    Raises
    ------
    LimbeckError
        When it is missing, or another is there too.
    """
    if set(tensors) != {name}:
        got = ", ".join(map(repr, sorted(tensors))) or "none"
        raise LimbeckError(f"expected the input {name!r}, got {got}", where="inputs", fix="see the model's metadata")
    return tensors[name]


def column(tensor: Tensor) -> NDArray[Any] | list[Any]:
    """Return the N values of a tensor of shape [N] or [N, 1].

    Raises
    ------
    LimbeckError
        For another shape.
    """
    shape = tensor.shape
    if len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
        raise wrong_shape(tensor, "[N] or [N, 1]")
    return tensor.data if isinstance(tensor.data, list) else tensor.data.reshape(-1)


def wrong_shape(tensor: Tensor, wanted: str) -> LimbeckError:
    """Return the error for a tensor of another shape than is wanted."""
    return LimbeckError(f"expected the shape {wanted}, got {list(tensor.shape)}", where=f"input {tensor.name!r}")


def wrong_datatype(tensor: Tensor, wanted: str) -> LimbeckError:
    """Return the error for a tensor of another datatype than is wanted."""
    return LimbeckError(f"expected the datatype {wanted}, got {tensor.datatype}", where=f"input {tensor.name!r}")


def texts(tensor: Tensor) -> list[str | None]:
    """Return the texts of a BYTES tensor [N] or [N, 1].

    Raises
    ------
    LimbeckError
        For another datatype or shape, and for bytes that are not UTF-8.
    """
    if tensor.datatype != BYTES:
        raise wrong_datatype(tensor, BYTES)
    cells = column(tensor)
    out: list[str | None] = []
    for at, cell in enumerate(cells):
        try:
            out.append(cell.decode("utf-8") if isinstance(cell, bytes) else cell)
        except UnicodeDecodeError as error:
            where = f"input {tensor.name!r}, row {at}"
            raise LimbeckError(f"not valid UTF-8 at byte {error.start}", where=where) from error
    return out
