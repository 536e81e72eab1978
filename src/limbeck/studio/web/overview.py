"""What the home page shows."""

from __future__ import annotations

import datetime
from typing import Any

from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.announcements import services as announcements
from limbeck.studio.detection import services as detection
from limbeck.studio.jobs import services as jobs
from limbeck.studio.registry.facts import published
from limbeck.studio.roles import Ability

NEWEST = 5
DAYS = 7


def overview(user: User) -> dict[str, Any]:
    """Return the newest announcements, models, answers and jobs that a person may see."""
    found: dict[str, Any] = {
        "announcements": announcements.shown()[:NEWEST],
        "unread_numbers": set(announcements.unread(user).values_list("pk", flat=True)),
        "models": published(),
    }
    if user.may(Ability.DETECT):
        since = timezone.now() - datetime.timedelta(days=DAYS)
        answers = detection.visible(user)
        found |= {
            "jobs": jobs.visible(user)[:NEWEST],
            "recent": answers.defer("explanation", "probabilities")[:NEWEST],
            "week": answers.filter(created_at__gte=since).count(),
            "running": jobs.visible(user).filter(state__in=("queued", "running")).count(),
        }
    if user.may(Ability.ADMINISTER):
        found["people"] = User.objects.filter(is_active=True).count()
    return found
