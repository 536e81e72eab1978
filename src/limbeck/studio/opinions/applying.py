"""A job: what a list of words says of the items of its model. Done again, it changes nothing."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.events import check, told
from limbeck.kinds import KINDS
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.opinions.models import RULE, Opinion, WordList
from limbeck.studio.opinions.words import answered, words_in
from limbeck.studio.review.models import Item
from limbeck.studio.review.services.answers.classes import classes_of

CHUNK = 500


def run(job: Job, context: Context) -> dict[str, Any]:
    """Store an opinion for each item in which a word occurs; return how many there are."""
    words = WordList.objects.filter(pk=job.parameters["words"]).first()
    if words is None:
        raise LimbeckError(_("The list was deleted."))
    kinds = [name for name, kind in KINDS.items() if kind.one_text]
    items = Item.objects.filter(model=words.model, kind__in=kinds)
    total, done, last = items.count(), 0, 0
    classes = classes_of(words.model)
    with told(None, context.token):
        while chunk := list(items.filter(pk__gt=last).order_by("pk")[:CHUNK]):
            check()
            with transaction.atomic():
                _store(words, classes, chunk)
            last, done = chunk[-1].pk, done + len(chunk)
            context.tell("rules", done, total)
    rows = Opinion.objects.filter(source=RULE, author=words.name, version=words.version, item__model=words.model)
    return {"rows": rows.count()}


def _store(words: WordList, classes: list[str], chunk: list[Item]) -> None:
    own = Opinion.objects.filter(item__in=chunk, source=RULE, author=words.name)
    own.exclude(version=words.version).delete()  # of the list as it was
    known = set(own.values_list("item", flat=True))
    labels = answered(words.entries, classes, [item.content for item in chunk])
    Opinion.objects.bulk_create(
        Opinion(
            item=item, source=RULE, author=words.name, version=words.version, label=label,
            facts={"words": words_in(words.entries, item.content)},
        )
        for item, label in zip(chunk, labels, strict=True)
        if label and item.pk not in known
    )  # fmt: skip
