"""Up to which answer a chore may go that takes each answer once, in the order of their numbers.

A number is given when a row is written, and its transaction ends well within `LAG`. So behind an answer that is `LAG`
old no earlier number appears any more.
"""

from __future__ import annotations

import datetime

from django.utils import timezone

from limbeck.studio.detection.models import Prediction

LAG = datetime.timedelta(seconds=30)


def settled_until(last: int, most: int) -> int:
    """Return the number up to which answers can be taken now.

    Parameters
    ----------
    last
        The number of the last answer that was taken; returned where there is nothing to take.
    most
        How many answers are taken at most.
    """
    behind = Prediction.objects.filter(pk__gt=last).order_by("pk")
    numbers = behind.values_list("pk", flat=True)
    until = numbers[most - 1 : most].first() or numbers.last()
    if until is None:
        return last
    young = numbers.filter(pk__lte=until, created_at__gt=timezone.now() - LAG).first()
    return until if young is None else young - 1
