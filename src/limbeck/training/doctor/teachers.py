"""Whether teachers open, know our classes and answer, and whether the cache still says what they say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.recipe import Teacher as Spec
from limbeck.teachers import AnswerError, Answers, Teacher, kept
from limbeck.teachers.label_map import validate
from limbeck.teachers.rule import Rules
from limbeck.teachers.scenarios import ScenarioTeacher
from limbeck.training.distill.hidden_features import guide_for
from limbeck.training.distill.panel import seat
from limbeck.training.distill.trained_teacher import TrainedTeacher
from limbeck.training.doctor.case import Case, some
from limbeck.training.doctor.finding import Finding, refused

FEW = 32  # rows that a teacher is asked about
SAME = 1e-4  # answers that differ by less are one answer
HALF = 2e-3  # half precision keeps answers to within 5e-4; the rest is for other batches, threads and devices


@dataclass(frozen=True)
class Seat:
    """A teacher that opened, its entry in the recipe, and its sample rows."""

    spec: Spec
    teacher: Teacher
    sample: pl.DataFrame | None

    @property
    def remote(self) -> bool:
        """Whether asking it costs money, or at least somebody else's time."""
        return self.spec.source.startswith(("http:", "https:"))


def open_all(case: Case) -> tuple[list[Seat], list[Finding]]:
    """Open each teacher on its own, so that one that does not open hides no other."""
    seats: list[Seat] = []
    found: list[Finding] = []
    for spec in case.recipe.teachers:
        try:
            alone = case.recipe.model_copy(update={"teachers": [spec]})
            panel = seat(alone, case.classes, case.folders, case.rows)
        except LimbeckError as error:
            found.append(refused("teachers", error))
            continue
        seats += [Seat(spec, teacher, sample) for teacher, sample in zip(panel.teachers, panel.samples, strict=True)]
    return seats, found


def check_classes(case: Case, seats: list[Seat], *, whole: bool) -> Iterator[Finding]:
    """Yield classes of ours that a teacher does not know, and, where ``whole`` says all are here, that none knows."""
    covered = [_covered(one.teacher) for one in seats]
    for one, mask in zip(seats, covered, strict=True):
        lacks = [name for name, there in zip(case.classes, mask, strict=True) if not there]
        if lacks:
            what = f"teacher {one.teacher.name!r}: it never answers {', '.join(map(repr, lacks))}"
            yield Finding("warn", "teachers", what, "map one of its classes in labels, if it has one for that")
    if covered and whole:
        for name, there in zip(case.classes, np.logical_or.reduce(covered), strict=True):
            if not there:
                what = f"no teacher answers {name!r}: the student cannot learn it from them"
                yield Finding("error", "teachers", what, "map it in a teacher's labels, or name a teacher that has it")


def check_guide(case: Case, seats: list[Seat]) -> Iterator[Finding]:
    """Yield which teacher's hidden features are learned, or why there is none; nothing where no loss asks."""
    guide = guide_for(case.recipe, [one.teacher for one in seats])
    if guide is not None:
        what = f"teacher {guide.name!r}: gives {getattr(guide, 'width', 0)} hidden features a row"
        yield Finding("ok", "teachers", what)


def _covered(teacher: Any) -> NDArray[np.bool_]:
    """Return which of our classes a teacher can favour, bool [C]; all of them where nothing tells."""
    if isinstance(teacher, ScenarioTeacher):
        return np.isin(np.arange(len(teacher.classes)), teacher.labels)
    if isinstance(teacher, Rules):
        answers = np.array([line.answer for line in teacher.lines])
        return np.asarray(np.nan_to_num(answers).max(axis=0) > 1 / len(teacher.classes))
    matrix = getattr(getattr(teacher, "labels", None), "matrix", None)
    return np.ones(len(teacher.classes), dtype=bool) if matrix is None else np.asarray(matrix.any(axis=0))


def check_answers(case: Case, one: Seat, ask: bool, heard: dict[str, bool]) -> Iterator[Finding]:
    """Ask a teacher about a few rows, and yield whether it answers, and not always the same.

    In ``heard`` is written of each that was asked whether it answered any of them.
    """
    assert case.rows is not None
    who = f"teacher {one.teacher.name!r}"
    if isinstance(one.teacher, TrainedTeacher):
        often = "" if one.teacher.times == 1 else f", {one.teacher.times} times"
        yield Finding("ok", "teachers", f"{who}: {one.teacher.kind!r} is trained first{often}")
        return
    lacks = [column for column in one.teacher.columns if column not in case.rows.frame.columns]
    if lacks:
        what = f"{who}: it reads {', '.join(map(repr, lacks))}, which the rows lack"
        yield Finding("warn", "teachers", what, "name the columns in its input")
    if one.remote and not ask:
        yield Finding("ok", "teachers", f"{who}: not asked, as it may cost money; --ask asks it about {FEW} rows")
        return
    chosen = some(case.asked, FEW, case.recipe.training.seed)
    if not len(chosen):
        return
    said = _ask(case, one.teacher, chosen)
    silent = np.isnan(said[:, 0])
    given = said[~silent]
    heard[one.teacher.name] = bool(len(given))
    if not len(given):
        what = f"{who}: it abstains on all of {len(said)} sampled rows"
        yield Finding("warn", "teachers", what, "check the column it reads (input)")
    elif len(given) > 1 and silent.mean() < 0.1 and float(np.ptp(given, axis=0).max()) < SAME:
        what = f"{who}: it gives the same answer to every row: {[round(float(p), 3) for p in given[0]]}"
        yield Finding("warn", "teachers", what, "check the column it reads (input), or leave it out")
    else:
        yield Finding("ok", "teachers", f"{who}: answers {len(said)} sampled rows, abstains on {silent.mean():.0%}")


def check_silence(seats: list[Seat], heard: dict[str, bool]) -> Iterator[Finding]:
    """Yield that there is nothing to learn from teachers that were all asked and never answer."""
    if len(heard) == len(seats) and heard and not any(heard.values()):
        what = f"no teacher answers any of the sampled rows: {', '.join(map(repr, heard))} abstain on all of them"
        yield Finding("error", "teachers", what, "check the columns that they read (input) and what they look for")


def _ask(case: Case, teacher: Teacher, chosen: NDArray[np.int64]) -> Answers:
    """Return what a teacher says of these rows now; an error names the row as its file counts."""
    assert case.rows is not None
    try:
        return validate(teacher.answer(case.rows.frame[chosen]), teacher.name, len(chosen), len(teacher.classes))
    except AnswerError as error:
        if error.row is None:
            raise
        row = chosen[error.row]
        place = f"{case.rows.sources[case.rows.origin[row]].name}, row {case.rows.numbers[row]}"
        raise LimbeckError(error.fault, where=f"teacher {teacher.name!r}, {place}", fix=error.fix) from error


def check_cache(case: Case, one: Seat, ask: bool) -> Iterator[Finding]:
    """Yield how much is in the cache, and whether it is still what the teacher says."""
    assert case.rows is not None
    rows = case.asked
    found = kept(one.teacher, case.rows.frame[rows])
    count = int(found.there.sum())
    what = f"teacher {one.teacher.name!r}: {count:,} of {len(rows):,} rows are in the cache"
    if not count or isinstance(one.teacher, TrainedTeacher) or (one.remote and not ask):
        yield Finding("ok", "cache", what)
        return
    at = some(np.flatnonzero(found.there), FEW, case.recipe.training.seed)
    now, then = _ask(case, one.teacher, rows[at]), found.answers[at]
    apart = np.where(np.isnan(now) & np.isnan(then), 0.0, np.nan_to_num(np.abs(now - then), nan=1.0)).max(axis=1)
    wrong = int((apart > HALF).sum())
    if not wrong:
        yield Finding("ok", "cache", f"{what}; {len(at)} of them asked again say the same")
        return
    what = f"{what}, and {wrong} of {len(at)} asked again are answered otherwise (by up to {apart.max():.3f})"
    # A model on somebody else's server may answer a little differently each time.
    fix = f"delete {found.files[0]} and {found.files[1]}"
    if one.remote:
        yield Finding("warn", "cache", what, f"raise its options.version if it changed, or {fix}")
    else:
        yield Finding("error", "cache", what, fix)
