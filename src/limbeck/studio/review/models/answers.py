"""A review: what one person, or another source that is no model of this site, answered to one item."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.review.models.items import Item

PERSON, LLM, RULE = "person", "llm", "rule"
SOURCES = [(PERSON, _("Person")), (LLM, _("Language model")), (RULE, _("Rule"))]
FIRST, ADJUDICATION, APPEAL = "review", "adjudication", "appeal"
STEPS = [(FIRST, _("Review")), (ADJUDICATION, _("Adjudication")), (APPEAL, _("Appeal"))]


class Review(models.Model):
    """An answer to an item. It is never changed: undoing it sets ``undone_at``, a correction is another one.

    ``key`` is made by who sends it, so that a request sent twice is one answer. ``author`` names who answered where
    that is no account of this site: an imported name, a language model, a rule. ``facts`` holds what belongs to the
    source, e.g. the hash of a prompt. ``seconds`` is how long the item was in view. ``blind`` says that neither the
    model's nor another person's answer was shown; ``gold``, that the label was known before; ``bulk``, that the item
    was accepted with many others, unseen.
    """

    item = models.ForeignKey(Item, models.CASCADE, related_name="reviews")
    key = models.CharField(max_length=64, unique=True)
    source = models.CharField(_("source"), max_length=8, choices=SOURCES, default=PERSON)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reviews")
    author = models.CharField(max_length=150, blank=True)
    step = models.CharField(max_length=12, choices=STEPS, default=FIRST)
    label = models.CharField(_("class"), max_length=200, blank=True)
    skipped = models.BooleanField(default=False)
    note = models.TextField(_("note"), blank=True)
    at = models.DateTimeField(_("time"), default=timezone.now)
    seconds = models.FloatField(null=True)
    blind = models.BooleanField(default=False)
    gold = models.BooleanField(default=False)
    bulk = models.BooleanField(default=False)
    undone_at = models.DateTimeField(null=True)
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ("pk",)
        indexes = [
            models.Index(fields=["person", "-at", "id"], name="review_of_person"),
            models.Index(fields=["item", "person"], name="review_of_item"),
            models.Index(fields=["gold", "person"], name="review_of_gold"),
            models.Index(fields=["at"], name="review_of_time"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.item_id} {self.source} {self.label}"

    @property
    def stands(self) -> bool:
        """Whether it is an answer that counts: not undone, not skipped, not an appeal."""
        return self.undone_at is None and not self.skipped and self.step != APPEAL
