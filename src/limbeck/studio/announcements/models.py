"""Announcements, and who has read them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Announcement(models.Model):
    """A text in Markdown, shown from one moment to another."""

    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), max_length=20_000)
    pinned = models.BooleanField(_("pinned to the top"), default=False)
    starts_at = models.DateTimeField(_("shown from"), default=timezone.now, db_index=True)
    ends_at = models.DateTimeField(_("shown until"), null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("-pinned", "-starts_at")

    def __str__(self) -> str:
        return str(self.title)

    @property
    def state(self) -> str:
        """``scheduled``, ``shown`` or ``expired``."""
        now = timezone.now()
        if self.starts_at > now:
            return "scheduled"
        return "expired" if self.ends_at is not None and self.ends_at <= now else "shown"


class Read(models.Model):
    """A person has read an announcement."""

    announcement = models.ForeignKey(Announcement, models.CASCADE)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["announcement", "user"], name="read_once")]
