"""Anomaly detection: learn from normal rows only."""

from __future__ import annotations

from limbeck.tasks.anomaly.labels import detected
from limbeck.tasks.anomaly.rows import parted, unlabelled_as_normal, unlearnable
from limbeck.tasks.task import TaskKind

ANOMALY = TaskKind(
    name="anomaly",
    detects=True,
    labels=detected,
    with_labels=unlabelled_as_normal,
    parted=parted,
    unlearnable=unlearnable,
    learns_labels=False,
)
