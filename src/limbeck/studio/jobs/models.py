"""A piece of long work, and how far it has come."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from limbeck.studio.jobs.kinds import kind_of

QUEUED, RUNNING, FINISHED, FAILED, CANCELLED = "queued", "running", "finished", "failed", "cancelled"
STATES = [
    (QUEUED, _("Queued")),
    (RUNNING, _("Running")),
    (FINISHED, _("Finished")),
    (FAILED, _("Failed")),
    (CANCELLED, _("Cancelled")),
]


class Job(models.Model):
    """A job in the queue. While it runs it belongs to one worker, its owner, until the lease ends."""

    kind = models.CharField(_("kind"), max_length=30)  # a name of `limbeck.studio.jobs.kinds`
    title = models.CharField(_("title"), max_length=200)
    state = models.CharField(_("state"), max_length=10, choices=STATES, default=QUEUED)
    parameters = models.JSONField(default=dict)
    result = models.JSONField(default=dict)
    reason = models.TextField(_("reason"), blank=True)
    stage = models.CharField(max_length=20, blank=True)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="jobs")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    cancel_requested = models.BooleanField(default=False)

    class Meta:
        ordering = ("-pk",)
        indexes = [models.Index(fields=["state", "id"]), models.Index(fields=["created_by", "-id"])]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind} {self.state}"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in (FINISHED, FAILED, CANCELLED)

    @property
    def kind_label(self) -> str:
        """What people read for its kind."""
        kind = kind_of(self)
        return str(kind.label) if kind else self.kind

    @property
    def stage_label(self) -> str:
        """What people read for its stage."""
        kind = kind_of(self)
        return kind.stage_label(self.stage) if kind else self.stage

    @property
    def share(self) -> float | None:
        """How much of the present stage is done, 0 to 1; None where that is not known."""
        return min(1.0, self.done / self.total) if self.total else None

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return Path(settings.HOME) / "jobs" / str(self.pk)
