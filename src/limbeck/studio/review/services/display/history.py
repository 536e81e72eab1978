"""What happened to an item, in order: where it is from, what the model answered, and every answer of people."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.utils.translation import gettext as _

from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import ADJUDICATION, APPEAL


@dataclass(frozen=True)
class Event:
    """A line of the history."""

    at: datetime.datetime
    who: str
    what: str
    label: str = ""
    note: str = ""
    undone: bool = False


def history(item: Item) -> list[Event]:
    """Return the events of an item, the oldest first; that it is a gold row is not among them."""
    told = [Event(item.created_at, _who_asked(item), _("Added to review"), item.label)]
    for review in item.reviews.select_related("person").filter(gold=False):
        told.append(Event(review.at, who(review), _what(review), review.label, review.note, bool(review.undone_at)))
        if review.undone_at:
            told.append(Event(review.undone_at, who(review), _("Undone"), review.label))
    return sorted(told, key=lambda event: event.at)


def who(review: Review) -> str:
    """Return who answered: a person, an imported name, a language model, a rule."""
    if review.person is not None:
        return str(review.person.shown_name)
    return review.author or _("A person who was erased")


def _who_asked(item: Item) -> str:
    return f"{item.model}@{item.version[:8]}" if item.version else item.model


def _what(review: Review) -> str:
    if review.step == ADJUDICATION:
        return _("Decided")
    if review.step == APPEAL:
        return _("Appealed")
    if review.skipped:
        return _("Skipped")
    if review.bulk:
        return _("Accepted with many others")
    return _("Answered blind") if review.blind else _("Answered")
