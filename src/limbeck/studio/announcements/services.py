"""Acts on announcements, each with its audit entry in one transaction."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.announcements.models import Announcement, Read
from limbeck.studio.audit.log import record


def shown() -> QuerySet:
    """Return the announcements that are shown now, pinned ones first."""
    now = timezone.now()
    return Announcement.objects.filter(starts_at__lte=now).filter(Q(ends_at=None) | Q(ends_at__gt=now))


def unread(user: User) -> QuerySet:
    """Return those shown now that a person has not read."""
    return shown().exclude(pk__in=Read.objects.filter(user=user).values("announcement"))


def unread_count(user: User) -> int:
    """Return how many these are."""
    return int(unread(user).count())


def mark_read(announcement: Announcement, user: User) -> None:
    """Note that a person has read one; said twice it changes nothing."""
    Read.objects.get_or_create(announcement=announcement, user=user)


def save(announcement: Announcement, *, by: User, changed: list[str], request: HttpRequest | None = None) -> None:
    """Keep a new or changed announcement; a changed text is unread again."""
    new = announcement.pk is None
    with transaction.atomic():
        if new:
            announcement.created_by = by
        announcement.save()
        if not new and {"title", "body"} & set(changed):
            Read.objects.filter(announcement=announcement).delete()
        action = "announcement.create" if new else "announcement.change"
        target = f"announcement:{announcement.pk}"
        record(action, actor=by.pk, target=target, request=request, fields=sorted(changed))


def expire(announcement: Announcement, *, by: User, request: HttpRequest | None = None) -> None:
    """Show an announcement no longer."""
    with transaction.atomic():
        announcement.ends_at = timezone.now()
        announcement.save(update_fields=["ends_at", "changed_at"])
        record("announcement.expire", actor=by.pk, target=f"announcement:{announcement.pk}", request=request)


def delete(announcement: Announcement, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete an announcement."""
    with transaction.atomic():
        number = announcement.pk
        announcement.delete()
        record("announcement.delete", actor=by.pk, target=f"announcement:{number}", request=request)
