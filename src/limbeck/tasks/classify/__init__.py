"""Classification."""

from __future__ import annotations

from limbeck.data.labels import labels_of
from limbeck.tasks.classify.baseline import kind_line
from limbeck.tasks.classify.rows import as_given, parted, unlearnable
from limbeck.tasks.task import TaskKind

CLASSIFY = TaskKind(
    name="classify",
    labels=labels_of,
    with_labels=as_given,
    parted=parted,
    unlearnable=unlearnable,
    baseline=kind_line,
    baseline_needs="fit_and_measure",
)
