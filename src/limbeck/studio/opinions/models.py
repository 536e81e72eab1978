"""Opinions, what was spent on them, and lists of words.

They are no reviews: no page of review reads them, so that none shows before the person has answered.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.review.models import Item

LLM, RULE = "llm", "rule"
ASKING, ANSWERED, FAILED = "asking", "answered", "failed"
STATES = [(ASKING, _("Being asked")), (ANSWERED, _("Answered")), (FAILED, _("Failed"))]


class Opinion(models.Model):
    """What a language model or a list of words says of an item, once.

    ``author`` is the model or the list, ``version`` the hash of the prompt or of the list. ``label`` is "" where it
    names no class. ``facts`` has the words of a list that occur, or the reason of a failure.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="opinions")
    source = models.CharField(max_length=8, choices=[(LLM, _("Language model")), (RULE, _("Rule"))])
    author = models.CharField(max_length=150)
    version = models.CharField(max_length=32)
    state = models.CharField(max_length=10, choices=STATES, default=ANSWERED)
    label = models.CharField(_("class"), max_length=200, blank=True)
    at = models.DateTimeField(_("time"), default=timezone.now)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["item", "source", "author", "version"], name="opinion_once")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.author} {self.label}"


class Spending(models.Model):
    """How many requests were made on a day, in UTC."""

    day = models.DateField(unique=True)
    asked = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.day} {self.asked}"


class WordList(models.Model):
    """Words, each with the class that a text with it has: a `rule:` model. ``entries`` is [word, class, note]."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    model = models.CharField(_("model"), max_length=100)
    entries = models.JSONField(default=list)
    version = models.CharField(max_length=32)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return str(self.name)
