"""From rows without a recipe to the recipe that suits them: what lies at a path, what is to be told apart, and by what.

Every decision is a message that says what was decided and which key decides otherwise; the same messages are the
comments of the recipe that `limbeck init` writes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from limbeck.data.labels import MEMORY
from limbeck.data.split import SPELLINGS
from limbeck.data.tables import read
from limbeck.data.tables.patterns import is_pattern, split
from limbeck.dataset.automatic.columns import ColumnFacts, facts_of
from limbeck.dataset.automatic.folders import pictures_in, signals_in
from limbeck.dataset.automatic.table import described
from limbeck.dataset.automatic.understood import Understood
from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach
from limbeck.kinds import KINDS
from limbeck.kinds.image.reading.layouts.class_folders import holds_pictures
from limbeck.kinds.sample import Sample
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.reading.formats.windows import is_ucr
from limbeck.messages.message import message

HEAD, MOST_COLUMNS = 50_000, 5000  # rows and columns that are looked at
ANOMALY, CLASSIFY = "anomaly", "classify"
_PORTFOLIOS = {"anomaly": "detector", "multilabel": "several"}  # task -> function of a kind's portfolio
_RECORDS = (".npz", ".hea", ".edf", ".rec")


def understand(source: Path | pl.DataFrame, *, label: str | None = None, task: str | None = None) -> Understood:
    """Return what the rows at a path or in memory are, and the recipe that follows.

    Parameters
    ----------
    source
        A table, a folder of pictures, records or tables, a file of windows; or a frame.
    label
        The column with the label; found where it is plain.
    task
        ``"anomaly"``, where only normal rows are known; ``"classify"``: one label a cell, whatever it looks like; None:
        classification, with several labels where cells hold several, or what a published layout is for.

    Raises
    ------
    LimbeckError
        In one line: where there is nothing to read, no column that is plainly the label, or nothing to learn from.
    """
    if task not in (None, CLASSIFY, ANOMALY):
        raise LimbeckError(f"unknown task {task!r}", where="--task", fix="use classify or anomaly")
    found = _found(source, label, task)
    asked, _, rows = str(found.tables["task"]["kind"]).rpartition("-")
    named = KINDS[rows].load("portfolio")
    portfolio = getattr(named, _PORTFOLIOS.get(asked, "portfolio"))(found.sample)
    for section, keys in portfolio.base.items():
        found.tables[section] = {**found.tables.get(section, {}), **keys}
    if len(portfolio.candidates) > 1:
        found.tables["selection"] = {"candidates": portfolio.candidates, "rule": "difference", **portfolio.selection}
        names = list(portfolio.candidates)
        folds = portfolio.selection.get("folds", 5)
        found.decide("selection.folds", folds, message("automatic.candidates", count=len(names), names=names))
    return found


def _found(source: Path | pl.DataFrame, label: str | None, task: str | None) -> Understood:
    if isinstance(source, pl.DataFrame):
        if SIGNAL in source.columns and source[SIGNAL].dtype.is_nested():
            what = "windows of signals need a recipe"
            raise LimbeckError(what, where=MEMORY, fix="give one first, and the rows as data; see docs/signals.md")
        return _of_table(_looked_at(source, MEMORY), "rows given in Python", None, MEMORY, label, task)
    if is_pattern(source):
        return _of_shards(source, label, task)
    if not read.file_of(source).exists():
        raise LimbeckError(message("file.missing"), where=source, fix=message("fix.path"))
    if source.is_dir():
        return _of_folder(source, label, task)
    if not read.file_of(source).is_file():
        read.sources(source)  # says what it is: a pipe, a device
    if source.suffix.lower() in _RECORDS or is_ucr(source):
        return signals_in(source, task)
    return _of_table(_head(source), source.name, source.parent, source, label, task)


def _of_shards(pattern: Path, label: str | None, task: str | None) -> Understood:
    """Return what the tables that match a pattern are, by the first of them."""
    tables = read.sources(pattern)
    folder, rest = split(pattern)
    found = _of_table(_head(tables[0]), str(rest), folder, tables[0], label, task)
    found.lines.append(message("automatic.shards", count=len(tables)))
    found.sample = replace(found.sample, rows=found.sample.rows * len(tables))
    return found


def _of_folder(folder: Path, label: str | None, task: str | None) -> Understood:
    try:
        names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    except OSError as error:
        raise out_of_reach(error, folder) from error
    if any(Path(name).suffix.lower() in _RECORDS or is_ucr(folder / name) for name in names):
        return signals_in(folder, task)
    tables = [name for name in names if read.ending_of(folder / name) and not name.endswith(read.REJECTED)]
    pictures = any((folder / name).is_dir() and holds_pictures(folder / name) for name in names)
    if pictures:
        tables = [name for name in tables if Path(name).suffix.lower() not in (".txt", ".json")]
    if not tables:
        if not pictures and not holds_pictures(folder):
            read.sources(folder)  # names what there is
        return pictures_in(folder, task)
    parts = {SPELLINGS[stem]: name for name in tables if (stem := name.split(".")[0].lower()) in SPELLINGS}
    index = [name for name in tables if name.split(".")[0].lower() == "index"]
    alone = parts.get("train") or (index[0] if index else tables[0] if len(tables) == 1 else "")
    head = _head(folder / (alone or tables[0]))
    if pictures and not any(one.role == "file" for one in head.columns):
        what = message("automatic.mixed", table=alone or tables[0])
        raise LimbeckError(what, where=folder, fix=message("automatic.mixed_fix"))
    found = _of_table(head, alone or ".", folder, folder / (alone or tables[0]), label, task)
    if "train" in parts:
        for part, name in parts.items():
            found.decide(f"data.{part}", name, message("automatic.part_file", part=part, file=name))
    elif not alone:
        found.lines.append(message("automatic.shards", count=len(tables)))
        found.sample = replace(found.sample, rows=found.sample.rows * len(tables))
    return found


@dataclass(frozen=True)
class _Head:
    """The first rows of a table, what its columns are, and whether there are more rows."""

    frame: pl.DataFrame
    columns: list[ColumnFacts]
    more: bool = False


def _head(path: Path) -> _Head:
    frames, rows, more = [], 0, False
    for chunk in read.stream(path, rows=8192):
        more = rows >= HEAD
        if more:
            break
        frames.append(chunk.frame)
        rows += chunk.frame.height
    frame = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
    return _looked_at(frame, path, more)


def _looked_at(frame: pl.DataFrame, where: Path, more: bool = False) -> _Head:
    if frame.width > MOST_COLUMNS:
        what = message("automatic.too_many_columns", count=frame.width, most=MOST_COLUMNS)
        raise LimbeckError(what, where=where, fix=message("automatic.too_many_columns_fix"))
    return _Head(frame, facts_of(frame), more)


def _of_table(
    head: _Head, name: str, folder: Path | None, where: Path, label: str | None, task: str | None
) -> Understood:
    """Return what a table is, which the recipe names by ``name``."""
    frame = head.frame
    found = Understood({"task": {}, "data": {}}, folder, Sample(frame.height, 2))
    code = "automatic.rows_and_more" if head.more else "automatic.rows"
    found.decide("data.train", name, message(code, count=frame.height, columns=frame.width))
    described(found, frame, head.columns, where, label, anomaly=task == ANOMALY, one_label=task == CLASSIFY)
    return found
