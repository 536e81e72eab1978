"""Windows of signals in memory, as the rows that a file of windows gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.tables.rows import need, text_column
from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import AFTER, BEFORE, PATIENT, RECORD, SIGNAL, SPLIT, TIME, Beats
from limbeck.kinds.signal.reading.read import Found, usable
from limbeck.recipe import Signal, Task


def windows_in_memory(frame: pl.DataFrame, task: Task, settings: Signal, *, labelled: bool, source: Path) -> Found:
    """Read windows in memory, numbered from 0; see `limbeck.kinds.signal.encode.signal_rows` for their columns.

    Parameters
    ----------
    frame
        ``signal`` [L, T] or [T] in mV; ``record``, ``patient``, ``time``, ``rr_before``, ``rr_after``, ``split``, the
        label and others where they are known.
    source
        What messages call it.

    Raises
    ------
    LimbeckError
        When there are no windows of one length, or a label is wanted and there is none.
    """
    need(frame.columns, [SIGNAL, *([task.label] if labelled else [])], source)
    try:
        windows = np.array(frame[SIGNAL].to_list(), dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise LimbeckError("these are not windows of one length", where=source, fix="cut them alike") from error
    windows = windows[:, None, :] if windows.ndim == 2 else windows
    if windows.ndim != 3:
        raise LimbeckError(f"an array {list(windows.shape)} where [N, leads, samples] is wanted", where=source)

    def cells(name: str) -> list[str | None] | None:
        return text_column(frame[name]).to_list() if name in frame.columns else None

    def numbers(name: str) -> NDArray[np.float64]:
        column = frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy() if name in frame.columns else np.nan
        return np.broadcast_to(np.asarray(column, dtype=np.float64), len(windows))

    named = cells(RECORD)
    own = (SIGNAL, RECORD, PATIENT, TIME, BEFORE, AFTER, SPLIT, task.label, task.inputs[0])
    patient = cells(PATIENT)
    beats = Beats(
        windows, [name or "" for name in named] if named else [""] * len(windows), numbers(TIME),
        np.stack([numbers(BEFORE), numbers(AFTER)], axis=1), np.arange(len(windows), dtype=np.int64),
        labels=cells(task.label), patient=None if patient is None else [name or "" for name in patient],
        split=cells(SPLIT), known=named is not None,
        more={name: cells(name) or [] for name in frame.columns if name not in own},
    )  # fmt: skip
    return usable(source, beats, windows.astype(np.float64), [], [], task, settings, labelled=labelled, about={})
