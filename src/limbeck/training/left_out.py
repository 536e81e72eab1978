"""Temperature and threshold from groups left out: patients, sessions or sources that a student has not seen.

Valid rows are often of the same sessions as the training rows, and say nothing of how scores move in a new one. So the
student is trained again without some of the groups, in turn, and what it then says of them (cross-fitting; Wolpert
1992) sets temperature, offset and threshold of the student that was trained on all. It costs one training for each
fold. Rows of ``test`` are not touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.dataset import Dataset
from limbeck.data.labels import text_of
from limbeck.data.split import fair_draw, split_random
from limbeck.data.split import folds as deal
from limbeck.data.tables.rows import need
from limbeck.errors import LimbeckError
from limbeck.events import check, silent
from limbeck.kinds.select import encode, values_of
from limbeck.messages.message import Message, message
from limbeck.metrics.fitted.recalibration import from_labels
from limbeck.metrics.measure import decide
from limbeck.progress import say
from limbeck.recipe import LeaveOut, Recipe
from limbeck.tasks import task_of
from limbeck.tasks.classify.attack_rows import settled_threshold
from limbeck.training.export.gate import logits_of
from limbeck.training.search.dealt_folds import fold_rows
from limbeck.training.search.out_of_fold import out_of_fold
from limbeck.training.student import LeftOut, Student

_FLOOR = 1e-6  # of a probability before its logarithm
_VALID = 0.15  # of the rows that a fold is trained on
FEW = 20  # rows of a group from which on its figures are worth telling
Floats = np.ndarray
Trainer = Callable[[Dataset], Student]


def wish_of(recipe: Recipe, rows: Dataset) -> LeaveOut | None:
    """Return what the recipe leaves out of these rows; None for nothing.

    Raises
    ------
    LimbeckError
        For groups that there are not, unless they are optional, and for a task without classes.
    """
    wish = recipe.evaluation.leave_out
    if wish is None:
        return None
    if task_of(recipe.task).detects:
        raise LimbeckError("evaluation.leave_out is for classifiers", where="recipe", fix="leave it out")
    try:
        if wish.group is None:
            return wish
        need(rows.frame.columns, [wish.group], "evaluation.leave_out.group")
        used, groups = _used(rows, wish.group)
        if len(set(groups[used].tolist())) < 2:
            what = f"the labelled rows of train and valid have fewer than two groups in {wish.group!r}"
            fix = "name another column, or leave the key out"
            raise LimbeckError(what, where="evaluation.leave_out", fix=fix)
    except LimbeckError as error:
        if not wish.optional:
            raise
        say(f"{error.what}: temperature and threshold are chosen on valid")
        return None
    return wish


def _used(rows: Dataset, column: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the labelled rows of train and valid, int64, and the group of every row; an empty cell is its own."""
    cells = text_of(rows.frame[column])
    groups = np.array([cell or f"\0{at}" for at, cell in enumerate(cells)], dtype=object)
    return np.flatnonzero(np.isin(rows.split, ["train", "valid"]) & (rows.labels >= 0)), groups


def left_out(recipe: Recipe, rows: Dataset, wish: LeaveOut, trained: Trainer) -> LeftOut:
    """Train a student for each fold of groups, without them, and return what it says of them."""
    assert wish.group is not None
    used, groups = _used(rows, wish.group)
    folds = min(wish.folds, len(set(groups[used].tolist())))
    numbers = deal(len(used), folds, labels=rows.labels[used], groups=groups[used], seed=recipe.training.seed)
    logits = np.full((len(rows.labels), len(rows.classes)), np.nan)
    for fold in range(folds):
        check("train again to go on")
        held, rest = used[numbers == fold], used[numbers != fold]
        say(f"left out {fold + 1} of {folds}: {len(held):,} rows, trained on {len(rest):,} others")
        with silent():
            student = trained(replace(rows, split=_without(recipe, rows, groups, held, rest)))
        logits[held] = logits_of(student.network, student.encoder, encode(student.encoder, values_of(
            rows.frame[held], recipe.task
        )))  # fmt: skip
    at = used[np.isfinite(logits[used]).all(axis=1)]
    return LeftOut(logits[at], rows.labels[at], at, groups[at].tolist(), wish.group, folds)


def by_rows(
    recipe: Recipe, rows: Dataset, wish: LeaveOut, folders: Sequence[Path | None], known: Floats | None
) -> LeftOut:
    """Return what students say of rows that they have not seen, where no column is named to leave out.

    ``known`` are such answers float [M, C] where a comparison of candidates has them: those that would be found here.
    """
    dealt = fold_rows(recipe, rows)
    if known is None:
        numbers = dealt.numbers(min(wish.folds, len(np.unique(dealt.units))), recipe.training.seed)
        known = out_of_fold(recipe, dealt, numbers, folders)
    assert known is not None  # no clock was given
    logits = np.log(np.maximum(known.astype(np.float64), _FLOOR))
    each = [f"\0{at}" for at in dealt.used]
    return LeftOut(logits, rows.labels[dealt.used], dealt.used, each, None, wish.folds, calibrated=True)


def _without(recipe: Recipe, rows: Dataset, groups: np.ndarray, held: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Return the parts of the rows for one fold: other rows stay where they are, if valid keeps enough of them."""
    split = np.where(rows.split == "unlabelled", "unlabelled", "unused").astype("<U10")
    split[rest] = rows.split[rest]
    valid = rest[rows.split[rest] == "valid"]
    before = np.count_nonzero(rows.split == "valid")
    if len(valid) < before / 4 or len(np.unique(rows.labels[valid])) < len(rows.classes):
        whole = groups[rest] if len(set(groups[rest].tolist())) > 2 else None
        labels = rows.labels[rest]
        draw = partial(split_random, len(rest), valid=_VALID, test=0.0, labels=labels, groups=whole)
        whole_train = np.full(len(rest), "train", dtype="<U10")
        split[rest] = fair_draw(lambda turn: draw(seed=turn), whole_train, labels, recipe.training.seed)
    # Unlabelled rows of the groups would be learned from by way of a teacher.
    alike = np.isin(groups, np.unique(groups[held].astype(str)).astype(object)) & (split == "unlabelled")
    split[alike] = "unused"
    return split


def settled(recipe: Recipe, rows: Dataset, student: Student, held: LeftOut) -> Student:
    """Return the student with temperature, offset and threshold that suit the rows left out."""
    if len(np.unique(held.labels)) < 2:
        raise LimbeckError("the rows left out are of one class", where="evaluation.leave_out", fix="leave the key out")
    change = from_labels(held.logits, held.labels)
    # Answers to rows left out one by one are calibrated already, each fold's by its own temperature, much like the
    # student's. On the scale of the student's logits they are what its temperature makes of them.
    before = student.temperature if held.calibrated else 1.0
    held = replace(held, logits=before * held.logits)
    made = replace(student, temperature=before / change.scale, offset=change.offset, left_out=held)
    threshold = settled_threshold(
        recipe.evaluation, rows.frame[held.rows], held.labels, made.calibrated(held.logits), rows.classes,
        student.positive,
    )  # fmt: skip
    made = replace(made, threshold=threshold)
    for line in told(made, rows.classes):
        say(line)
    return made


def figures(student: Student, classes: tuple[str, ...]) -> dict[str, Any]:
    """Return what the operating point does to rows left out: shares of right answers, by class and by group."""
    held = student.left_out
    assert held is not None
    p = student.calibrated(held.logits)
    right = decide(p, student.threshold, student.positive) == held.labels
    names, at = np.unique(np.array(held.groups, dtype=str), return_inverse=True)
    by_group = {
        str(name): {"n": int((at == k).sum()), "accuracy": float(right[at == k].mean())} for k, name in enumerate(names)
    }
    large = {name: one for name, one in by_group.items() if one["n"] >= FEW and not name.startswith("\0")}
    worst = min(large, key=lambda name: large[name]["accuracy"]) if large else None
    return {
        "group": held.column, "folds": held.folds, "rows": len(held.labels), "accuracy": float(right.mean()),
        "recall": {
            name: float(right[held.labels == k].mean()) for k, name in enumerate(classes) if (held.labels == k).any()
        },
        "worst_group": worst, "worst_accuracy": None if worst is None else large[worst]["accuracy"],
        "groups": large if len(large) <= 100 else {},
    }  # fmt: skip


def told(student: Student, classes: tuple[str, ...]) -> list[Message]:
    """Return the findings of a student that was settled on groups left out; none for any other."""
    if student.left_out is None:
        return []
    found = figures(student, classes)
    recalls = [message("evaluation.recall", name=name, recall=recall) for name, recall in found["recall"].items()]
    if student.left_out.column is None:
        return [message("candidates.out_of_fold", count=found["rows"])]
    lines = [
        message(
            "evaluation.left_out", column=found["group"], folds=found["folds"], count=found["rows"],
            accuracy=found["accuracy"], recalls=recalls[:12],
        )
    ]  # fmt: skip
    if found["worst_group"] is not None:
        lines.append(message("evaluation.left_out_worst", group=found["worst_group"], accuracy=found["worst_accuracy"]))
    return lines
