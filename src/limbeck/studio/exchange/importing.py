"""An import: rows of a file become items under review, with all that was said of them; each exactly once.

The rows of a chunk, the answers to them, the rows that could not be taken and how far the import has come are one
transaction, which a worker that has lost the job meanwhile cannot end. A killed import goes on behind the last chunk.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.data.exchange.read import TABLE, Row, Source, read
from limbeck.data.exchange.record import Record
from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, check, told
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record as audit
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.services import values_of
from limbeck.studio.exchange.mapping import (
    LONGEST_REVIEW_KEY,
    OPINIONS,
    content_of,
    is_settled,
    item_of,
    key_of,
    opinion_of,
    review_of,
    settled,
    site_name,
)
from limbeck.studio.exchange.models import Import, Rejected
from limbeck.studio.jobs import queue
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.opinions.models import Opinion
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.items import REVIEWED
from limbeck.studio.review.services.adding.add import add_items
from limbeck.studio.review.services.answers.settle import settle

CHUNK = 500  # rows of a transaction: other writers get their turn between two
SHOWN = 20


@dataclass
class Chunk:
    """What becomes of some rows: records by the key of their item, and the rows that cannot be taken."""

    records: dict[str, tuple[int, Record]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)


def run(job: Job, context: Context) -> dict[str, Any]:
    """Store the rows of the uploaded file; return how many were new, known and rejected."""
    source, version = source_of(job), version_of(job.parameters["model"], job.parameters["version"])
    progress, _made = Import.objects.get_or_create(job=job)
    with told(None, context.token):
        context.tell("import", progress.done, None)
        for rows in read(source, skip=progress.done, rows=CHUNK):
            check()
            with transaction.atomic():
                store(job, version, rows, progress)
                beat = queue.beat(job, job.owner, stage="import", done=progress.done, further=True)
                if beat is queue.Beat.LOST:  # to another worker, who goes on behind what was stored before
                    context.lost = True
                    raise Cancelled("the job belongs to another worker")
            context.tell("import", progress.done, None)
    return {
        "rows": progress.added, "known": progress.known, "reviews": progress.reviews, "rejected": progress.rejected
    }  # fmt: skip


def source_of(job: Job) -> Source:
    """Return how the file of an import is read."""
    asked = job.parameters
    path = job.folder / "input" / asked["source"]
    if asked.get("sheet"):
        path = path.with_name(f"{path.name}#{asked['sheet']}")
    return Source(path, asked["form"], asked["kind"], asked.get("text", ""), asked.get("label", ""))


def store(job: Job, version: Version, rows: list[Row], progress: Import) -> None:
    """Store a chunk of rows in the transaction of the caller."""
    chunk = _sorted(job, rows)
    known = {item.key: item for item in Item.objects.select_for_update().filter(key__in=chunk.records)}
    _refuse_changed(job, chunk, known)
    new = _new_items(job, version, chunk, known)
    people = _people(chunk)
    done = {key for key, item in new.items() if _settle_new(job, item, chunk.records[key][1], people)}
    progress.added += add_items(new.values(), by=job.created_by).added
    progress.known += len(chunk.records) - len(new)
    progress.reviews += _add_reviews(job, chunk, people, done)
    progress.rejected += len(chunk.rejected)
    Rejected.objects.bulk_create(chunk.rejected)
    progress.done = max(row.number for row in rows)
    progress.save()


def _sorted(job: Job, rows: list[Row]) -> Chunk:
    chunk = Chunk()
    given = job.parameters["form"] == TABLE and job.parameters.get("labels") == "given"
    for row in rows:
        record = row.record
        if record is None:
            chunk.rejected.append(_rejected(job, row.number, row.reason))
            continue
        if not record.more.get("site"):
            record = replace(record, kind=job.parameters["kind"])
            if given and record.reviews:  # labels that came with the data are not answers of people
                record = replace(record, reviews=(), more={**record.more, "given": record.reviews[-1].label})
        key = key_of(record, f"import:{job.pk}:{row.number}")
        if key in chunk.records:
            reason = _("The same item is in row %(row)d.") % {"row": chunk.records[key][0]}
            chunk.rejected.append(_rejected(job, row.number, reason))
        else:
            chunk.records[key] = (row.number, record)
    return chunk


def _refuse_changed(job: Job, chunk: Chunk, known: dict[str | None, Item]) -> None:
    """Take out rows whose content was changed since they were exported: what was said of them was said of another."""
    for key, item in known.items():
        number, record = chunk.records[str(key)]
        if content_of(item) != dict(record.content):
            reason = _("The row is under review already, with another content. Remove its history to add it as new.")
            chunk.rejected.append(_rejected(job, number, reason))
            del chunk.records[str(key)]


def _new_items(job: Job, version: Version, chunk: Chunk, known: dict[str | None, Item]) -> dict[str, Item]:
    """Return items for the records that are not stored; those without an answer are answered by the model."""
    found: dict[str, Item] = {}
    for key, (number, record) in list(chunk.records.items()):
        if key in known:
            continue
        try:
            item = item_of(record, key=key, inputs=tuple(version.manifest.task.inputs) if version.cells else ())
        except LimbeckError as error:
            chunk.rejected.append(_rejected(job, number, str(error)))
            del chunk.records[key]
            continue
        item.job, item.row = job, number
        item.model = item.model or version.name
        found[key] = item
    if job.parameters.get("answer"):
        bare = [item for item in found.values() if not item.label and item.model == version.name]
        _answer(version, [item for item in bare if item.kind == version.kind])
    return found


def _answer(version: Version, items: list[Item]) -> None:
    """Let the model answer items; one that it cannot answer stays without an answer."""
    if not items:
        return
    values = [item.content if version.one_text else json.loads(item.content) for item in items]
    answers = classifier_of(version).answer(values_of(version, values))
    for item, told_of in zip(items, answers.to_dicts(), strict=True):
        if told_of["label"] is not None:
            item.version, item.label = version.version, told_of["label"]
            item.probability, item.probabilities = told_of["probability"], told_of["probabilities"]
            item.margin = told_of["margin"]


def _people(chunk: Chunk) -> dict[str, int]:
    """Return the accounts that names stand for: only in exports of this site; elsewhere others have these names."""
    own = site_name()
    names = {
        one.by for _row, record in chunk.records.values() if record.more.get("site") == own for one in record.reviews
    } - {""}
    return dict(User.objects.filter(username__in=names).values_list("username", "pk"))


def _settle_new(job: Job, item: Item, record: Record, people: dict[str, int]) -> bool:
    """Give a new item its final label where that needs no look at other answers; return whether it has one."""
    if is_settled(record):
        settled(item, record, people)
        return True
    if len(record.reviews) == 1 == len(record.people) and not record.state:
        settled(item, replace(record, state=REVIEWED, label=record.people[0].label), people)
        item.final_by_id = people.get(record.people[0].by) if record.people[0].by else job.created_by_id
        return True
    return False


def _add_reviews(job: Job, chunk: Chunk, people: dict[str, int], done: set[str]) -> int:
    """Store the answers that are not stored yet, and settle the items to which there are new ones."""
    items = {item.key: item for item in Item.objects.filter(key__in=chunk.records)}
    wanted: dict[str, Review] = {}
    opinions: list[Opinion] = []
    unsettled: dict[int, Item] = {}
    own = site_name()
    for key, (number, record) in chunk.records.items():
        here = record.more.get("site") in (own, None)
        for at, said in enumerate(record.reviews):
            if said.source in OPINIONS:
                opinions.append(opinion_of(said, items[key]))
                continue
            kept = said.more.get("key")
            exported = isinstance(kept, str) and 0 < len(kept) <= LONGEST_REVIEW_KEY
            name = str(kept) if exported else f"import:{job.pk}:{number}:{at}"
            names = people if here else {}
            review = review_of(said, items[key], key=name, people=names, importer=job.created_by_id)
            if not exported:
                review.facts = {**review.facts, "import": job.pk}
            wanted[name] = review
    _add_opinions(opinions)
    known = set(Review.objects.filter(key__in=wanted).values_list("key", flat=True))
    new = [review for name, review in wanted.items() if name not in known]
    Review.objects.bulk_create(new)
    for review in new:
        if review.item.key not in done and not is_settled(chunk.records[str(review.item.key)][1]):
            unsettled[review.item.pk] = review.item
    for item in unsettled.values():
        settle(item, at=timezone.now())
    if new:
        target = f"job:{job.pk}"
        audit("review.import", actor=job.created_by_id, target=target, reviews=len(new))
    return len(new)


def _add_opinions(opinions: list[Opinion]) -> None:
    """Store opinions that are not stored yet."""
    known = set(
        Opinion.objects.filter(item__in=[one.item for one in opinions]).values_list(
            "item", "source", "author", "version"
        )
    )
    new = {(one.item.pk, one.source, one.author, one.version): one for one in opinions}
    Opinion.objects.bulk_create(one for name, one in new.items() if name not in known)


def _rejected(job: Job, number: int, reason: str) -> Rejected:
    return Rejected(job=job, row=number, reason=" ".join(reason.split())[:500])


def summary(job: Job) -> dict[str, Any]:
    """Return what the page of a finished import shows."""
    return {"rejects": Rejected.objects.filter(job=job)[:SHOWN], "counts": job.result}
