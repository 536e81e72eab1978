"""What windows of signals are called, and what makes two of them copies: their samples."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from limbeck.kinds.copies import Keys
from limbeck.kinds.signal.columns import KEY, RECORD, TIME
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
