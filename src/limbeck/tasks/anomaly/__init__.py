"""Anomaly detection: learn from normal rows only."""

from __future__ import annotations

from limbeck.tasks.task import TaskKind

ANOMALY = TaskKind(name="anomaly")
