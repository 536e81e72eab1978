"""Did a teacher see the test rows? Then the student's figures on them would be too good.

Rows of scenarios and samples are here, and are compared by content; a bundle brings hashes of the rows it was made
from (`limbeck.bundle.training_hashes`). Hashes of 32 bits collide: what is expected by chance is taken off, and so many
more as three standard deviations of a Poisson count, before a bundle is blamed.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from limbeck.bundle.training_hashes import beyond_chance, learned_from, telling_keys
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.recipe import Input, Task
from limbeck.teachers.bundle import Bundle
from limbeck.training.distill.trained_teacher import TrainedTeacher
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.finding import Finding
from limbeck.training.doctor.teachers import Seat

MOST = 0.01  # share of the test rows that a teacher may have seen by accident


def check_overlap(case: Case, one: Seat) -> Iterator[Finding]:
    """Yield how many test rows a teacher was trained on, as far as anything tells."""
    assert case.rows is not None
    test = case.rows.frame[case.rows.part("test")]
    if not test.height:
        return
    who, told = f"teacher {one.teacher.name!r}", False
    if one.sample is not None:
        told = True
        yield _sampled(case, one.sample, test, who)
    if isinstance(one.teacher, Bundle):
        finding = _hashed(one.teacher, test, who)
        if finding is not None:
            told = True
            yield finding
    if isinstance(one.teacher, TrainedTeacher):
        return  # on rows of train, here
    if one.spec.source.startswith(("column:", "rule:")):
        yield Finding("ok", "overlap", f"{who}: what made its answers is not known here; see that it saw no test row")
    elif not told:
        what = f"{who}: nothing tells whether it was trained on the test rows"
        yield Finding("warn", "overlap", what, "name the rows it was trained on in its sample")


def _keys(frame: pl.DataFrame, task: Task, reader: Input) -> list[str]:
    return [key for key in telling_keys(frame, task, reader) if key]


def _sampled(case: Case, sample: pl.DataFrame, test: pl.DataFrame, who: str) -> Finding:
    task, reader = case.recipe.task, case.recipe.input
    if task.inputs[0] not in sample.columns and kind_of(task).one_text:
        raise LimbeckError(f"its sample has no column {task.inputs[0]!r}", where=who, fix="rename it in the sample")
    seen = set(_keys(sample, task, reader))
    keys = _keys(test, task, reader)
    return _finding(who, sum(key in seen for key in keys), len(keys), 0.0)


def _hashed(teacher: Bundle, test: pl.DataFrame, who: str) -> Finding | None:
    """Compare hashes, made as the bundle made them: of the columns it reads, cleaned in its way."""
    manifest = teacher.classifier.manifest
    if not set(teacher.columns) & set(test.columns):
        return None
    inputs = teacher.columns[0] if teacher.kind.one_text else list(teacher.columns)
    keys = _keys(test, manifest.task.model_copy(update={"input": inputs}), manifest.input)
    known = learned_from(teacher.classifier.path, keys)
    return None if known is None else _finding(who, known[0], len(keys), known[1])


def _finding(who: str, count: int, rows: int, chance: float) -> Finding:
    what = f"{who}: it was trained on {count:,} of {rows:,} test rows"
    what += f" ({chance:.1f} of them expected by chance)" if chance >= 0.1 else ""
    if not beyond_chance(count, chance):
        return Finding("ok", "overlap", what)
    fix = "leave these rows out of test, or take a teacher that was not trained on them"
    return Finding("error" if count - chance > MOST * rows else "warn", "overlap", what, fix)
