"""Rows in memory to a frame of answers, or to the table that `limbeck.predict` would write of a file with them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.prediction.resume_journal import Works
from limbeck.bundle.value_bundle import ValueBundle
from limbeck.data.labels import MEMORY
from limbeck.data.tables import layouts
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.events import check
from limbeck.kinds import kind_of
from limbeck.kinds.given.given_rows import rows_given
from limbeck.kinds.inputs import id_column
from limbeck.messages.message import Message
from limbeck.progress import progress as counting
from limbeck.recipe import Task

ROW, ERROR, SET = "row", "error", "set"


def rows_of(data: Any, task: Task) -> pl.DataFrame | None:
    """Return rows in memory with their columns, raw values in that of the task's input; None where data is a path.

    Raises
    ------
    LimbeckError
        When they are neither frame nor list of dictionaries, nor a list of texts or of paths of pictures.
    """
    listed = isinstance(data, list | tuple | np.ndarray | pl.Series) and not kind_of(task).framed
    if not listed or (len(data) and all(isinstance(row, Mapping) for row in data)):
        return rows_given(data)
    for at, value in enumerate(data):
        if value is not None and not isinstance(value, str | Path):
            fix = "give a frame, or a list of texts or paths; limbeck.load(…) takes arrays and pictures"
            raise LimbeckError(f"expected a text, got {type(value).__name__}", where=f"value {at}", fix=fix)
    cells = [None if value is None else str(value) for value in data]
    return pl.DataFrame({task.inputs[0]: cells}, schema={task.inputs[0]: pl.String})


def answer_rows(
    classifier: ValueBundle,
    rows: pl.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    quiet: bool = False,
    told: bool = True,
    sets: float | None = None,
) -> tuple[pl.DataFrame, dict[int, str]]:
    """Return the answers to N rows in memory as a frame of N rows, and why some have none, by their place from 0.

    Parameters
    ----------
    columns
        As in `limbeck.predict`, which also tells ``sets``, and ``error``, why a row has no answer; by default the id or
        the row's place, label, class, probability and, if ``told``, error.

    Raises
    ------
    Cancelled
        When it was stopped.
    LimbeckError
        For a missing column.
    """
    manifest = classifier.manifest
    task = manifest.task
    # The layout of a folder says nothing of rows in memory.
    layout = "table" if manifest.layout in classifier.kind.reading.layouts else manifest.layout
    frame = layouts.apply(rows, layout, manifest.columns)
    asked = classifier.kind.reading.given(frame, task, manifest.input)
    wanted = _checked(columns, frame, classifier, errors=told, sets=sets)
    probabilities = np.full((frame.height, len(classifier.classes)), np.nan, dtype=np.float32)
    errors: dict[int, str] = {}
    window = frame.height if classifier.kind.whole else classifier.window
    with counting("rows", frame.height, quiet=quiet) as tick:
        for start in range(0, frame.height, max(window, 1)):
            check()
            found, bad = classifier.answered_each(asked[start : start + window])
            probabilities[start : start + len(found)] = found
            errors |= {start + at: str(error) for at, error in sorted(bad.items())}
            tick(len(found))
    return pl.DataFrame(_columns(classifier, frame, wanted, probabilities, errors, sets)), errors


def write_rows(
    classifier: ValueBundle,
    rows: pl.DataFrame,
    output: Path,
    columns: Sequence[str] | None,
    *,
    quiet: bool = False,
    sets: float | None = None,
) -> tuple[int, int, Path | None, float, tuple[Message, ...]]:
    """Write the answers to rows in memory; return how many have one, how many not, where these are, seconds, notes."""
    started = time.perf_counter()
    found, errors = answer_rows(classifier, rows, columns, quiet=quiet, told=columns is not None, sets=sets)
    works = Works(output, found.columns, rounded=["probability", *(f"p:{name}" for name in classifier.classes)])
    try:
        journal = works.begin(uuid.uuid4().hex, quiet=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        good = found.filter(pl.Series([at not in errors for at in range(found.height)], dtype=pl.Boolean))
        with works.opened(journal) as files:
            works.write(files, journal, good.get_columns(), [(MEMORY.name, at, why) for at, why in errors.items()])
        works.finish(journal)
    except OSError as error:
        raise works.out_of_reach(error) from error
    finally:
        works.close()
    seconds = time.perf_counter() - started
    return good.height, len(errors), works.rejects if errors else None, seconds, tuple(works.notes)


def joined(names: Sequence[str]) -> str:
    """Return a set of classes as the text of a cell."""
    return "|".join(names)


def _checked(
    columns: Sequence[str] | None, frame: pl.DataFrame, classifier: ValueBundle, *, errors: bool, sets: float | None
) -> list[str]:
    """Return the columns of the answers, by default those that say which row it is and what the answer is."""
    task = classifier.manifest.task
    answers = [ROW, *classifier.told, ERROR]
    extra = [] if sets is None else [SET]
    if sets is not None:
        classifier.set_thresholds(sets)  # now, rather than after all rows
    if columns is None:
        own = id_column(task, frame.columns)
        key = own or (task.inputs[0] if classifier.kind.by_name else ROW)
        return [key, *classifier.usual, *extra, *([ERROR] if errors else [])]
    known = {*frame.columns, *(f"input.{name}" for name in frame.columns), *answers, *extra}
    for name in columns:
        if name not in known:
            fix = did_you_mean(name, sorted(known))
            raise LimbeckError(f"there is no column {name!r} to return", where="columns", fix=fix)
    return [*columns, *(name for name in extra if name not in columns)]


def _columns(
    classifier: ValueBundle,
    frame: pl.DataFrame,
    names: Sequence[str],
    p: np.ndarray,
    errors: dict[int, str],
    sets: float | None,
) -> list[pl.Series]:
    made: dict[str, Any] = {
        name: pl.Series(name, values.tolist(), pl.String)
        if values.dtype == object
        else pl.Series(name, values).fill_nan(None)
        for name, values in classifier.columns_of(p).items()
    }
    made |= {
        ROW: pl.Series(ROW, np.arange(frame.height, dtype=np.int64)),
        ERROR: pl.Series(ERROR, [errors.get(at) for at in range(frame.height)], pl.String),
    }
    if sets is not None:
        found = classifier.sets_of(p, sets)
        texts = [None if gone else joined(found[at]) for at, gone in enumerate(np.isnan(p[:, 0]).tolist())]
        made[SET] = pl.Series(SET, texts, pl.String)
    return [made[name] if name in made else frame[name.removeprefix("input.")].alias(name) for name in names]
