"""What windows of signals are called, what makes two of them copies, and how large they are."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.defaults import Keys
from limbeck.kinds.signal.columns import KEY, RECORD, SIGNAL, TIME
from limbeck.recipe import Clean, Task


def keys(frame: pl.DataFrame, texts: Sequence[str], clean: Clean) -> Keys:
    """Return the hash of each window's samples; the names of rows that no reader of signals gave."""
    if KEY not in frame.columns:
        return list(texts), list(texts)
    hashes = [str(value) for value in frame[KEY].to_list()]
    return hashes, hashes


def names(frame: pl.DataFrame, task: Task) -> list[str]:
    """Return what people call each row."""
    return names_of(frame)


def names_of(frame: pl.DataFrame) -> list[str]:
    """Return what people call each row: its record and the second of its beat, or its place in the file."""
    times = frame[TIME].to_list() if TIME in frame.columns else [None] * frame.height
    records = frame[RECORD].to_list() if RECORD in frame.columns else [""] * frame.height
    return [
        f"record {record} at {time:.2f} s" if record and time is not None else f"window {at + 1}"
        for at, (record, time) in enumerate(zip(records, times, strict=True))
    ]


def sizes(rows: pl.DataFrame) -> tuple[str, NDArray[np.float64]]:
    """Return the unit, and the size of each of N windows, the largest of its leads."""
    if not rows.height:
        return "mV, peak to peak", np.empty(0)
    windows = np.array(rows[SIGNAL].to_list(), dtype=np.float64)
    windows = windows if windows.ndim == 3 else windows[:, None, :]
    return "mV, peak to peak", np.ptp(windows, axis=2).max(axis=1)
