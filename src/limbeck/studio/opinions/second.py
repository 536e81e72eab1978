"""The second opinion: a language model that the site runs is asked about an item, never before the person answered.

Whoever sees another answer first agrees with it more often than otherwise (anchoring), so that the agreement of people
with the model would no longer measure either. An opinion is shown to a person who has answered the item, and to an
administrator who decides a dispute. It is never a label by itself.

The endpoint is asked by the teacher of recipes (`limbeck.teachers.http.chat`): a deadline for the whole reply, at most
a megabyte, no redirects, and of the reply only the name of one of the classes is kept.
"""

from __future__ import annotations

import datetime
import hashlib
import json

import numpy as np
import polars as pl
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError, first_line
from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.opinions.models import ANSWERED, ASKING, FAILED, LLM, Opinion, Spending
from limbeck.studio.review.models import Item
from limbeck.studio.review.models.answers import PERSON
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.roles import Ability
from limbeck.teachers.base import Place
from limbeck.teachers.http.chat import PROMPT, Chat

SECONDS = 15.0  # for the whole reply
LEASE = datetime.timedelta(minutes=2)  # an opinion that is being asked for so long was lost
KEY = "LIMBECK_SECOND_OPINION_KEY"
AT_ONCE = 3  # items that a chore asks about in one round
RECENT = datetime.timedelta(days=1)


def is_set_up() -> bool:
    """Whether there is an endpoint to ask."""
    return bool(settings.CONFIG.second_opinion_url and settings.CONFIG.second_opinion_model)


def may_see(item: Item, person: User) -> bool:
    """Whether a person has answered an item, or decides a dispute about it."""
    if item.reviews.filter(person=person, source=PERSON, skipped=False, undone_at=None).exists():
        return True
    return item.disputed and person.may(Ability.ADMINISTER)


def shown_to(item: Item, person: User) -> list[Opinion]:
    """Return the opinions on an item that a person may see: none before they have answered."""
    return list(item.opinions.filter(state=ANSWERED)) if may_see(item, person) else []


def ask(item: Item, *, by: User, request: HttpRequest | None = None) -> Opinion:
    """Return the second opinion on an item, asked for where there is none yet.

    Raises
    ------
    LimbeckError
        When the person has not answered, no endpoint is set up, the budget of the day is spent, or the reply names no
        class.
    """
    if not may_see(item, by):
        raise LimbeckError(_("Answer the item first: a second opinion would sway your own."))
    if not is_set_up():
        raise LimbeckError(_("No second opinion is set up on this site."))
    return _asked(item, by=by, request=request)


def ask_after_people() -> int:
    """Ask about a few items that people have answered lately; a chore. Return how many were answered."""
    if not (settings.CONFIG.second_opinion_after and is_set_up()) or left_today() <= 0:
        return 0
    since = timezone.now() - RECENT
    bare = Item.objects.filter(reviewed_at__gte=since).exclude(opinions__source=LLM).order_by("reviewed_at")
    done = 0
    for item in bare[:AT_ONCE]:
        try:
            _asked(item, by=None)
            done += 1
        except LimbeckError:  # noted with the opinion
            continue
    return done


def left_today() -> int:
    """Return how many requests are left of this day's budget."""
    spent = Spending.objects.filter(day=_today()).values_list("asked", flat=True).first() or 0
    return int(settings.CONFIG.second_opinion_daily - spent)


def _asked(item: Item, *, by: User | None, request: HttpRequest | None = None) -> Opinion:
    classes = tuple(classes_of(item.model))
    if len(classes) < 2:
        raise LimbeckError(_("The classes of this model are not known."))
    opinion = _claim(item, prompt_hash(classes), by)
    if opinion.state == ANSWERED:
        return opinion
    try:
        _spend()
        opinion.label = _label(item, classes)
    except Exception as error:  # whatever an endpoint does, the claim is let go
        opinion.state, opinion.facts = FAILED, {"reason": first_line(error, 300)}
        opinion.save(update_fields=["state", "facts"])
        if isinstance(error, LimbeckError):
            raise
        raise LimbeckError(_("The second opinion could not be asked.")) from error
    with transaction.atomic():
        opinion.state, opinion.at, opinion.facts = ANSWERED, timezone.now(), {}
        opinion.save(update_fields=["state", "at", "facts", "label"])
        facts = {"model": opinion.author, "prompt": opinion.version}
        actor = by.pk if by else None
        record("opinion.ask", actor=actor, target=f"item:{item.pk}", request=request, **facts)
    return opinion


def _claim(item: Item, version: str, by: User | None) -> Opinion:
    """Return the opinion that this call is to fill, or one that is answered.

    Raises
    ------
    LimbeckError
        While somebody else asks for it.
    """
    author = settings.CONFIG.second_opinion_model
    name = {"item": item, "source": LLM, "author": author, "version": version}
    opinion, made = Opinion.objects.get_or_create(**name, defaults={"state": ASKING, "asked_by": by})
    if made or opinion.state == ANSWERED:
        return opinion
    now = timezone.now()
    free = Q(state=FAILED) | Q(at__lt=now - LEASE)
    if not Opinion.objects.filter(free, pk=opinion.pk, state__in=(ASKING, FAILED)).update(state=ASKING, at=now):
        raise LimbeckError(_("The second opinion is being asked for. Look again in a moment."))
    opinion.refresh_from_db()
    return opinion


def _spend() -> None:
    """Take one request from the budget of the day; no two takes see the same rest."""
    day, most = _today(), settings.CONFIG.second_opinion_daily
    Spending.objects.get_or_create(day=day)
    if not Spending.objects.filter(day=day, asked__lt=most).update(asked=F("asked") + 1):
        raise LimbeckError(_("Today's budget for second opinions is spent."))


def _label(item: Item, classes: tuple[str, ...]) -> str:
    """Ask the endpoint and return the class that it names."""
    text = item.content if not item.content.startswith("{") else _lines(item.content)
    answers = teacher(classes).answer(pl.DataFrame({"text": [text]}))
    if not np.isfinite(answers[0]).all():
        raise LimbeckError(_("The reply names no single class."))
    return classes[int(answers[0].argmax())]


def teacher(classes: tuple[str, ...]) -> Chat:
    """Return the endpoint of the settings as a teacher; it makes one request for an answer."""
    config = settings.CONFIG
    options = {"api": "openai", "model": config.second_opinion_model, "logprobs": False, "parallel": 1}
    if config.second_opinion_key.get_secret_value():
        options["key_env"] = KEY
    url = config.second_opinion_url
    spec = Spec(name="second opinion", source=f"http:{url}", retries=0, timeout=SECONDS, options=options)
    return Chat(Place(spec, url, classes, Task(kind="text", classes=list(classes))))


def prompt_hash(classes: tuple[str, ...]) -> str:
    """Return 16 hexadecimal digits of what the model is asked, without the text."""
    asked = PROMPT.replace("{classes}", ", ".join(classes))
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def _lines(content: str) -> str:
    """Return the columns of a row as lines."""
    try:
        cells = json.loads(content)
    except ValueError:
        return content
    if not isinstance(cells, dict):
        return content
    return "\n".join(f"{name}: {cell}" for name, cell in cells.items() if cell is not None)


def _today() -> datetime.date:
    return timezone.now().astimezone(datetime.UTC).date()
