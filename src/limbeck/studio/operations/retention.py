"""Delete what is older than the days that are kept: items, answers, jobs, and the files that belong to them.

With an item go its answers by people, gold marks, suspicions and opinions; with a job its folder; with a version that
was trained here the copy of its labelled rows. Counts by day, models and the audit log stay: they hold no rows. Rows go
in chunks of one transaction each; a job that was killed goes on where it was.
"""

from __future__ import annotations

import datetime
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from limbeck.events import check, told
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import QUEUED, RUNNING, Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.loop.models import Lineage
from limbeck.studio.operations.files import is_named, orphans
from limbeck.studio.review.models import Item

KIND = "retention"
CHUNK = 500  # rows of a transaction
DAY = 24 * 3600  # seconds
JUST_USED = 3600  # seconds; a picture that was uploaded again this recently may get a row any moment
Tell = Callable[[str, int, int | None], None]


def start_daily() -> None:
    """Queue the job once a day where ``LIMBECK_RETENTION_DAYS`` says so; a chore of the workers."""
    days = settings.CONFIG.retention_days
    if days and cache.add("retention", True, DAY):
        start(days, by=None)


def start(days: int, *, by: User | None) -> Job:
    """Queue the deletion of what is older than so many days; return the job that waits already, if there is one."""
    waiting = Job.objects.filter(kind=KIND, state__in=(QUEUED, RUNNING)).first()
    if waiting is not None:
        return waiting
    with transaction.atomic():
        job = Job.objects.create(kind=KIND, title=f"> {days} d", parameters={"days": days}, created_by=by)
        record("job.create", actor=by.pk if by else None, target=f"job:{job.pk}", kind=KIND, days=days)
    return job


def run(job: Job, context: Context) -> dict[str, Any]:
    """Delete what the job is about."""
    with told(None, context.token):
        found = delete_old(job.parameters["days"], tell=context.tell, keep=job.pk)
    return {"rows": found.total(), **found}


def delete_old(days: int, *, tell: Tell = lambda *_told: None, keep: int | None = None) -> Counter[str]:
    """Delete what is older than so many days and return how much of what; the job ``keep`` stays."""
    before = timezone.now() - datetime.timedelta(days=days)
    found: Counter[str] = Counter()
    found["items"] = _rows(Item, "items", tell, created_at__lt=before)
    # Answers of a job that is at work are its own business; they go with it.
    found["answers"] = _rows(Prediction, "answers", tell, created_at__lt=before, job=None)
    old = Job.objects.filter(finished_at__lt=before).exclude(state__in=(QUEUED, RUNNING)).exclude(pk=keep)
    for number in list(old.order_by("pk").values_list("pk", flat=True)):
        check()
        _rows(Prediction, "jobs", tell, job=number)
        with transaction.atomic():
            folder = Path(settings.HOME) / "jobs" / str(number)
            found["jobs"] += bool(Job.objects.filter(pk=number).delete()[0])
            transaction.on_commit(lambda folder=folder: shutil.rmtree(folder, ignore_errors=True))
    found["files"] = _training_rows(before) + _orphans(tell)
    with transaction.atomic():
        record("retention.run", actor=None, target=f"job:{keep}" if keep else "", days=days, **found)
    return found


def _rows(model: type[Model], stage: str, tell: Tell, **asked: Any) -> int:
    """Delete rows in chunks, with the pictures that no other row names, and return how many."""
    done = 0
    while True:
        check()
        old = model._default_manager.filter(**asked).order_by("pk")
        rows = dict(old.values_list("pk", "file")[:CHUNK])
        if not rows:
            return done
        with transaction.atomic():
            model._default_manager.filter(pk__in=list(rows)).delete()
        for file in {file for file in rows.values() if file}:
            _delete_picture(file)
        done += len(rows)
        tell(stage, done, None)


def _delete_picture(file: str) -> None:
    path = Path(settings.HOME) / file
    if path.is_file() and path.stat().st_mtime < time.time() - JUST_USED and not is_named(file):
        path.unlink(missing_ok=True)


def _training_rows(before: datetime.datetime) -> int:
    """Delete the labelled rows of versions that were trained before; the next version has this one as its teacher."""
    done = 0
    for lineage in Lineage.objects.filter(created_at__lt=before):
        if lineage.rows_file.is_file():
            lineage.rows_file.unlink()
            done += 1
    return done


def _orphans(tell: Tell) -> int:
    done = 0
    for one in list(orphans()):
        check()
        if one.path.is_dir():
            shutil.rmtree(one.path, ignore_errors=True)
        else:
            one.path.unlink(missing_ok=True)
        done += 1
        tell("files", done, None)
    return done
