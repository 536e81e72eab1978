"""Counts of answers by day, so that a page over a million answers reads a few thousand rows."""

from __future__ import annotations

from django.db import models

BATCH, SINGLE = "batch", "detect"


class Daily(models.Model):
    """How many answers of one kind a day had; the day is one of the site's time zone.

    ``bin`` is the place of the probability among `limbeck.studio.analysis.roll_up.BINS` equal parts of 0 to 1. The
    counts stay when answers are deleted: they hold nothing of a row or of a person.
    """

    day = models.DateField()
    model = models.CharField(max_length=100)
    version = models.CharField(max_length=16)
    source = models.CharField(max_length=10)
    label = models.CharField(max_length=200)
    bin = models.PositiveSmallIntegerField()
    count = models.PositiveBigIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["day", "model"], name="analysis_by_day")]

    def __str__(self) -> str:
        return f"{self.day} {self.model} {self.label} {self.count}"


class Counted(models.Model):
    """The number of the last answer that `Daily` holds: one row. Who adds to `Daily` locks it."""

    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.last)
