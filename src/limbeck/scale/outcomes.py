"""What a scheduler reports of its shards: rows read, shards answered, shards that cannot be."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Protocol

from limbeck.errors import LimbeckError
from limbeck.scale.plan import Shard
from limbeck.scale.shard import Job, Record

STALL = 60.0  # seconds without a row, after which something is wrong
ATTEMPTS = 3  # at a shard whose process was killed


@dataclass(frozen=True)
class Failed:
    """A shard that has no answers, and why."""

    shard: Shard
    error: LimbeckError


Outcome = Record | Failed | int  # an int: rows that were read since the last one
Outcomes = Generator[Outcome, None, None]


class Scheduler(Protocol):
    """Answers shards somewhere, each once where nothing is killed, and reports them in any order."""

    def __call__(self, job: Job, shards: list[Shard], *, count: int | None, stall: float) -> Outcomes:
        """Yield outcomes until every shard is a `Record` or `Failed`; at least every second an int, even 0."""


def error_to_json(error: LimbeckError) -> dict[str, Any]:
    """Return an error as plain JSON for another process."""
    where = None if error.where is None else str(error.where)
    return {"what": str(error.what), "where": where, "fix": None if error.fix is None else str(error.fix)}


def error_from_json(facts: dict[str, Any]) -> LimbeckError:
    """Return the error that `error_to_json` made plain."""
    return LimbeckError(facts["what"], where=facts["where"], fix=facts["fix"])


def killed(shard: Shard, why: str) -> LimbeckError:
    """Return the line for a shard whose process ended again and again."""
    fix = "check the memory of the machine, and start the job again"
    return LimbeckError(f"{why} {ATTEMPTS} times while it answered this shard", where=shard.input, fix=fix)
