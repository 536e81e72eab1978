"""Answers, checked and brought into our classes: every teacher's way out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import did_you_mean
from limbeck.metrics.logits import sigmoid, softmax
from limbeck.teachers.base import AnswerError, Answers, Bools, Place

_TOLERANCE = 1e-3


class LabelMap:
    """Answers in a teacher's classes -> answers in ours.

    Every class of the teacher is one of ours, is mapped to one of ours, or is mapped to "" and ignored. Several may
    map to one, which gets their sum. Ours that the teacher does not know get 0, the rest is renormalised; a row with
    at most a thousandth of its mass on ours is an abstention.
    """

    def __init__(self, theirs: Iterable[str], place: Place) -> None:
        self.theirs, self.ours, labels = tuple(str(label) for label in theirs), place.classes, place.spec.labels
        self.exclusive = place.exclusive
        if len(set(self.theirs)) < len(self.theirs):
            raise place.wrong(f"it names a class twice: {list(self.theirs)}")
        for label in labels:
            if label not in self.theirs:
                raise place.wrong(f"labels maps {label!r}, which is no class of it", did_you_mean(label, self.theirs))
        self.matrix = np.zeros((len(self.theirs), len(self.ours)), dtype=np.float64)
        for index, label in enumerate(self.theirs):
            target = labels.get(label, label)
            if target in self.ours:
                self.matrix[index, self.ours.index(target)] = 1
            elif label in labels and target:
                raise place.wrong(f"labels maps {label!r} to the unknown {target!r}", did_you_mean(target, self.ours))
            elif label not in labels:
                fix = f'{did_you_mean(label, self.ours)} Add labels = {{ "{label}" = … }} ("" ignores it)'
                raise place.wrong(f"its class {label!r} is none of ours", fix)
        if not self.matrix.any():
            raise place.wrong("all of its classes are ignored", "map at least one in labels")

    def __call__(self, answers: ArrayLike, name: str) -> Answers:
        """Return checked float32 [N, C] of the teacher's probabilities [N, its classes]."""
        given = np.asarray(answers)
        if given.ndim != 2 or given.shape[1] != len(self.theirs):
            raise AnswerError(f"it gives the shape {given.shape} for {len(self.theirs)} classes", teacher=name)
        if not self.exclusive:
            return self._independent(given, name)
        fault = _fault(given)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            out = np.nan_to_num(given.astype(np.float64), nan=0, posinf=0, neginf=0) @ self.matrix
            mass = out.sum(axis=1, keepdims=True)
            mapped = np.where((mass > _TOLERANCE) & ~np.isnan(given[:, :1]), out / mass, np.nan).astype(np.float32)
        if fault is not None:
            _refuse(fault, mapped, name)
        return mapped

    def _independent(self, given: NDArray[Any], name: str) -> Answers:
        """Return each label's probability; the largest of several that map to one, NaN of a label it does not know."""
        out = np.full((len(given), len(self.ours)), np.nan, dtype=np.float32)
        for at in np.flatnonzero(self.matrix.any(axis=0)):
            out[:, at] = given[:, self.matrix[:, at] > 0].max(axis=1)
        return validate(out, name, len(out), len(self.ours), exclusive=False)


def validate(answers: ArrayLike, name: str, rows: int, classes: int, *, exclusive: bool = True) -> Answers:
    """Return answers as float32 [rows, classes], or raise `AnswerError` naming the teacher and the first bad row.

    Without ``exclusive`` each is a probability by itself, or NaN.
    """
    given = np.asarray(answers)
    if given.shape != (rows, classes):
        raise AnswerError(f"it gave the shape {given.shape} for {rows} rows of {classes} classes", teacher=name)
    with np.errstate(over="ignore"):
        given = given.astype(np.float32)
    if fault := _fault(given) if exclusive else _fault_of_one(given):
        _refuse(fault, given, name)
    return given


class _Fault(NamedTuple):
    """What is wrong with the first bad row, which rows are bad, and whether it is the sum of its answer."""

    what: str
    rows: Bools
    total: bool
    one: bool = False  # of labels that do not exclude each other


def _fault(given: NDArray[Any]) -> _Fault | None:
    """Return what is wrong with answers, None where nothing is."""
    empty = np.isnan(given)
    with np.errstate(invalid="ignore", over="ignore"):
        total = given.sum(axis=1, dtype=np.float64)
        faults = {
            "is NaN for some classes only": empty.any(axis=1) & ~empty.all(axis=1),
            "holds an infinite number": np.isinf(given).any(axis=1),
            "holds a negative probability": (given < 0).any(axis=1),
            "does not sum to one": np.abs(total - 1) > _TOLERANCE,
        }
    bad = np.logical_or.reduce(list(faults.values()))
    if not bad.any():
        return None
    first = int(bad.argmax())
    what = next(words for words, rows in faults.items() if rows[first])
    shown = [round(float(value), 4) for value in given[first][:8]]
    return _Fault(f"its answer {what}: {shown}", bad, what == list(faults)[-1])


def _fault_of_one(given: NDArray[Any]) -> _Fault | None:
    """Return what is wrong with answers to labels that do not exclude each other, None where nothing is."""
    with np.errstate(invalid="ignore"):
        bad: Bools = np.asarray(((given < 0) | (given > 1)).any(axis=1))
    if not bad.any():
        return None
    shown = [round(float(value), 4) for value in given[int(bad.argmax())][:8]]
    return _Fault(f"its answer holds what is no probability: {shown}", bad, total=False, one=True)


def _refuse(fault: _Fault, answers: Answers, name: str) -> None:
    what, bad = fault.what, fault.rows
    fix = "a teacher gives probabilities that sum to one, or abstains"
    if fault.one:
        fix = 'a teacher gives each label a probability from 0 to 1; say options.gives = "logits" if it gives logits'
    elif fault.total:
        fix = 'say options.gives = "logits" if it gives logits'
    raise AnswerError(what, teacher=name, row=int(bad.argmax()), fix=fix, answers=answers, done=~bad)


def probabilities(given: ArrayLike, gives: str, *, exclusive: bool = True) -> NDArray[np.float64]:
    """Return [N, C] probabilities of probabilities or logits; [N] or [N, 1] tells of the second of two classes.

    Without ``exclusive`` each column is a label by itself, and its logit one of a sigmoid.
    """
    scores = np.asarray(given, dtype=np.float64)
    if not exclusive:
        scores = scores.reshape(len(scores), -1)
        return sigmoid(scores) if gives == "logits" else scores
    if scores.ndim == 1 or scores.shape[1:] == (1,):
        one = scores.reshape(len(scores))
        one = sigmoid(one) if gives == "logits" else one
        return np.stack([1 - one, one], axis=1)
    if gives == "logits":
        with np.errstate(invalid="ignore"):
            return softmax(scores)
    return scores
