"""Pictures as tensors: BYTES [N], each a file of its own (JPEG, PNG, …), or pixels [N, H, W, 3].

Pixels are UINT8, or FP32 from 0 to 1. In JSON a file is written in Base64.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.tensors import BYTES, Port, Tensor, column, one, wrong_datatype, wrong_shape
from limbeck.recipe import Task

MANY = "pictures"  # what rows are called in the body of a plain request


def ports(task: Task, encoder: Any) -> tuple[Port, ...]:  # noqa: ARG001
    """Return the tensors that a model takes."""
    return (Port(task.inputs[0], BYTES, (-1,)),)


def values_from(tensors: Mapping[str, Tensor], task: Task) -> list[Picture]:
    """Return N raw values of the tensors of a request.

    Raises
    ------
    LimbeckError
        When they are neither BYTES [N] nor UINT8 or FP32 [N, H, W, 1, 3 or 4], and for pixels that are no numbers from
        0 to 1. A file that cannot be decoded is told of when it is encoded.
    """
    tensor = one(tensors, task.inputs[0])
    if tensor.datatype == BYTES:
        return [_file(cell, at) for at, cell in enumerate(column(tensor))]
    if tensor.datatype not in ("UINT8", "FP32"):
        raise wrong_datatype(tensor, "BYTES, UINT8 or FP32")
    pixels = np.asarray(tensor.data)
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3, 4) or 0 in pixels.shape[1:]:
        raise wrong_shape(tensor, "[N, H, W, 3]")
    if pixels.dtype != np.uint8:
        if not ((pixels >= 0) & (pixels <= 1)).all():
            raise LimbeckError("pixels of FP32 are numbers from 0 to 1", where=f"input {tensor.name!r}")
        pixels = np.rint(pixels * 255.0).astype(np.uint8)
    return [Picture(picture, name=f"row {at}") for at, picture in enumerate(pixels)]


def values_of_json(rows: list[Any], task: Task) -> list[Picture]:  # noqa: ARG001
    """Return N raw values of a JSON list of files: texts in Base64, or the bytes of a form.

    Raises
    ------
    LimbeckError
        When one is not Base64.
    """
    return [_file(row, at) for at, row in enumerate(rows)]


def _file(cell: Any, at: int) -> Picture:
    if isinstance(cell, bytes):
        return Picture(cell, name=f"row {at}")
    try:
        return Picture(base64.b64decode(cell, validate=True), name=f"row {at}")
    except (TypeError, ValueError, binascii.Error) as error:
        raise LimbeckError("expected a picture's file in Base64", where=f"row {at}") from error


def cost(values: Sequence[Picture]) -> int:
    """Return what N pictures cost to answer: their bytes, in parts of 16 KiB."""
    return sum(1 + _size(value.source) // 2**14 for value in values)


def _size(source: Any) -> int:
    if isinstance(source, bytes):
        return len(source)
    return source.nbytes if isinstance(source, np.ndarray) else 0
