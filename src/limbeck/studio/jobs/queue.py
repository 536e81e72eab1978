"""The queue: claim, heartbeat, finish, sweep. Every step is one conditional UPDATE, which all three databases do whole.

A worker that was killed says nothing. Its jobs are taken back when their lease ends; at once where the lock of its
process is free (`limbeck.studio.jobs.owners`). A job that ends its worker three times without coming further fails.
"""

from __future__ import annotations

import datetime
from enum import Enum

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, QuerySet, When
from django.utils import timezone

from limbeck.studio.jobs.models import CANCELLED, FAILED, FINISHED, QUEUED, RUNNING, Job
from limbeck.studio.jobs.owners import is_dead
from limbeck.studio.jobs.signals import ended

MOST_ATTEMPTS = 3
LOST_WORKER = "worker-lost"  # codes of reasons, see `limbeck.studio.jobs.reasons`
UNKNOWN_KIND = "unknown-kind"
CANDIDATES = 10


class Beat(Enum):
    """What a worker hears when it reports."""

    GO_ON = "go on"
    CANCEL = "cancel"
    LOST = "lost"  # the job belongs to somebody else by now


def claim(owner: str) -> Job | None:
    """Give the oldest queued job to a worker; None where there is none. No job is given twice."""
    for number in Job.objects.filter(state=QUEUED).order_by("pk").values_list("pk", flat=True)[:CANDIDATES]:
        now = timezone.now()
        mine = Job.objects.filter(pk=number, state=QUEUED).update(
            state=RUNNING, owner=owner, lease_until=_lease(now), started_at=now, attempts=F("attempts") + 1, reason="",
        )  # fmt: skip
        if mine:
            return Job.objects.get(pk=number)
    return None


def beat(
    job: Job, owner: str, *, stage: str = "", done: int = 0, total: int | None = None, further: bool = False
) -> Beat:
    """Say how far a job has come and keep its lease.

    ``further`` says that it has come further than when it was claimed: its attempts count from none again.
    """
    mine = Job.objects.filter(pk=job.pk, owner=owner, state=RUNNING)
    changed = {"stage": stage, "done": done, "total": total, "lease_until": _lease(timezone.now())}
    if further:
        changed["attempts"] = 0
    if not mine.update(**changed):
        return Beat.LOST
    return Beat.CANCEL if mine.filter(cancel_requested=True).exists() else Beat.GO_ON


def finish(job: Job, owner: str, result: dict[str, object]) -> bool:
    """Note that a job is done; False where it belongs to somebody else by now."""
    return _end(job, owner, FINISHED, result=result)


def fail(job: Job, owner: str, reason: str) -> bool:
    """Note why a job failed."""
    return _end(job, owner, FAILED, reason=reason)


def cancelled(job: Job, owner: str) -> bool:
    """Note that a job has stopped as asked."""
    return _end(job, owner, CANCELLED)


def release(job: Job, owner: str) -> bool:
    """Give a job back, unfinished: its worker is asked to end."""
    mine = Job.objects.filter(pk=job.pk, owner=owner, state=RUNNING)
    # Not Greatest(): of unsigned numbers MySQL refuses 0 - 1 inside it too.
    attempts = Case(When(attempts__gt=0, then=F("attempts") - 1), default=0)
    return bool(mine.update(state=QUEUED, owner="", lease_until=None, attempts=attempts))


def sweep() -> int:
    """Take back the jobs of workers that are gone; return how many."""
    now, taken = timezone.now(), 0
    for job in Job.objects.filter(state=RUNNING).only("pk", "owner", "lease_until", "attempts", "cancel_requested"):
        if not (job.lease_until is None or job.lease_until < now or is_dead(job.owner)):
            continue
        same = Job.objects.filter(pk=job.pk, state=RUNNING, owner=job.owner, lease_until=job.lease_until)
        if job.cancel_requested:
            taken += same.update(state=CANCELLED, owner="", lease_until=None, finished_at=now)
        elif job.attempts >= MOST_ATTEMPTS:
            values = {"owner": "", "lease_until": None, "finished_at": now, "reason": LOST_WORKER}
            taken += _told(job, same, FAILED, values)
        else:
            taken += same.update(state=QUEUED, owner="", lease_until=None)
    return taken


def _lease(now: datetime.datetime) -> datetime.datetime:
    return now + datetime.timedelta(seconds=settings.CONFIG.lease_seconds)


def _end(job: Job, owner: str, state: str, **values: object) -> bool:
    mine = Job.objects.filter(pk=job.pk, owner=owner, state=RUNNING)
    return bool(_told(job, mine, state, {"owner": "", "lease_until": None, "finished_at": timezone.now(), **values}))


def _told(job: Job, same: QuerySet, state: str, values: dict[str, object]) -> int:
    """Let a job end, and tell other apps in the same transaction."""
    with transaction.atomic():
        changed = int(same.update(state=state, **values))
        if changed:
            ended.send(Job, job=job, state=state)
    return changed
