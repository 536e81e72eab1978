"""Rows of signals from whatever holds them: records, folders of records, tables of paths, windows cut already.

Every source gives a frame of `beats`, the beats that cannot be used with the reason for each, and lines on what was
found. A record that cannot be read at all is one line, and the others are read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.paths import path_in
from limbeck.data.tables import layouts, read
from limbeck.data.tables.rows import Ints, Reject, need, text_column
from limbeck.errors import LimbeckError, MissingExtraError
from limbeck.events import check
from limbeck.files import out_of_reach
from limbeck.kinds.signal.columns import KEY, PATIENT, RECORD, Beats, frame_of
from limbeck.kinds.signal.reading.formats.edf_file import ENDINGS as EDF
from limbeck.kinds.signal.reading.formats.edf_file import read_edf
from limbeck.kinds.signal.reading.formats.wfdb_file import read_wfdb
from limbeck.kinds.signal.reading.formats.wfdb_record import segments_of
from limbeck.kinds.signal.reading.formats.windows import is_ucr, levelled, read_npz, read_ucr
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal, Task

FLAT = 0.005  # mV between the lowest and the highest sample of a lead that is off
CLIPPED = 0.12  # share of a window at its very highest or lowest value
HIGHEST = 50.0  # mV; no electrode measures more of a heart
RECORDS = (".hea", *EDF)
_UNREAD = (".bdf",)
_BESIDE = (".npz", ".tsv", ".txt")


@dataclass(frozen=True)
class Found:
    """What one source gave: its usable rows, their numbers, and why others are not usable."""

    source: Path
    frame: pl.DataFrame
    numbers: Ints
    rejects: tuple[Reject, ...] = ()
    findings: tuple[Message, ...] = ()


def signal_sources(
    path: Path, task: Task | None = None, columns: Mapping[str, str] | None = None
) -> list[tuple[Path, dict[str, str]]]:
    """Return the files that hold signals under a path, each with what a table of paths says of it.

    A folder gives the records in it, of all folders in it too, one in two forms once; where it holds none, its ``.npz``
    and UCR tables. A table gives the records of the task's input column, relative to the table. Of a record any file
    may be named. A segment that a longer record names is read as part of that one.

    Parameters
    ----------
    task
        Whose ``input`` names the column with the path; ``path`` without it.
    columns
        Name in the table -> name in the recipe.

    Raises
    ------
    LimbeckError
        When nothing is there.
    """
    if path.is_dir():
        return [(file, {}) for file in _folder(path)]
    suffix = path.suffix.lower()
    if suffix in _UNREAD:
        raise bdf_error(path)
    if suffix in (".npz", *RECORDS) or is_ucr(path):
        if not path.is_file():
            raise LimbeckError(message("file.missing"), where=path, fix=message("fix.path"))
        return [(path, {})]
    if (header := _header(path)).is_file():
        return [(header, {})]
    table = read.read(path)
    frame = layouts.apply(table.frame, "table", columns, where=path)
    name = task.inputs[0] if task else "path"
    need(frame.columns, [name], path)
    found = []
    for row in frame.with_columns(text_column(cells) for cells in frame).to_dicts():
        file = path_in(path.parent, str(row.pop(name) or "").strip())
        known = file.suffix.lower() in (*RECORDS, *_BESIDE, *_UNREAD)
        found.append(
            (file if known else _header(file), {key: value for key, value in row.items() if value is not None})
        )
    return found


def _header(path: Path) -> Path:
    """Return the header of the record that a path names, by its name or by one of its files."""
    whole = path.with_name(path.name + ".hea") if path.name else path
    return path.with_suffix(".hea") if path.suffix.lower() in (".dat", ".mat", ".atr", ".hea") else whole


def bdf_error(path: Path) -> LimbeckError:
    """Return what to do with a recording in BDF form."""
    return LimbeckError(message("record.bdf"), where=path, fix=message("fix.wfdb"))


def holds_signals(path: Path) -> bool:
    """Return whether a path is, or a folder holds, records or windows."""
    try:
        return bool(signal_sources(path))
    except LimbeckError:
        return False


def read_all(
    path: Path, task: Task, settings: Signal, *, labelled: bool, columns: Mapping[str, str] | None = None
) -> Iterator[Found | LimbeckError]:
    """Yield what each source under a path gave, or why it could not be read; see `signal_sources`."""
    for file, about in signal_sources(path, task, columns):
        check()
        try:
            yield read_source(file, task, settings, labelled=labelled, about=about)
        except MissingExtraError:
            raise
        except LimbeckError as error:
            yield error


def read_source(
    file: Path, task: Task, settings: Signal, *, labelled: bool, about: dict[str, str] | None = None
) -> Found:
    """Read one file of signals.

    Parameters
    ----------
    about
        What a table says of the record: ``patient``, ``split``, the label of all its beats, and columns of its own.

    Raises
    ------
    LimbeckError
        When the file cannot be read, or a label is wanted and there is none.
    """
    rejects: list[Reject] = []
    suffix = file.suffix.lower()
    about = dict(about or {})
    labelled = labelled and task.label not in (*about, RECORD, PATIENT)
    if not file.is_file():
        raise LimbeckError(message("file.missing"), where=file, fix=message("fix.path"))
    if suffix in _UNREAD:
        raise bdf_error(file)
    if suffix in EDF:
        beats, whole, rejects, findings = read_edf(file, settings, labelled=labelled)
    elif suffix == ".hea":
        beats, whole, rejects, findings = read_wfdb(file, settings, labelled=labelled)
    elif suffix == ".npz":
        beats, whole, findings = read_npz(file, settings)
    else:
        beats, whole, findings = read_ucr(file, settings)
    return usable(file, beats, whole, rejects, findings, task, settings, labelled=labelled, about=about)


def usable(
    file: Path, beats: Beats, whole: NDArray[np.float64], rejects: list[Reject], findings: Sequence[Message],
    task: Task,
    settings: Signal, *, labelled: bool, about: dict[str, str],
) -> Found:  # fmt: skip
    """Return the beats of a source that can be used, levelled, with their keys."""
    if labelled and beats.labels is None:
        raise LimbeckError(message("record.no_labels"), where=file, fix=message("fix.labels_y"))
    reasons = unfit(whole)
    rejects += [Reject(int(beats.numbers[at]), reason) for at, reason in enumerate(reasons) if reason]
    kept = np.array([at for at, reason in enumerate(reasons) if not reason], dtype=np.int64)
    if not len(kept):
        why = message("record.empty")
        if rejects:
            why = message("record.beat", beat=rejects[0].row, reason=rejects[0].reason)
        raise LimbeckError(message("record.no_usable_beat", reason=why), where=file, fix=message("fix.lead"))
    beats = _with(_take(beats, kept), about, task)
    beats = replace(beats, signal=levelled(beats.signal, settings.level))
    name = file.stem if file.suffix.lower() in RECORDS else file.name
    frame = frame_of(beats, task, name)
    keys = [hashlib.sha256(row.tobytes()).hexdigest() for row in beats.signal]
    frame = frame.with_columns(pl.Series(KEY, keys, pl.String))
    ordered = tuple(sorted(rejects, key=lambda reject: reject.row))
    return Found(file, frame, beats.numbers, ordered, tuple(findings))


def unfit(whole: NDArray[np.float64]) -> list[str]:
    """Return why each window float64 [N, L, n] cannot be used, "" where it can."""
    reasons: list[str] = [""] * len(whole)
    if not whole.size:
        return reasons
    high, low = whole.max(axis=2), whole.min(axis=2)
    share = np.maximum((whole == high[..., None]).mean(axis=2), (whole == low[..., None]).mean(axis=2))
    with np.errstate(invalid="ignore"):
        flat = high - low < FLAT
        checks = (
            (~np.isfinite(whole).all(axis=2), message("record.missing_samples")),
            (flat, message("record.flat")),
            ((share > CLIPPED) & ~flat, message("record.saturated")),
            (np.maximum(high, -low) > HIGHEST, message("record.beyond", most=HIGHEST)),
        )
    for bad, reason in checks:
        for at in np.flatnonzero(np.asarray(bad).any(axis=1)):
            reasons[at] = reasons[at] or reason
    return reasons


def _folder(path: Path) -> list[Path]:
    headers: list[Path] = []
    recordings: list[Path] = []
    others: list[Path] = []
    unread: list[Path] = []
    try:
        for place, inside, names in os.walk(path):
            inside[:] = sorted(name for name in inside if not name.startswith("."))
            files = [Path(place, name) for name in sorted(names) if not name.startswith(".")]
            headers += [file for file in files if file.suffix.lower() == ".hea"]
            others += [file for file in files if file.suffix.lower() == ".npz" or is_ucr(file)]
            recordings += [file for file in files if file.suffix.lower() in EDF]
            unread += [file for file in files if file.suffix.lower() in _UNREAD]
    except OSError as error:
        raise out_of_reach(error, path) from error
    if not headers and not recordings and not others and unread:
        raise bdf_error(unread[0])
    if not headers and not recordings and not others:
        what = "the folder holds no signals"
        raise LimbeckError(what, where=path, fix=f"put .hea with .dat there, .edf, or {' or '.join(_BESIDE)}")
    # A segment of a longer record is read as part of it.
    named = {header: segments_of(header) for header in headers}
    parts = {header.with_name(f"{name}.hea") for header, names in named.items() for name in names}
    found = [header for header in headers if header not in parts or named[header]]
    found += [file for file in recordings if file.with_suffix(".hea") not in named]
    return sorted(found) or sorted(others)


def _take(beats: Beats, rows: Ints) -> Beats:
    def some(values: Any) -> Any:
        return None if values is None else [values[at] for at in rows]

    return replace(
        beats, signal=beats.signal[rows], record=some(beats.record), time=beats.time[rows], rr=beats.rr[rows],
        numbers=beats.numbers[rows], labels=some(beats.labels), symbols=some(beats.symbols),
        patient=some(beats.patient), split=some(beats.split),
    )  # fmt: skip


def _with(beats: Beats, about: dict[str, str], task: Task) -> Beats:
    """Return the beats with what a table says of their record laid over them."""
    count = len(beats)
    own: dict[str, Any] = {name: [about.pop(name)] * count for name in ("patient", "split") if name in about}
    if task.label in about:
        own["labels"] = [about.pop(task.label)] * count
    return replace(beats, **own, more={name: [value] * count for name, value in about.items()})
