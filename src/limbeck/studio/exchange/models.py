"""How far an import has come, and the rows that it could not take."""

from __future__ import annotations

from django.db import models

from limbeck.studio.jobs.models import Job


class Import(models.Model):
    """Counts of an import, kept in the transaction of each chunk: a killed one goes on behind ``done``."""

    job = models.OneToOneField(Job, models.CASCADE, related_name="import_counts")
    done = models.BigIntegerField(default=0)  # rows of the file
    added = models.BigIntegerField(default=0)
    known = models.BigIntegerField(default=0)
    reviews = models.BigIntegerField(default=0)
    rejected = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.job_id} {self.done}"


class Rejected(models.Model):
    """A row of the file that was not taken, and why."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="rejected_rows")
    row = models.BigIntegerField()
    reason = models.CharField(max_length=500)

    class Meta:
        ordering = ("row",)
        constraints = [models.UniqueConstraint(fields=["job", "row"], name="rejected_once")]

    def __str__(self) -> str:
        return f"{self.row}: {self.reason}"
