"""What differs between tasks, one folder each; a new task is a folder and a line here."""

from __future__ import annotations

from limbeck.recipe import Task
from limbeck.tasks.anomaly import ANOMALY
from limbeck.tasks.classify import CLASSIFY
from limbeck.tasks.task import TaskKind

TASKS: dict[str, TaskKind] = {"classify": CLASSIFY, "anomaly": ANOMALY}


def task_of(task: Task) -> TaskKind:
    """Return what is asked of the rows: their classes, or which of them are anomalies."""
    return TASKS["anomaly" if task.anomaly else "classify"]
