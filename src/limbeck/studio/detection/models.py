"""Answers of models, each with the version that gave it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.models import Job


class Prediction(models.Model):
    """What one version of a model answered to one row.

    ``content`` is the text, or the columns of a row as JSON, or the name of the file; ``file`` is where a picture is,
    below the data folder. ``position`` counts the answers of a job from 0, ``row`` is the row of the uploaded table.
    """

    created_at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="predictions")
    job = models.ForeignKey(Job, models.CASCADE, null=True, related_name="predictions")
    position = models.BigIntegerField(null=True)
    row = models.BigIntegerField(null=True)
    model = models.CharField(_("model"), max_length=100)
    version = models.CharField(_("version"), max_length=16)
    kind = models.CharField(_("kind"), max_length=20)
    content = models.TextField(_("content"))
    file = models.CharField(max_length=300, blank=True)
    label = models.CharField(_("class"), max_length=200)
    probability = models.FloatField(_("probability"))
    probabilities = models.JSONField(default=dict)
    margin = models.FloatField(_("margin"))
    threshold = models.FloatField()
    milliseconds = models.FloatField(null=True)
    explanation = models.JSONField(null=True)
    boxes = models.JSONField(null=True)  # see `limbeck.studio.detection.boxes`; None of models that find none

    class Meta:
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=["job", "position"], name="position_once")]
        indexes = [
            models.Index(fields=["created_by", "-id"]),
            models.Index(fields=["model", "label", "-id"]),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.model} {self.label}"
