"""Shards answered by this process alone: one part of a job on a cluster, or ``processes:1``."""

from __future__ import annotations

from limbeck.errors import LimbeckError
from limbeck.events import Cancelled
from limbeck.scale.outcomes import Failed, Outcomes
from limbeck.scale.plan import Shard
from limbeck.scale.shard import Job, answer, opened


def on_this_process(job: Job, shards: list[Shard], *, count: int | None, stall: float) -> Outcomes:
    """Answer shards one after the other; see `limbeck.scale.outcomes.Scheduler`. Nothing here can be given up."""
    del count, stall
    with opened(job) as classifier:
        for shard in shards:
            try:
                record = answer(job, shard, classifier, lambda rows: None)
            except Cancelled:
                raise
            except LimbeckError as error:
                yield Failed(shard, error)
            else:
                yield record.rows + record.rejected
                yield record
