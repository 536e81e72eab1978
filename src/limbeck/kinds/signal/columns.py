"""Rows of signals: one window around one beat, with where it stands in its record.

A frame of such rows has the columns named here, beside the label. Amplitudes are millivolts, times seconds. Annotation
symbols become the classes of ANSI/AAMI EC57:2012 (table 3: N, S, V, F, Q); which MIT-BIH record goes to which side of
the inter-patient comparison is de Chazal et al. 2004, "Automatic classification of heartbeats using ECG morphology and
heartbeat interval features", section II-B.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.signal.reading.record_context import references, references_column
from limbeck.recipe import Task

Floats = NDArray[np.float64]
Windows = NDArray[np.float32]

SIGNAL, RECORD, PATIENT, TIME, BEFORE, AFTER, SYMBOL, SPLIT = (
    "signal", "record", "patient", "time", "rr_before", "rr_after", "symbol", "split",
)  # fmt: skip
BEAT, RHYTHM = "signal.beat", "signal.rhythm"  # columns of ours: the record's median beat, and its RR intervals
KEY = "signal.sha256"
READ = (SIGNAL, BEFORE, AFTER, BEAT, RHYTHM)  # what a bundle reads of a row
CHAZAL = "de-chazal"

_AAMI = {"N": "NLRej", "S": "AaJS", "V": "VE", "F": "F", "Q": "/fQ"}
AAMI = {symbol: name for name, symbols in _AAMI.items() for symbol in symbols}
DS1 = frozenset((
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
))  # fmt: skip
DS2 = frozenset((
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
))  # fmt: skip
PACED = frozenset(["102", "104", "107", "217"])
_SAME = {"202": "201"}  # MIT-BIH records 201 and 202 are of one man
SHORTEST, LONGEST = 0.1, 3.0  # seconds of an RR interval; others are the ends of a record, or pieces left out


@dataclass(frozen=True)
class Beats:
    """N windows of one source, before anything is known of their record as a whole.

    ``signal`` is float32 [N, L, T] in mV, ``time`` float64 [N] of the R peak, ``rr`` float64 [N, 2] to the beats before
    and after, NaN where missing; ``numbers`` int64 [N] count the beats of the source from 1.
    """

    signal: Windows
    record: Sequence[str]
    time: Floats
    rr: Floats
    numbers: NDArray[np.int64]
    labels: Sequence[str | None] | None = None
    symbols: Sequence[str] | None = None
    patient: Sequence[str] | None = None
    split: Sequence[str | None] | None = None
    known: bool = True  # whether ``record`` names records, so that a row can be held against the others of its own
    more: dict[str, Sequence[str | None]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.signal)


def patient_of(record: str) -> str:
    """Return the patient of a record: the record, unless two are known to be of one person."""
    return _SAME.get(record, record)


def usual(rr: Floats) -> Floats:
    """Return RR intervals in seconds with those that no heart makes set to NaN."""
    with np.errstate(invalid="ignore"):
        return np.where((rr >= SHORTEST) & (rr <= LONGEST), rr, np.nan)


def frame_of(beats: Beats, task: Task, path: str) -> pl.DataFrame:
    """Return the rows as a frame, each with what its record looks like; see the module's names of columns."""
    records = np.array([str(name) for name in beats.record], dtype=object)
    median, rhythm = references(beats.signal, records, beats.time, beats.rr, known=beats.known)
    patients = beats.patient or [patient_of(name) for name in records.tolist()]
    columns = [
        pl.Series(task.inputs[0], [path] * len(beats), pl.String),
        pl.Series(RECORD, records.tolist(), pl.String),
        pl.Series(PATIENT, list(patients), pl.String),
        pl.Series(TIME, beats.time).fill_nan(None),
        pl.Series(BEFORE, beats.rr[:, 0]).fill_nan(None),
        pl.Series(AFTER, beats.rr[:, 1]).fill_nan(None),
        array_column(SIGNAL, beats.signal),
        references_column(BEAT, median),
        references_column(RHYTHM, rhythm),
    ]
    given = {task.label: beats.labels, SYMBOL: beats.symbols, SPLIT: beats.split, **beats.more}
    there = {column.name for column in columns}  # whose beat it is may be what is asked: task.label = "record"
    columns += [
        pl.Series(name, list(values), pl.String)
        for name, values in given.items()
        if values is not None and name not in there
    ]
    return pl.DataFrame(columns)


def array_column(name: str, values: NDArray[np.float32]) -> pl.Series:
    """Return float32 [N, …] as a column of arrays."""
    flat = pl.Series(name, np.ascontiguousarray(values).reshape(-1), dtype=pl.Float32)
    return flat.reshape((len(values), *values.shape[1:]))


def columns_of(inputs: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG001
    """Return the columns by which a window is told from others, whatever the inputs of the task."""
    return (*READ, KEY)
