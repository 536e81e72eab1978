"""From a table, or a folder of tables, to a table of answers: streamed, in order, resumable, whole or not at all.

A chunk is read and encoded while the one before it is answered; the answers grow in
`limbeck.bundle.prediction.resume_journal`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import polars as pl

from limbeck.bundle.load import load, own_verb
from limbeck.bundle.prediction.predict_files import Done, Run, refuse_unwritable
from limbeck.bundle.prediction.predict_rows import answer_rows, rows_of, write_rows
from limbeck.bundle.value_bundle import ValueBundle
from limbeck.data.tables import layouts
from limbeck.errors import LimbeckError
from limbeck.events import Listener, Token, stage, told
from limbeck.locks import sole_writer
from limbeck.process.forks import refuse_forked


@overload
def predict(
    bundle: str | Path | ValueBundle, source: str | Path | Any, output: str | Path, *,
    columns: Sequence[str] | None = None, maps: str | Path | None = None, sets: float | None = None,
    encoding: str | None = None, rename: Mapping[str, str] | None = None, quiet: bool = False,
    progress: Listener | None = None, cancel: Token | None = None, **boxes: Any,
) -> Done: ...  # fmt: skip


@overload
def predict(
    bundle: str | Path | ValueBundle, source: Any, output: None = None, *, columns: Sequence[str] | None = None,
    maps: str | Path | None = None, sets: float | None = None, encoding: str | None = None,
    rename: Mapping[str, str] | None = None, quiet: bool = False, progress: Listener | None = None,
    cancel: Token | None = None, **boxes: Any,
) -> pl.DataFrame: ...  # fmt: skip


def predict(
    bundle: str | Path | ValueBundle,
    source: str | Path | Any,
    output: str | Path | None = None,
    *,
    columns: Sequence[str] | None = None,
    maps: str | Path | None = None,
    sets: float | None = None,
    encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
    quiet: bool = False,
    progress: Listener | None = None,
    cancel: Token | None = None,
    **boxes: Any,
) -> Done | pl.DataFrame:
    """Answer every row of a table, of tables of a folder or a pattern, or in memory, in order; files in bounded memory.

    A bundle of pictures reads one picture, or those of a folder and of all folders in it, sorted by path; where there
    is none, its tables. Paths of a table begin in the folder of the table. A bundle of signals reads a record, a folder
    or table of records, or a file of windows, and gives a row for each beat.

    Rows in memory (a frame of polars or pandas, a list of dictionaries or of texts) need no output: without one the
    answers are returned, a row for each row, see `limbeck.bundle.prediction.predict_rows.answer_rows`.

    Parameters
    ----------
    columns
        What to write: any column of the input, and ``row`` (its number in the file), ``file``, ``label`` (as the
        training rows wrote it), ``class``, ``probability`` (of that class) and ``p:CLASS`` for each class.
        ``input.NAME`` is the input's own column where a name is taken. By default the input's id column, or else
        the picture's path or the row number, then label, class and probability.
    maps
        Folder for a heat map of each picture, of bundles that find anomalies in pictures.
    sets
        Coverage of prediction sets, e.g. 0.9: adds the column ``set``, the classes that a row may have, joined by "|",
        the most probable first; see `Classifier.predict_sets`.
    encoding
        That of text tables, e.g. ``"latin-1"``; found when None.
    rename
        Column of the input -> the column that the bundle reads, where they are called otherwise.
    progress
        Called with each `limbeck.events.Event` of the run; nothing is written to stderr then. What it raises ends the
        run.
    cancel
        Stops the run at its next safe point and keeps what is answered: the same call goes on from there.
    output
        ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet`` or ``.xlsx``. Unreadable rows go to ``OUTPUT.rejected.csv`` with
        reasons.
    boxes
        Of bundles that find boxes, whose ``source`` may be a video, ``camera:0`` or the address of a stream, and whose
        output COCO's ``.json`` or a folder of YOLO's text files: ``threshold``, ``draw``, ``tiles``, ``track`` and
        ``most``, see `limbeck.bundle.detect.predict.Asked`.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For a missing column, an unreadable input or one that changes while it is read, an output that cannot be written
        or that another process is writing.
    """
    refuse_forked()
    with told(progress, cancel), contextlib.ExitStack() as stack:
        for written in (output, maps):
            if written is not None:
                stack.enter_context(sole_writer(written))
        if (own := own_verb(bundle, "predict")) is not None:
            detector = stack.enter_context(load(bundle)) if isinstance(bundle, str | Path) else bundle
            stack.enter_context(stage("predict"))
            if output is None or not isinstance(source, str | Path):
                raise LimbeckError("boxes are found in files", where="predict", fix="give a path and an output")
            refuse_of_classifiers(columns=columns, maps=maps, sets=sets, encoding=encoding, rename=rename or None)
            done: Done = own(detector, str(source), Path(output), quiet=quiet and progress is None, **boxes)
            return done
        if boxes:
            raise LimbeckError(f"{min(boxes)} is of bundles that find boxes", where="predict", fix="leave it out")
        classifier = bundle if isinstance(bundle, ValueBundle) else stack.enter_context(load(bundle))
        stack.enter_context(stage("predict"))
        quiet = quiet and progress is None
        if (rows := rows_of(source, classifier.manifest.task)) is not None:
            rows = layouts.apply(rows, columns=rename)
            return _in_memory(classifier, rows, output, columns, maps, quiet, sets)
        if output is None:
            raise LimbeckError("name an output for the answers to a file", where=source, fix="give its path")
        return Run(classifier, Path(source), Path(output), columns, maps, quiet, encoding, sets, rename).go()


def refuse_of_classifiers(**given: Any) -> None:
    """Raise where something is given that only bundles of classifiers know."""
    if named := [name for name, value in given.items() if value is not None]:
        raise LimbeckError(f"{named[0]} is of bundles of classifiers", where="predict", fix="leave it out")


def _in_memory(
    classifier: ValueBundle, rows: pl.DataFrame, output: str | Path | None, columns: Sequence[str] | None,
    maps: str | Path | None, quiet: bool, sets: float | None,
) -> Done | pl.DataFrame:  # fmt: skip
    if maps is not None:
        raise LimbeckError("maps are of pictures in files", where="maps", fix="use limbeck.load(…).maps")
    if output is None:
        return answer_rows(classifier, rows, columns, quiet=quiet, sets=sets)[0]
    refuse_unwritable(Path(output))
    made = write_rows(classifier, rows, Path(output), columns, quiet=quiet, sets=sets)
    answered, refused, rejects, seconds, notes = made
    return Done(Path(output), answered, refused, rejects, seconds, 0, notes)
