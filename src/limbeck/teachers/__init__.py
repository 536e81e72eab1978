"""Teachers: anything that gives class probabilities for rows, and the cache of what they said.

A new kind is a file here with a function ``Place -> Teacher``, and a line in `TEACHERS`. Packages of the ``train``
extra are imported when a teacher that needs them is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.teachers.base import AnswerError, Answers, Place, Teacher
from limbeck.teachers.bundle import open_bundle
from limbeck.teachers.cache import answers, cache_folder, kept
from limbeck.teachers.cache.hidden_features import features, gives_features, guide_of, standardised
from limbeck.teachers.column import open_column
from limbeck.teachers.http import open_http
from limbeck.teachers.huggingface import open_huggingface
from limbeck.teachers.onnx import open_onnx
from limbeck.teachers.rule import open_rules
from limbeck.teachers.sklearn import open_sklearn
from limbeck.teachers.spread import spread

TEACHERS: dict[str, Callable[[Place], Teacher]] = {
    "bundle": open_bundle,
    "onnx": open_onnx,
    "huggingface": open_huggingface,
    "sklearn": open_sklearn,
    "column": open_column,
    "http": open_http,
    "rule": open_rules,
}

SEVERAL = ("bundle", "column", "http")  # kinds that can give each of several labels a probability

__all__ = [
    "TEACHERS", "AnswerError", "Answers", "Teacher", "answers", "cache_folder", "features", "gives_features",
    "guide_of", "kept", "open_teacher", "standardised",
]  # fmt: skip


def open_teacher(spec: Spec, classes: tuple[str, ...], *, task: Task, folders: Sequence[Path | None] = ()) -> Teacher:
    """Open the teacher that a recipe names.

    Parameters
    ----------
    classes
        Our classes, in the order of the answers' columns.
    task
        Says which column is read when neither the recipe nor the teacher itself does, and which class is positive.
    folders
        Where its path is sought, in order, before the working directory.

    Raises
    ------
    LimbeckError
        For an unknown kind, a file that is missing, damaged or unsafe, a class that is not mapped, a wrong option.
    """
    kind, _, place = spec.source.partition(":")
    if kind in ("http", "https") and place.startswith("//"):
        kind, place = "http", spec.source
    if kind not in TEACHERS:
        raise LimbeckError(f"unknown kind {kind!r}", where=f"teacher {spec.name!r}", fix=did_you_mean(kind, TEACHERS))
    where = Place(spec, place.strip(), tuple(classes), task, tuple(folders))
    if not where.exclusive and (kind not in SEVERAL or spec.options.get("api", "v2") != "v2"):
        raise where.wrong("it gives a row one class, and several labels are to be learned", f"use {', '.join(SEVERAL)}")
    return spread(where, TEACHERS[kind](where))
