"""What rows are, as far as it is understood: the recipe so far, and the reason for each of its keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from limbeck.kinds.sample import Sample
from limbeck.messages.message import Message
from limbeck.recipe import Recipe, parse_recipe


@dataclass
class Understood:
    """What rows are, and the recipe that follows.

    Attributes
    ----------
    tables
        The recipe as plain tables: section -> key -> value.
    folder
        Where its paths begin; None for rows in memory.
    lines
        What was found and decided, a line each.
    why
        ``section.key`` -> the reason for its value.
    sample
        What the kind names its candidates by.
    """

    tables: dict[str, dict[str, Any]]
    folder: Path | None
    sample: Sample
    lines: list[Message] = field(default_factory=list)
    why: dict[str, Message] = field(default_factory=dict)

    @property
    def recipe(self) -> Recipe:
        """The recipe, checked."""
        return parse_recipe(self.tables)

    def decide(self, key: str, value: Any, why: Message, *, told: bool = True) -> None:
        """Set a key of the recipe, for a reason that is told."""
        section, name = key.split(".")
        self.tables.setdefault(section, {})[name] = value
        self.why[key] = why
        if told and why not in self.lines:
            self.lines.append(why)
