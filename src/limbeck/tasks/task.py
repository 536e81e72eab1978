"""What a task is: one object that holds all that differs between classification and anomaly detection.

Each folder beside this file has such an object in its ``__init__.py``, and `limbeck.tasks.TASKS` lists them. What is
heavy, or needs torch or scikit-learn, is a module of the folder that is named and loaded when it is first asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class TaskKind:
    """All that differs between tasks.

    Attributes
    ----------
    name
        Also the name of the folder.
    """

    name: str

    def load(self, module: str) -> Any:
        """Import a module of the task's folder, e.g. ``"baseline"``."""
        return import_module(f"limbeck.tasks.{self.name}.{module}")
