"""Send answers to review: those of a finished batch as a job, a single one at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.events import check, told
from limbeck.studio.accounts.models import User
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import QUEUED, RUNNING, Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.adding.add import CHUNK, add_items, item_of
from limbeck.studio.review.services.queue.policies import policy_of

KIND = "review_add"


def send_job(batch: Job, *, by: User, request: HttpRequest | None = None) -> Job:
    """Start a job that sends the answers of a batch to review; return the one that does so already, if there is one."""
    for job in Job.objects.filter(kind=KIND, state__in=(QUEUED, RUNNING)):
        if job.parameters.get("batch") == batch.pk:
            return job
    parameters = {"batch": batch.pk, "model": batch.parameters.get("model", "")}
    return jobs.create(KIND, batch.title, parameters, by=by, request=request)


def send_one(prediction: Prediction, *, by: User, request: HttpRequest | None = None) -> Item:
    """Send one answer to review and return its item.

    Raises
    ------
    LimbeckError
        For an answer with boxes: review gives a row one class.
    """
    if prediction.boxes is not None:
        raise LimbeckError(_("Answers with boxes are not reviewed here."))
    item = item_of(prediction)
    add_items([item], by=by, request=request)
    found: Item = Item.objects.get(key=item.key)
    return found


def run(job: Job, context: Context) -> dict[str, Any]:
    """Add the answers of a batch; those that are there already are left as they are."""
    answers = Prediction.objects.filter(job=job.parameters["batch"])
    total = answers.count()
    context.tell("add", 0, total)

    def tell(done: int) -> None:
        context.tell("add", done, total)
        check()

    with told(None, context.token):
        found = add_items((item_of(one) for one in _in_order(job.parameters["batch"])), by=job.created_by, told=tell)
    return {"rows": found.added, "known": found.known, "model": job.parameters["model"]}


def after_batch(sender: object, job: Job, **_more: object) -> None:
    """Send a batch to review where the policy of its model says so."""
    if job.created_by is not None and policy_of(job.parameters["model"]).send_batches:
        send_job(job, by=job.created_by)


def _in_order(batch: int) -> Iterator[Prediction]:
    """Yield the answers of a batch without keeping a cursor open between transactions."""
    last = 0
    while rows := list(Prediction.objects.filter(job=batch, pk__gt=last).order_by("pk")[:CHUNK]):
        yield from rows
        last = rows[-1].pk
