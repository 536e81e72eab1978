"""Acts on channels, each with its audit entry in one transaction."""

from __future__ import annotations

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.notices.models import FAILED, WAITING, Channel, Delivery


def save(channel: Channel, *, by: User, changed: list[str], request: HttpRequest | None = None) -> None:
    """Keep a new or changed channel."""
    new = channel.pk is None
    with transaction.atomic():
        if new:
            channel.created_by = by
        channel.save()
        action = "channel.create" if new else "channel.change"
        record(action, actor=by.pk, target=f"channel:{channel.pk}", request=request, fields=sorted(changed))


def delete(channel: Channel, *, by: User, request: HttpRequest | None = None) -> None:
    """Delete a channel and the log of its deliveries."""
    with transaction.atomic():
        record("channel.delete", actor=by.pk, target=f"channel:{channel.pk}", request=request)
        channel.delete()


def test(channel: Channel, *, by: User, request: HttpRequest | None = None) -> Delivery:
    """Let a worker send a message that says that it is a test."""
    with transaction.atomic():
        record("channel.test", actor=by.pk, target=f"channel:{channel.pk}", request=request)
        Channel.objects.filter(pk=channel.pk).update(next_at=None)
        return Delivery.objects.create(channel=channel, event="notice.test", facts={"target": f"channel:{channel.pk}"})


def send_again(delivery: Delivery, *, by: User, request: HttpRequest | None = None) -> bool:
    """Try a failed delivery once more, at once; False where it has not failed."""
    with transaction.atomic():
        now = timezone.now()
        failed = Delivery.objects.filter(pk=delivery.pk, state=FAILED)
        again = bool(failed.update(state=WAITING, attempts=0, next_at=now, ended_at=None))
        if again:
            record("channel.resend", actor=by.pk, target=f"channel:{delivery.channel_id}", request=request)
    return again
