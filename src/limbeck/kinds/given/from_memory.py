"""Rows given from Python: frames, lists and arrays; all else is refused with the call to write."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from limbeck.data.labels import need_inputs
from limbeck.errors import LimbeckError
from limbeck.kinds.given.frames import frame_of, names_of
from limbeck.recipe import Task


def frame_or_items(values: Any, task: Task, wanted: str) -> tuple[pl.DataFrame | None, list[Any]]:
    """Return a frame of the task's column, or the items of a list of values.

    Parameters
    ----------
    wanted
        What several values are called: ``"texts"``, ``"pictures"``.

    Raises
    ------
    LimbeckError
        When the values are neither, or the frame lacks the column; it says which call is right.
    """
    name = task.inputs[0]
    if (frame := frame_of(values, [name])) is not None:
        need_inputs(names_of(values, frame), task, f"the {type(values).__name__}")
        return frame, []
    return None, _listed(values[name] if isinstance(values, Mapping) and name in values else values, wanted)


def _listed(values: object, wanted: str) -> list[Any]:
    """Return the items of a sequence; of what is none, or has no order, say what to give."""
    got, fix = type(values).__name__, f"give a list of {wanted}: [{wanted[:-1]}]"
    if isinstance(values, Mapping):
        fix = f"give a list of {wanted}"
    elif isinstance(values, Set):
        fix = "give a list: a set has no order"
    elif isinstance(values, np.ndarray) and values.ndim != 1 and not (wanted == "pictures" and values.ndim == 4):
        got = f"an array of shape {list(values.shape)}"
        if values.ndim == 2 and values.dtype.kind in "OUT":
            fix = "give array[:, 0]"
    elif isinstance(values, str | bytes | Path | Image.Image):
        pass
    elif not hasattr(values, "__iter__"):
        fix = f"give a list of {wanted}"
    elif not hasattr(values, "__len__"):
        fix = "give list(values)"
    elif hasattr(values, "to_list"):  # a column of polars or pandas
        return list(values.to_list())
    else:
        return list(values)
    raise LimbeckError(f"expected a list of {wanted}, got {got}", fix=fix)
