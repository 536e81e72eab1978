"""What a check says: one line, and how bad it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from limbeck.errors import LimbeckError
from limbeck.messages.message import Message, stand_in

Level = Literal["ok", "warn", "error"]


@dataclass(frozen=True)
class Finding:
    """What a check found: ``what`` in plain words, and the ``fix`` where one is known; both are one line."""

    level: Level
    check: str
    what: str
    fix: str = ""

    def __post_init__(self) -> None:
        for name in ("what", "fix"):
            text = stand_in(getattr(self, name))
            whole = text.in_one_line() if isinstance(text, Message) else " ".join(text.split())
            object.__setattr__(self, name, whole)


def refused(check: str, error: LimbeckError) -> Finding:
    """Return an error that was raised as a finding."""
    return Finding("error", check, error.message(with_fix=False), error.fix or "")


def attempt(check: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield what a check finds; an error that ends the check is its last finding, and ends nothing else."""
    try:
        yield from findings
    except LimbeckError as error:
        yield refused(check, error)


def distinct(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings without those that another check has said before in the same words."""
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        kept.setdefault((finding.level, finding.what), finding)
    return list(kept.values())
