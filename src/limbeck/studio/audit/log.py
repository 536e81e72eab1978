"""Write to the audit log, and check it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from limbeck.studio.audit.models import FIRST, Entry, Head
from limbeck.studio.web.request import client_address

ONLY = 1  # key of the one row of Head
STEP = 2000  # entries read at once


def record(
    action: str, *, actor: int | None, target: str = "", request: HttpRequest | None = None, **details: Any
) -> Entry:
    """Add an entry in the transaction of the act that it tells of: both are kept, or neither.

    Parameters
    ----------
    action
        ``subject.verb``, e.g. ``account.sign_in``.
    actor
        Number of the person; None for the system, and for people who are not signed in.
    target
        What was acted on, e.g. ``user:5``.
    details
        Numbers, texts, lists and dictionaries. No names, addresses, passwords or contents.

    Raises
    ------
    RuntimeError
        Outside a transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("an act and its audit entry share a transaction")
    head, _ = Head.objects.select_for_update().get_or_create(pk=ONLY)
    entry = Entry(
        number=head.number + 1, at=timezone.now(), actor=actor, action=action, target=target, details=details,
        address=client_address(request) if request else "", previous=head.digest,
    )  # fmt: skip
    entry.digest = entry.expected_digest()
    entry.save()
    Head.objects.filter(pk=ONLY).update(number=entry.number, digest=entry.digest)
    return entry


@dataclass(frozen=True)
class Checked:
    """How many entries were read, and the number of the first that does not fit; None where all do."""

    entries: int
    broken: int | None


def verify() -> Checked:
    """Read the whole log in order and check every digest, every link, the numbers and the end."""
    previous, number = FIRST, 0
    head = Head.objects.filter(pk=ONLY).first() or Head()
    # The end may grow while this reads: what is checked is the chain up to the head as it was.
    entries = Entry.objects.filter(number__lte=head.number).order_by("number")
    for entry in entries.iterator(chunk_size=STEP):
        number += 1
        fits = entry.number == number and entry.previous == previous
        if not (fits and hmac.compare_digest(entry.digest, entry.expected_digest())):
            return Checked(number, number)
        previous = entry.digest
    if number != head.number or not hmac.compare_digest(previous, head.digest):
        return Checked(number, number + 1)
    beyond = Entry.objects.filter(number__gt=head.number).order_by("number").first()
    if beyond is not None and not Head.objects.filter(pk=ONLY, number__gte=beyond.number).exists():
        return Checked(number, beyond.number)
    return Checked(number, None)
