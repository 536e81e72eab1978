"""Add items to review: answers of a model, or rows that are imported. Each row once, however often it is added."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.detection.models import Prediction
from limbeck.studio.review.models import Item, Policy
from limbeck.studio.review.models.items import AUDIT, POOL, PREDICTED
from limbeck.studio.review.services.adding.disagreement import hold_against_others
from limbeck.studio.review.services.queue.policies import kept_policy

CHUNK = 200  # rows of a transaction: reviewers get their turn between two
PAUSE = 0.02  # seconds between two; SQLite's lock is not fair, who waits for it looks only now and then


@dataclass(frozen=True)
class Added:
    """How many rows were added, and how many were there already."""

    added: int
    known: int


def item_of(prediction: Prediction) -> Item:
    """Return a prediction as an item that is not stored yet."""
    same = ("job_id", "row", "kind", "content", "file", "model", "version", "label", "probability", "probabilities")
    return Item(
        key=f"prediction:{prediction.pk}", source="batch" if prediction.job_id else "detect",
        margin=prediction.margin, explanation=prediction.explanation,
        **{name: getattr(prediction, name) for name in same},
    )  # fmt: skip


def add_items(
    rows: Iterable[Item], *, by: User | None, rng: random.Random | None = None,
    told: Callable[[int], None] = lambda done: None, request: HttpRequest | None = None,
) -> Added:  # fmt: skip
    """Store items that are not stored yet, in chunks of one transaction each, and draw the audit sample among them.

    Parameters
    ----------
    rows
        Items with ``key``, ``kind``, ``content`` and ``model``, and as much of the other fields of content and answer
        as is known. One whose ``state`` is "reviewed" or "adjudicated", with ``final_label``, is kept as that.
    by
        Who adds them; None for the system.
    rng
        Draws the audit sample and the rows with two reviews.
    told
        Is told after each chunk how many rows were looked at; may raise to stop.

    Raises
    ------
    LimbeckError
        For an item without one of the four fields.
    """
    chance, policies = rng or random.Random(), dict[str, Policy]()
    added = known = 0
    for chunk in _chunks(rows):
        for item in chunk:
            _check(item)
            if item.model not in policies:
                policies[item.model] = kept_policy(item.model)
            _prepare(item, policies[item.model], chance)
        made = _store(chunk, by, request)
        added, known = added + made, known + len(chunk) - made
        told(added + known)
        if made == CHUNK and connection.vendor == "sqlite" and not connection.in_atomic_block:
            time.sleep(PAUSE)
    return Added(added, known)


def digest_of(kind: str, content: str, file: str = "") -> str:
    """Return what tells two rows with the same content: 128 bits of SHA-256."""
    return hashlib.sha256("\0".join((kind, file or content)).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _chunks(rows: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut rows into chunks; a key occurs once in a chunk."""
    source = iter(rows)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def _check(item: Item) -> None:
    for name in ("key", "kind", "content", "model"):
        if not getattr(item, name):
            raise LimbeckError(f"an item needs {name}", where="review")


def _prepare(item: Item, policy: Policy, chance: random.Random) -> None:
    item.digest = digest_of(item.kind, item.content, item.file)
    if item.given:
        p = item.probabilities.get(item.given)
        item.suspicion = float(item.label != item.given) if p is None else 1.0 - p
    if item.state == PREDICTED:
        item.draw, item.inclusion = chance.random(), policy.audit_share
        item.audit = item.draw < item.inclusion
        item.lane = AUDIT if item.audit else POOL
        item.wanted = 2 if chance.random() < policy.double_share else 1


def _store(chunk: list[Item], by: User | None, request: HttpRequest | None) -> int:
    """Store the items whose keys are new and return how many; again where another process stored some meanwhile."""
    keys: dict[str | None, Item] = {}
    for item in chunk:
        keys.setdefault(item.key, item)
    while True:
        try:
            with transaction.atomic():
                known = set(Item.objects.filter(key__in=keys).values_list("key", flat=True))
                new = [item for key, item in keys.items() if key not in known]
                if new:
                    others = hold_against_others(new)
                    Item.objects.bulk_create(new)
                    Item.objects.bulk_update(others, ["others", "disagreement"], batch_size=100)
                    actor = by.pk if by else None
                    target = f"model:{new[0].model}"
                    record("review.add", actor=actor, target=target, request=request, rows=len(new))
                return len(new)
        except IntegrityError:
            if not Item.objects.filter(key__in=[item.key for item in chunk]).exclude(key__in=known).exists():
                raise
