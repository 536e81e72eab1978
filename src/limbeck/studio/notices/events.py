"""What can be told, and how it reads: acts of the audit log, and ends of jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext_lazy as _

# Event -> what people read. Those of the audit log have the names of its actions.
EVENTS = {
    "job.finished": _("A job finished"),
    "job.failed": _("A job failed"),
    "model.add": _("A model was added"),
    "model.publish": _("A model was published"),
    "model.roll_back": _("A model was rolled back"),
    "announcement.create": _("There is a new announcement"),
    "review.appeal": _("A review was appealed"),
    "review.adjudicate": _("A dispute was decided"),
    "account.register": _("A person registered"),
    "user.erase": _("A person's data were erased"),
    "notice.test": _("This is a test"),
}
SUBSCRIBED = tuple(name for name in EVENTS if name != "notice.test")
_PAGES = {"job": "/jobs/{}/", "model": "/models/{}/", "announcement": "/announcements/{}/"}


def line(event: str, facts: Mapping[str, Any], language: str) -> str:
    """Return an event as one line: what happened, to what, and where to look."""
    with translation.override(language):
        label = str(EVENTS.get(event, event))
    target = str(facts.get("target", ""))
    subject, _colon, name = target.partition(":")
    told = " ".join(filter(None, (label, f"({name})" if name else "")))
    page = _PAGES.get(subject, "").format(name.partition("@")[0])
    address = settings.CONFIG.public_url
    return f"{told} {address}{page}" if page and address else told
