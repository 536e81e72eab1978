"""A suspect: a reviewed item whose final label is probably wrong."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from limbeck.studio.review.models.items import Item


class Suspect(models.Model):
    """A final label, the probability given to it by a model that has not learned from it, and the likelier class.

    ``kept_at`` is when somebody looked at it and found the label right; it is not shown again for that label.
    """

    item = models.OneToOneField(Item, models.CASCADE, primary_key=True, related_name="suspect")
    model = models.CharField(max_length=100)
    label = models.CharField(max_length=200)
    self_confidence = models.FloatField()
    instead = models.CharField(max_length=200)
    probability = models.FloatField()
    found_at = models.DateTimeField(default=timezone.now)
    kept_at = models.DateTimeField(null=True)
    kept_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["model", "self_confidence"], name="review_suspects")]

    def __str__(self) -> str:
        return f"{self.item_id} {self.label} {self.instead}"
