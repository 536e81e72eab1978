"""Send what is due, with retries; any number of workers may do it, and a channel belongs to one of them at a time.

An event is told at least once: a worker that is killed between the answer of a server and the note of it sends it
again, with the same ``webhook-id``.
"""

from __future__ import annotations

import datetime
import json
import time
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError, first_line, printable
from limbeck.studio.notices.addresses import RefusedAddressError, Resolve, checked_url, reach, resolve
from limbeck.studio.notices.events import line
from limbeck.studio.notices.models import DELIVERED, EMAIL, FAILED, WAITING, WEBHOOK, Channel, Delivery
from limbeck.studio.notices.shapes import LINES, ROBOTS, SHORTEST_GAP, Ask, message, refusal, webhook
from limbeck.teachers.connection import Connections, LostError, Reply, TooLateError, UnreadableError

SECONDS = 10.0  # for one request
DIGEST = 500  # events of an e-mail
MOST = 1 << 16  # bytes of an answer
LONGEST_REASON = 300  # characters
LEASE = 300.0  # seconds
WAITS = (10, 60, 300, 1800, 7200, 21600, 43200)  # seconds before each further attempt
AGAIN = {408, 425, 429, 500, 502, 503, 504}
KEPT = datetime.timedelta(days=90)


class UndeliveredError(Exception):
    """A message was not taken; ``again`` says whether another attempt may help."""

    def __init__(self, reason: str, *, status: int | None = None, again: bool = True) -> None:
        super().__init__(reason)
        self.reason, self.status, self.again = reason, status, again


def deliver(resolver: Resolve = resolve) -> int:
    """Send what is due on all channels; return how many events were told."""
    now = timezone.now()
    due = Delivery.objects.filter(state=WAITING, next_at__lte=now).values("channel")
    free = Q(next_at=None) | Q(next_at__lte=now)
    told = 0
    for channel in Channel.objects.filter(free, is_active=True, pk__in=due):
        lease = now + datetime.timedelta(seconds=LEASE)
        mine = Channel.objects.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=channel.pk)
        if mine.update(lease_until=lease):
            try:
                told += _channel(channel, resolver)
            finally:
                Channel.objects.filter(pk=channel.pk, lease_until=lease).update(lease_until=None)
    return told


def remove_old() -> None:
    """Remove deliveries that ended long ago."""
    Delivery.objects.filter(ended_at__lt=timezone.now() - KEPT).delete()


def _channel(channel: Channel, resolver: Resolve) -> int:
    """Send what is due on one channel, and note when it may be used again."""
    due = channel.deliveries.filter(state=WAITING, next_at__lte=timezone.now()).order_by("pk")
    due = list(due[: DIGEST if channel.kind == EMAIL else LINES])
    parts = [[one] for one in due] if channel.kind == WEBHOOK else [due]
    told = 0
    for part in parts:
        try:
            status = _send(channel, part, resolver)
        except UndeliveredError as error:
            _failed(channel, part, error)
            break  # the others would fare no better
        Delivery.objects.filter(pk__in=[one.pk for one in part]).update(
            state=DELIVERED, ended_at=timezone.now(), status=status, reason="", attempts=part[0].attempts + 1
        )
        told += len(part)
    gap = max(channel.gap, SHORTEST_GAP.get(channel.kind, 0))
    if gap:
        Channel.objects.filter(pk=channel.pk).update(next_at=timezone.now() + datetime.timedelta(seconds=gap))
    return told


def _failed(channel: Channel, part: Sequence[Delivery], error: UndeliveredError) -> None:
    now = timezone.now()
    reason = printable(" ".join(channel.without_keys(error.reason).split()))[:LONGEST_REASON]
    for one in part:
        one.attempts += 1
        one.status, one.reason = error.status, reason
        if error.again and one.attempts <= len(WAITS):
            one.next_at = now + datetime.timedelta(seconds=WAITS[one.attempts - 1])
        else:
            one.state, one.ended_at = FAILED, now
        one.save(update_fields=["attempts", "status", "reason", "next_at", "state", "ended_at"])


def _send(channel: Channel, part: Sequence[Delivery], resolver: Resolve) -> int | None:
    if channel.kind == EMAIL:
        _mail(channel, part)
        return None
    seconds = int(time.time())
    if channel.kind == WEBHOOK:
        one = part[0]
        told = {"id": one.pk, "event": one.event, "at": one.created_at.isoformat(), "data": one.facts}
        ask = webhook(channel.url, channel.secret, one.pk, told, seconds)
    else:
        lines = [line(one.event, one.facts, channel.language) for one in part]
        ask = ROBOTS[channel.kind](channel.url, channel.secret, message(channel.kind, lines), seconds)
    with translation.override(settings.LANGUAGE_CODE):
        reply = post(ask, resolver)
        if 300 <= reply.status < 400:
            told_where = _("The server redirects elsewhere; redirects are not followed.")
            raise UndeliveredError(told_where, status=reply.status, again=False)
        if not 200 <= reply.status < 300:
            reason = f"HTTP {reply.status}: {reply.body.decode('utf-8', 'replace')}"
            raise UndeliveredError(reason, status=reply.status, again=reply.status in AGAIN)
    if why := refusal(channel.kind, reply.body):
        raise UndeliveredError(why, status=reply.status)
    return reply.status


def post(ask: Ask, resolver: Resolve = resolve) -> Reply:
    """Send a request to where its address may lead, and return the answer.

    Raises
    ------
    UndeliveredError
        Where there is none.
    """
    try:
        place = checked_url(ask.url)
        connections = Connections(ask.headers, reach=reach(place, resolver))
        try:
            return connections.request("POST", place.url, ask.body, seconds=SECONDS, most=MOST)
        finally:
            connections.close()
    except RefusedAddressError as error:
        raise UndeliveredError(str(error.what), again=False) from error
    except TooLateError as error:
        raise UndeliveredError(_("The server did not answer within %(seconds)d s.") % {"seconds": SECONDS}) from error
    except LostError as error:
        raise UndeliveredError(_("No connection: %(why)s") % {"why": first_line(error)}) from error
    except (UnreadableError, ValueError, LimbeckError, json.JSONDecodeError) as error:
        raise UndeliveredError(first_line(error)) from error


def _mail(channel: Channel, part: Sequence[Delivery]) -> None:
    if not settings.EMAIL_HOST:
        raise UndeliveredError(_("This site sends no e-mail: set LIMBECK_EMAIL_URL."))
    lines = [f"{one.created_at:%Y-%m-%d %H:%M} {line(one.event, one.facts, channel.language)}" for one in part]
    with translation.override(channel.language):
        subject = _("News of this site (%(count)d)") % {"count": len(part)}
    body = "\n".join(lines)
    try:
        EmailMessage(f"Limbeck: {subject}", body, bcc=channel.addresses).send()
    except (OSError, ValueError) as error:  # smtplib's errors are the former, those of Django's headers the latter
        raise UndeliveredError(first_line(error)) from error
