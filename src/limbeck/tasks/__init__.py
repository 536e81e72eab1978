"""What differs between tasks, one folder each; a new task is a folder and a line here."""

from __future__ import annotations

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds import KINDS
from limbeck.recipe import Task
from limbeck.recipe.data import CLASSIFY as UNNAMED
from limbeck.tasks.anomaly import ANOMALY
from limbeck.tasks.classify import CLASSIFY
from limbeck.tasks.detect import DETECT
from limbeck.tasks.multilabel import MULTILABEL
from limbeck.tasks.task import TaskKind

TASKS: dict[str, TaskKind] = {"classify": CLASSIFY, "anomaly": ANOMALY, "detect": DETECT, "multilabel": MULTILABEL}


def task_of(task: Task) -> TaskKind:
    """Return what is asked of the rows: their classes, or which of them are anomalies.

    Raises
    ------
    LimbeckError
        Where ``task.kind`` names a task that there is not.
    """
    if (found := TASKS.get(task.name)) is None:
        known = [*KINDS, *(f"{name}-{task.rows}" for name in TASKS if name != UNNAMED)]
        fix = did_you_mean(task.kind, known)
        raise LimbeckError(f"task.kind: unknown task {task.name!r} in {task.kind!r}", where="recipe", fix=fix)
    return found
