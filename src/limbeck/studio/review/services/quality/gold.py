"""Gold rows: items whose label is known, mixed into the queue, that measure how surely each person answers."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.metrics.exact_tests import wilson
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.review.models import Gold, Item, Review
from limbeck.studio.review.models.answers import ADJUDICATION
from limbeck.studio.review.services.answers.answer import check_item_class
from limbeck.studio.review.services.answers.settle import settle


@dataclass(frozen=True)
class Accuracy:
    """How many of n answers were right, with the 95 % interval of Wilson."""

    name: str
    right: int
    n: int

    @property
    def share(self) -> float | None:
        """The share of right answers."""
        return self.right / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """The interval of that share."""
        return wilson(self.right, self.n)


def make_gold(number: int, label: str, *, by: User, request: HttpRequest | None = None) -> Gold:
    """Make an item a gold row. Where its final label is another one, or it has none, this decides it.

    Raises
    ------
    LimbeckError
        When the item is gone, or the class does not exist.
    """
    with transaction.atomic():
        item = Item.objects.select_for_update().filter(pk=number).first()
        if item is None:
            raise LimbeckError(_("This item was deleted meanwhile."))
        check_item_class(item, label)
        if item.final_label != label or not item.done:
            now = timezone.now()
            Review.objects.create(
                item=item, key=uuid.uuid4().hex, person=by, step=ADJUDICATION, label=label, at=now
            )  # fmt: skip
            settle(item, at=now)
        values = {"model": item.model, "label": label, "created_by": by, "created_at": timezone.now(), "ended_at": None}
        made: Gold = Gold.objects.update_or_create(item=item, defaults=values)[0]
        record("review.gold", actor=by.pk, target=f"item:{item.pk}", request=request, label=label)
    return made


def end_gold(number: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Mix a gold row into the queue no longer; what people answered to it stays."""
    with transaction.atomic():
        if Gold.objects.filter(item=number, ended_at=None).update(ended_at=timezone.now()):
            record("review.gold_end", actor=by.pk, target=f"item:{number}", request=request)


def accuracies(model: str, person: User | None = None) -> list[Accuracy]:
    """Return how many gold rows each person, or one, answered right: of several answers to a row the first counts."""
    labels = dict(Gold.objects.filter(model=model).values_list("item", "label"))
    found = Review.objects.filter(gold=True, item__model=model, skipped=False, person__isnull=False)
    if person is not None:
        found = found.filter(person=person)
    first: dict[tuple[int, int], str] = {}
    for who, item, label in found.order_by("pk").values_list("person", "item", "label"):
        first.setdefault((who, item), label)
    right: dict[int, list[bool]] = {}
    for (who, item), label in first.items():
        right.setdefault(who, []).append(label == labels.get(item))
    people = sorted(User.objects.filter(pk__in=right), key=lambda one: one.shown_name)
    return [Accuracy(one.shown_name, sum(right[one.pk]), len(right[one.pk])) for one in people]
