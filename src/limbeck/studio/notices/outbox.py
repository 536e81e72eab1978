"""From what happens to deliveries: stored in the transaction of the act, so that none is lost and none is made up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.studio.notices.events import SUBSCRIBED
from limbeck.studio.notices.models import Channel, Delivery


def tell(event: str, facts: Mapping[str, Any]) -> int:
    """Store an event for each active channel that wants it; return for how many."""
    if event not in SUBSCRIBED:
        return 0
    channels = Channel.objects.filter(is_active=True).only("pk", "events")
    new = [Delivery(channel=one, event=event, facts=dict(facts)) for one in channels if event in one.events]
    Delivery.objects.bulk_create(new)
    return len(new)


def act_recorded(instance: Any, created: bool, **_more: Any) -> None:
    """Tell of an entry of the audit log; what it says of the act has no names and no contents."""
    if created:
        tell(instance.action, {"target": instance.target, "number": instance.number})


def job_ended(job: Any, state: str, **_more: Any) -> None:
    """Tell of a job that finished or failed."""
    tell(f"job.{state}", {"target": f"job:{job.pk}", "kind": job.kind})
