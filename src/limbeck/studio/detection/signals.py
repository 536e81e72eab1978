"""What detection tells other apps."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with ``job`` when all answers of a batch are stored; again where the job is run again after a kill.
batch_stored = Signal()
