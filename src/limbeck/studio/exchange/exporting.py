"""An export: what is under review as a file of the form that was asked for. One that was killed begins again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db.models import QuerySet

from limbeck.data.exchange.record import Record
from limbeck.data.exchange.write import ENDINGS, write
from limbeck.events import check, told
from limbeck.studio.exchange.mapping import record_of
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.review.models import Item
from limbeck.studio.review.models.items import ADJUDICATED, REVIEWED

CHUNK = 500
DONE, WAITING, ALL = "done", "waiting", "all"


def run(job: Job, context: Context) -> dict[str, Any]:
    """Write the file; return how many rows it has."""
    asked, last = job.parameters, Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    items = chosen(asked.get("model", ""), asked.get("state", ALL)).filter(pk__lte=last)
    total = items.count()

    def records() -> Iterator[Record]:
        found = items.order_by("pk").prefetch_related("reviews__person", "opinions").iterator(chunk_size=CHUNK)
        for done, item in enumerate(found):
            if done % CHUNK == 0:
                check()
                context.tell("export", done, total)
            yield record_of(item)

    with told(None, context.token):
        write(asked["form"], file_of(job), records)
    return {"rows": total, "bytes": file_of(job).stat().st_size}


def chosen(model: str, state: str) -> QuerySet:
    """Return the items of a model, or of all where none is named, in a state."""
    found = Item.objects.all()
    if model:
        found = found.filter(model=model)
    if state == DONE:
        return found.filter(state__in=(REVIEWED, ADJUDICATED))
    return found.exclude(state__in=(REVIEWED, ADJUDICATED)) if state == WAITING else found


def file_of(job: Job) -> Path:
    """Return where the file of an export is."""
    return job.folder / f"export{ENDINGS[job.parameters['form']]}"


def summary(job: Job) -> dict[str, Any]:
    """Return what the page of a finished export shows."""
    path = file_of(job)
    return {"file": path.name if path.exists() else "", "ending": path.suffix}
