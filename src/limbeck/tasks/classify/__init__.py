"""Classification."""

from __future__ import annotations

from limbeck.tasks.task import TaskKind

CLASSIFY = TaskKind(name="classify")
