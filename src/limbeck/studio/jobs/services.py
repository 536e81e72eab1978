"""Acts on jobs, each with its audit entry in one transaction."""

from __future__ import annotations

import shutil
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.jobs.models import CANCELLED, FAILED, QUEUED, RUNNING, Job
from limbeck.studio.roles import Ability


def visible(user: User) -> QuerySet:
    """Return the jobs that a person may see: their own, or all."""
    found = Job.objects.select_related("created_by")
    return found if user.may(Ability.ADMINISTER) else found.filter(created_by=user)


def create(
    kind: str, title: str, parameters: dict[str, Any], *, by: User, request: HttpRequest | None = None, **facts: Any
) -> Job:
    """Put a job into the queue."""
    with transaction.atomic():
        job = Job.objects.create(kind=kind, title=title[:200], parameters=parameters, created_by=by)
        record("job.create", actor=by.pk, target=f"job:{job.pk}", request=request, kind=kind, **facts)
    return job


def cancel(job: Job, *, by: User, request: HttpRequest | None = None) -> None:
    """Cancel a job: at once where it waits, at its next safe point where it runs."""
    with transaction.atomic():
        now = timezone.now()
        waiting = Job.objects.filter(pk=job.pk, state=QUEUED)
        asked = waiting.update(state=CANCELLED, finished_at=now) or Job.objects.filter(pk=job.pk, state=RUNNING).update(
            cancel_requested=True
        )
        if asked:
            record("job.cancel", actor=by.pk, target=f"job:{job.pk}", request=request)


def retry(job: Job, *, by: User, request: HttpRequest | None = None) -> None:
    """Queue a job again that failed or was cancelled; it goes on where it stopped."""
    with transaction.atomic():
        ended = Job.objects.filter(pk=job.pk, state__in=(FAILED, CANCELLED))
        if ended.update(state=QUEUED, attempts=0, reason="", cancel_requested=False, finished_at=None):
            record("job.retry", actor=by.pk, target=f"job:{job.pk}", request=request)


def delete(job: Job, *, by: User, request: HttpRequest | None = None) -> bool:
    """Delete a job that has ended, with its answers and its files; False where it has not ended."""
    folder, number = job.folder, job.pk
    with transaction.atomic():
        if not Job.objects.filter(pk=number).exclude(state__in=(QUEUED, RUNNING)).exists():
            return False
        record("job.delete", actor=by.pk, target=f"job:{number}", request=request)
        job.delete()
        transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))
    return True
