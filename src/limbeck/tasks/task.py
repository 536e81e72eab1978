"""What a task is: one object that holds all that differs between classification and anomaly detection.

Each folder beside this file has such an object in its ``__init__.py``, and `limbeck.tasks.TASKS` lists them. A variant
of a task changes what differs: ``dataclasses.replace(CLASSIFY, name="ordinal", labels=…)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset, Names
from limbeck.data.labels import classes_of
from limbeck.data.tables.rows import Ints
from limbeck.errors import LimbeckError
from limbeck.kinds.kind import Kind
from limbeck.kinds.predictor import Predictor
from limbeck.messages.message import Message, message
from limbeck.recipe import Recipe, Task

Figures = tuple[dict[str, Any], list[Message]]


def no_figures(
    classifier: Predictor, frame: pl.DataFrame, labels: Ints, p: NDArray[np.float32]  # noqa: ARG001
) -> Figures:  # fmt: skip
    """Return no figures and no findings: the metrics of every task are all."""
    return {}, []


def no_facts(metrics: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001
    """Return no lines for the report."""
    return {}


@dataclass(frozen=True)
class TaskKind:
    """All that differs between tasks.

    Attributes
    ----------
    name
        Also the name of the folder, and what stands before the kind of rows in ``task.kind`` ("anomaly-image");
        "classify" stands nowhere.
    detects
        Whether a student learns what is normal and scores how far a row is from it, and tells no classes apart.
    exclusive
        Whether a row has exactly one of the classes, so that their probabilities sum to one. Where it may have several,
        a class as `classes` names it is a set of labels; see `limbeck.data.label_sets`.
    classes
        The names of the classes, of all labels as written, the task and the place.
    labels
        The number of each row's label, int64 [N], of a frame with its task, place, row numbers and classes.
    with_labels
        The rows of a file with a label, where the task says what rows without one are; writes into the findings.
    parted
        The part of each row and the rows that stay, after parts are drawn: parts as they were given, as they were
        drawn, labels, numbers of rows that belong together; writes into the findings.
    unlearnable
        What keeps a student from learning of rows: labels, classes, parts, labels as written, the task, the place, and
        classes that are probably another one misspelt.
    figures
        Metrics that only this task has, and findings: of a bundle, the frame of N rows, labels int64 [N] and
        probabilities float32 [N, C].
    facts
        Which of a bundle's metrics have a line of their own in the report, by their names.
    baseline
        The line of the report of what a student has to beat, beside the majority class: of the recipe, training rows,
        which of them, rows to evaluate, which of them, the positive class, and the majority's line.
    baseline_needs
        The function of the kind's module ``baseline`` that ``baseline`` calls; None where it calls none.
    trainer
        The module whose ``train_detector`` trains its students; None: `limbeck.training.student` does.
    reader
        What turns raw values into arrays, where the task wants others than the kind's own encoder.
    verbs
        Verb -> "module:function" that does it, of a task whose rows do not have one label each; its other verbs are
        refused. "serve" names the class that a server loads its bundles as.
    """

    name: str
    labels: Callable[[pl.DataFrame, Task, object, Ints, Sequence[str]], Ints]
    with_labels: Callable[[pl.DataFrame, Task, str, Path, list[Message]], pl.DataFrame]
    parted: Callable[[Names, Names, Ints, Ints, list[Message]], tuple[Names, Ints]]
    unlearnable: Callable[
        [Ints, Sequence[str], Names, pl.Series | None, Task, Path, Mapping[str, str]], Iterator[LimbeckError]
    ]
    baseline: Callable[[Recipe, Dataset, Ints, Dataset, Ints, int | None, Mapping[str, Any]], dict[str, Any]]
    baseline_needs: str | None = None
    classes: Callable[[Sequence[str | None], Task, object], tuple[str, ...]] = classes_of
    figures: Callable[[Predictor, pl.DataFrame, Ints, NDArray[np.float32]], Figures] = no_figures
    facts: Callable[[Mapping[str, Any]], dict[str, Any]] = no_facts
    detects: bool = False
    exclusive: bool = True
    trainer: str | None = None
    reader: type[Any] | None = None
    verbs: Mapping[str, str] = field(default_factory=dict)

    def read_by(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return how networks list what they read: those of detectors with the task's name before it."""
        return tuple(f"{self.name}-{name}" for name in names) if self.detects or self.reader else tuple(names)

    def verb(self, name: str) -> Callable[..., Any] | None:
        """Return the function that does a verb for this task alone, or None."""
        place = self.verbs.get(name)
        if place is None:
            return None
        module, _, function = place.partition(":")
        own: Callable[..., Any] = getattr(import_module(module), function)
        return own

    def need_labels(self) -> None:
        """Refuse a task whose rows do not have one label each, for verbs that compare such labels.

        Raises
        ------
        LimbeckError
            Where the task is such a one.
        """
        if self.verbs:
            known = ", ".join(sorted({*self.verbs, "predict", "serve"}))
            what = message("task.no_labels" if self.exclusive else "task.several_labels", task=self.name)
            raise LimbeckError(what, fix=message("fix.verbs", verbs=known))

    def has_baseline(self, kind: Kind) -> bool:
        """Return whether rows of a kind have what the task's baseline needs."""
        return self.baseline_needs is None or kind.offers("baseline", self.baseline_needs)
