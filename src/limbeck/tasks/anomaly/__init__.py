"""Anomaly detection: learn from normal rows only."""

from __future__ import annotations

from limbeck.tasks.anomaly.baseline import kind_line
from limbeck.tasks.anomaly.labels import detected
from limbeck.tasks.anomaly.pixel_metrics import anomaly_metrics, pixel_facts
from limbeck.tasks.anomaly.rows import parted, unlabelled_as_normal, unlearnable
from limbeck.tasks.task import TaskKind

ANOMALY = TaskKind(
    name="anomaly",
    detects=True,
    labels=detected,
    with_labels=unlabelled_as_normal,
    parted=parted,
    unlearnable=unlearnable,
    figures=anomaly_metrics,
    facts=pixel_facts,
    baseline=kind_line,
    baseline_needs="forest_features",
    trainer="limbeck.training.anomaly",
)
