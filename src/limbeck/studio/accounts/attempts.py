"""Wrong passwords: after five for one name in five minutes every further one is refused, whether or not it is right.

An attempt is stored before the password is looked at, and the stored ones are counted after that: attempts at the same
moment count each other. Names that do not exist are counted in the same way, so the refusal tells nothing.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac

from django.conf import settings
from django.utils import timezone

from limbeck.studio.accounts.models import Attempt

MOST = 5
WITHIN = datetime.timedelta(minutes=5)


def begin(name: str) -> Attempt | None:
    """Store an attempt under a name and return it; None where there were too many, and it must be refused."""
    now = timezone.now()
    key = _key(name)
    Attempt.objects.filter(at__lt=now - WITHIN).delete()
    if Attempt.objects.filter(key=key, at__gte=now - WITHIN).count() >= MOST:
        return None  # not stored: who goes on trying does not keep the owner out for longer
    made = Attempt.objects.create(key=key, at=now)
    earlier = Attempt.objects.filter(key=key, at__gte=now - WITHIN, pk__lt=made.pk).count()
    return made if earlier < MOST else None


def succeeded(attempt: Attempt) -> None:
    """Forget an attempt whose password was right; wrong ones before it stay counted."""
    attempt.delete()


def _key(name: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), name.casefold().strip().encode(), hashlib.sha256).hexdigest()
