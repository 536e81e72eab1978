"""Where the versions of models came from. Which one is published stands in the registry on disk alone."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.models import Job

TABLE, REVIEWS, TEACHERS = "table", "reviews", "teachers"
ORIGINS = [(TABLE, _("From a table")), (REVIEWS, _("From reviewed rows")), (TEACHERS, _("From other models"))]
CANDIDATE, SHADOW, PUBLISHED, RETIRED = "candidate", "shadow", "published", "retired"
STATES = {
    CANDIDATE: _("Candidate"),
    SHADOW: _("Shadow"),
    PUBLISHED: _("Published"),
    RETIRED: _("Retired"),
}


class Lineage(models.Model):
    """A version that was trained here: from what, and after which version; and whether a version is in shadow mode.

    ``rows`` is how many rows it learned from with a label, ``reviewed`` how many of them were reviewed here. Its
    labelled rows stay in the data folder, so that the next version can learn from them too. In shadow mode it has
    answered all up to the answer with the number ``shadow_behind``; until ``shadow_until`` a worker has it to itself.
    """

    model = models.CharField(_("model"), max_length=100)
    version = models.CharField(_("version"), max_length=16)
    origin = models.CharField(_("origin"), max_length=10, choices=ORIGINS, blank=True)
    parent = models.CharField(max_length=16, blank=True)
    teachers = models.JSONField(default=list)
    rows = models.PositiveIntegerField(default=0)
    reviewed = models.PositiveIntegerField(default=0)
    label_column = models.CharField(max_length=200, blank=True)
    shadow = models.BooleanField(default=False)
    shadow_behind = models.BigIntegerField(default=0)
    shadow_until = models.DateTimeField(null=True)
    retired = models.BooleanField(default=False)
    job = models.ForeignKey(Job, models.SET_NULL, null=True, related_name="lineages")
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["model", "version"], name="one_lineage_of_a_version")]

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"

    @property
    def rows_file(self) -> Path:
        """The labelled rows that it learned from; there may be none."""
        return Path(settings.HOME) / "training" / f"{self.model}@{self.version}.parquet"


class Shadowed(models.Model):
    """How many rows a version in shadow mode answered ``label`` where people got ``given``; the ``newest`` of them."""

    lineage = models.ForeignKey(Lineage, models.CASCADE, related_name="shadowed")
    given = models.CharField(max_length=200)
    label = models.CharField(max_length=200)
    rows = models.PositiveBigIntegerField(default=0)
    newest = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["lineage", "given", "label"], name="one_count_of_a_pair")]

    def __str__(self) -> str:
        return f"{self.lineage_id} {self.given} {self.label} {self.rows}"


class Automatic(models.Model):
    """Whether better versions of a model are published by themselves; a model without a row has the default, no.

    Until ``looked_until`` no worker looks again.
    """

    model = models.CharField(_("model"), max_length=100, unique=True)
    on = models.BooleanField(_("Publish better versions automatically"), default=False)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    looked_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.model} {self.on}"
