"""Sent by the queue for other apps, in the transaction of what they tell of."""

from __future__ import annotations

from django.dispatch import Signal

ended = Signal()  # ``job``: a `limbeck.studio.jobs.models.Job`; ``state``: finished, failed or cancelled
