"""From rows without a recipe to the recipe that suits them: what lies at a path, what is to be told apart, and by what.

Every decision is a message that says what was decided and which key decides otherwise; the same messages are the
comments of the recipe that `limbeck init` writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from limbeck.data.labels import MEMORY
from limbeck.data.split import SPELLINGS
from limbeck.data.tables import read
from limbeck.dataset.automatic.columns import facts_of
from limbeck.dataset.automatic.folders import Found, pictures_in, signals_in
from limbeck.dataset.automatic.table import described
from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.kinds.image.reading.layouts.class_folders import holds_pictures
from limbeck.kinds.sample import Sample
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.reading.formats.windows import is_ucr
from limbeck.messages.message import Message, message
from limbeck.recipe import Recipe, parse_recipe

HEAD = 50_000  # rows that are looked at
ANOMALY = "anomaly"
_RECORDS = (".npz", ".hea")


@dataclass
class Understood:
    """What rows are, and the recipe that follows.

    Attributes
    ----------
    tables
        The recipe as plain tables: section -> key -> value.
    folder
        Where its paths begin; None for rows in memory.
    lines
        What was found and decided, a line each.
    why
        ``section.key`` -> the reason for its value.
    sample
        What the kind names its candidates by.
    """

    tables: dict[str, dict[str, Any]]
    folder: Path | None
    sample: Sample
    lines: list[Message] = field(default_factory=list)
    why: dict[str, Message] = field(default_factory=dict)

    @property
    def recipe(self) -> Recipe:
        """The recipe, checked."""
        return parse_recipe(self.tables)

    def decide(self, key: str, value: Any, why: Message, *, told: bool = True) -> None:
        """Set a key of the recipe, for a reason that is told."""
        section, name = key.split(".")
        self.tables.setdefault(section, {})[name] = value
        self.why[key] = why
        if told and why not in self.lines:
            self.lines.append(why)


def understand(source: Path | pl.DataFrame, *, label: str | None = None, task: str | None = None) -> Understood:
    """Return what the rows at a path or in memory are, and the recipe that follows.

    Parameters
    ----------
    source
        A table, a folder of pictures, records or tables, a file of windows; or a frame.
    label
        The column with the label; found where it is plain.
    task
        ``"anomaly"``, where only normal rows are known; None: classification, or what a published layout is for.

    Raises
    ------
    LimbeckError
        In one line: where there is nothing to read, no column that is plainly the label, or nothing to learn from.
    """
    if task not in (None, "classify", ANOMALY):
        raise LimbeckError(f"unknown task {task!r}", where="--task", fix="use classify or anomaly")
    found = _found(source, label, task)
    kind = KINDS[str(found.tables["task"]["kind"]).rpartition("-")[2]]
    detects = found.tables["task"]["kind"].startswith(ANOMALY)
    named = kind.load("portfolio")
    portfolio = named.detector(found.sample) if detects else named.portfolio(found.sample)
    for section, keys in portfolio.base.items():
        found.tables[section] = {**found.tables.get(section, {}), **keys}
    if len(portfolio.candidates) > 1:
        found.tables["selection"] = {"candidates": portfolio.candidates, "rule": "difference", **portfolio.selection}
        names = list(portfolio.candidates)
        found.decide("selection.folds", 5, message("automatic.candidates", count=len(names), names=names))
    return found


def _found(source: Path | pl.DataFrame, label: str | None, task: str | None) -> Understood:
    if isinstance(source, pl.DataFrame):
        if SIGNAL in source.columns and source[SIGNAL].dtype.is_nested():
            what = "windows of signals need a recipe"
            raise LimbeckError(what, where=MEMORY, fix="give one first, and the rows as data; see docs/signals.md")
        return _of_table(source, source.height, "rows given in Python", None, MEMORY, label, task)
    if not read.file_of(source).exists():
        raise LimbeckError(message("file.missing"), where=source, fix=message("fix.path"))
    if source.is_dir():
        return _of_folder(source, label, task)
    if source.suffix.lower() in _RECORDS or is_ucr(source):
        return _of(signals_in, source, task)
    frame, rows = _head(source)
    return _of_table(frame, rows, source.name, source.parent, source, label, task)


def _of(look: Callable[[Path, str | None], Found], source: Path, task: str | None) -> Understood:
    tables, folder, sample, lines = look(source, task)
    return Understood(tables, folder, sample, lines)


def _of_folder(folder: Path, label: str | None, task: str | None) -> Understood:
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    if any(Path(name).suffix.lower() in _RECORDS or is_ucr(folder / name) for name in names):
        return _of(signals_in, folder, task)
    tables = [name for name in names if read.ending_of(folder / name) and not name.endswith(read.REJECTED)]
    pictures = any((folder / name).is_dir() and holds_pictures(folder / name) for name in names)
    if pictures:
        tables = [name for name in tables if Path(name).suffix.lower() not in (".txt", ".json")]
    if not tables:
        if not pictures and not holds_pictures(folder):
            read.sources(folder)  # names what there is
        return _of(pictures_in, folder, task)
    parts = {SPELLINGS[stem]: name for name in tables if (stem := name.split(".")[0].lower()) in SPELLINGS}
    index = [name for name in tables if name.split(".")[0].lower() == "index"]
    if "train" in parts:
        frame, rows = _head(folder / parts["train"])
        found = _of_table(frame, rows, parts["train"], folder, folder / parts["train"], label, task)
        for part, name in parts.items():
            found.decide(f"data.{part}", name, message("automatic.part_file", part=part, file=name))
        return found
    name = index[0] if index else tables[0] if len(tables) == 1 else "."
    frame, rows = _head(folder / (tables[0] if name == "." else name))
    if pictures and not any(one.role == "file" for one in facts_of(frame)):
        what = message("automatic.mixed", table=tables[0])
        raise LimbeckError(what, where=folder, fix=message("automatic.mixed_fix"))
    found = _of_table(frame, rows * (len(tables) if name == "." else 1), name, folder, folder / name, label, task)
    if name == ".":
        found.lines.append(message("automatic.shards", count=len(tables)))
    return found


def _head(path: Path) -> tuple[pl.DataFrame, int]:
    """Return the first rows of a table, and how many rows it has or at least has."""
    frames, rows = [], 0
    for chunk in read.stream(path, rows=8192):
        frames.append(chunk.frame)
        rows += chunk.frame.height
        if rows >= HEAD:
            break
    return (pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()), rows


def _of_table(
    frame: pl.DataFrame, rows: int, name: str, folder: Path | None, where: Path, label: str | None, task: str | None
) -> Understood:
    found = Understood({"task": {}, "data": {}}, folder, Sample(rows, 2))
    found.decide("data.train", name, message("automatic.rows", count=rows, columns=frame.width), told=True)
    described(found, frame, facts_of(frame), where, label, anomaly=task == ANOMALY)
    return found
