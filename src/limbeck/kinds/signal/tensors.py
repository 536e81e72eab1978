"""Windows of a signal as tensors: FP32 [N, leads, samples] in millivolts, or [N, samples] of one lead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.encode import SignalInput
from limbeck.kinds.tensors import NUMBERS, Port, Tensor, one, wrong_datatype, wrong_shape
from limbeck.recipe import Task

MANY = "signals"  # what rows are called in the body of a plain request


def ports(task: Task, encoder: SignalInput) -> tuple[Port, ...]:  # noqa: ARG001
    """Return the tensors that a model takes."""
    return (Port(SIGNAL, "FP32", (-1, *encoder.shape)),)


def values_from(tensors: Mapping[str, Tensor], task: Task) -> NDArray[np.float32]:  # noqa: ARG001
    """Return N raw values of the tensors of a request.

    Raises
    ------
    LimbeckError
        When they are not one tensor of numbers [N, leads, samples] or [N, samples].
    """
    tensor = one(tensors, SIGNAL)
    if tensor.datatype not in NUMBERS or tensor.datatype == "BOOL":
        raise wrong_datatype(tensor, "FP32")
    windows = np.asarray(tensor.data)
    if windows.ndim not in (2, 3):
        raise wrong_shape(tensor, "[N, leads, samples]")
    return windows.astype(np.float32)


def values_of_json(rows: list[Any], task: Task) -> list[Any]:  # noqa: ARG001
    """Return N raw values of a JSON list: the windows themselves."""
    return rows


def cost(values: pl.DataFrame) -> int:
    """Return what N windows cost to answer, in windows."""
    return values.height
