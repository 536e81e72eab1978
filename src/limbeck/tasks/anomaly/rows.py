"""Rows for detectors of anomalies: only normal ones are learned, whatever the data holds beside them."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every task

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, message
from limbeck.recipe import Task

Names = npt.NDArray[np.str_]
LEAST = 2  # normal rows, of which one has to be valid


def unlabelled_as_normal(
    frame: pl.DataFrame, task: Task, part: str, file: Path, findings: list[Message]
) -> pl.DataFrame:
    """Return rows to learn from with a label: who gives a table without one says that all of it is normal."""
    if part not in ("train", "valid") or task.label in frame.columns or not frame.width:
        return frame
    findings.append(message("data.all_normal", file=file.name, column=task.label, count=frame.height))
    return frame.with_columns(pl.lit(task.normals[0]).alias(task.label))


def parted(before: Names, split: Names, labels: Ints, units: Ints, findings: list[Message]) -> tuple[Names, Ints]:
    """Return the part of each row and which rows stay, int64, ascending: no anomaly is left in train.

    Where test was drawn, anomalies that fell into train go to test, for which they are as good, unless a normal row of
    their unit (copies, patient) is learned; all others are left out.

    Parameters
    ----------
    before
        The parts as the data names them; ``split`` has those drawn since too.
    units
        int64 (n,), rows of one number belong together.
    """
    split = split.copy()
    strange = (labels == 1) & (split == "train")
    learned = units[np.isin(split, ("train", "valid")) & ~strange]
    moved = strange & ~np.isin(units, learned) & bool(np.any(split == "test") and not np.any(before == "test"))
    split[moved] = "test"
    if moved.any():
        findings.append(message("data.anomalies_to_test", count=np.count_nonzero(moved)))
    left = strange & ~moved
    if left.any():
        findings.append(message("data.anomalies_left_out", count=np.count_nonzero(left)))
    return split, np.flatnonzero(~left)


def unlearnable(
    labels: Ints, classes: Sequence[str], split: Names, raw: pl.Series | None, task: Task, where: Path,
    near: Mapping[str, str],
) -> Iterator[LimbeckError]:  # fmt: skip
    """Yield what keeps a detector from learning of rows; ``raw`` are the labels as written."""
    normal = labels == 0
    if not np.any(normal & (split == "train")):
        shown = [] if raw is None else raw.drop_nulls().unique().sort().head(8).to_list()
        what = f"no row of train is normal: its label is none of {', '.join(map(repr, task.normals))}"
        there = f" (there are {', '.join(map(repr, shown))})" if shown else ""
        yield LimbeckError(what + there, where=where, fix="name the normal label in task.normal")
    elif not np.any(normal & (split == "valid")):
        what = "no row of valid is normal, so nothing tells how high normal scores are"
        yield LimbeckError(what, where=where, fix="give valid some normal rows, or let data.split draw them")
    elif np.count_nonzero(normal & (split == "train")) < LEAST:
        what = "one normal row shows nothing of what differs between normal rows"
        yield LimbeckError(what, where=where, fix="give train more normal rows")
