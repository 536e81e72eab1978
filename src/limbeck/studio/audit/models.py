"""The audit log: entries in a row, each with a keyed hash of itself and of the one before.

The key is not in the database, so whoever can write to the database alone cannot make a chain that fits. The head,
one row that every writer locks, holds the number and the hash of the last entry: entries cut off at the end are missed.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from typing import Any, NoReturn

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

FIRST = "0" * 64  # what stands before the first entry


class AppendOnlyError(TypeError):
    """Something tried to change the audit log."""


class Entries(models.QuerySet):
    """Entries can be read and added."""

    def update(self, **values: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError("the audit log is append-only")

    def delete(self) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError("the audit log is append-only")


class Entry(models.Model):
    """One act. It names people by their number, so that erasing a person leaves the chain whole."""

    number = models.BigIntegerField(_("number"), primary_key=True)
    at = models.DateTimeField(_("time"), db_index=True)
    actor = models.BigIntegerField(_("person"), null=True, db_index=True)
    action = models.CharField(_("action"), max_length=60, db_index=True)
    target = models.CharField(_("subject"), max_length=200, blank=True)
    details = models.JSONField(_("details"), default=dict)
    address = models.CharField(_("address"), max_length=45, blank=True)
    previous = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)

    objects = Entries.as_manager()

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"{self.number} {self.action} {self.target}"

    def expected_digest(self) -> str:
        """Return the HMAC-SHA256, 64 hexadecimal digits, of what the entry says and of the digest before it."""
        at = self.at.astimezone(datetime.UTC).isoformat(timespec="microseconds")
        facts = [self.number, at, self.actor, self.action, self.target, self.details, self.address, self.previous]
        text = json.dumps(facts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hmac.new(settings.AUDIT_KEY.encode(), text.encode("ascii"), hashlib.sha256).hexdigest()

    def save(self, *given: Any, **named: Any) -> None:
        """Add the entry; refuse to change one."""
        if not self._state.adding:
            raise AppendOnlyError("the audit log is append-only")
        super().save(*given, force_insert=True, using=named.get("using"))

    def delete(self, *given: Any, **named: Any) -> NoReturn:
        """Refuse."""
        raise AppendOnlyError("the audit log is append-only")


class Head(models.Model):
    """The end of the chain; one row."""

    number = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=64, default=FIRST)
