"""What review keeps in the database."""

from __future__ import annotations

from limbeck.studio.review.models.answers import Review
from limbeck.studio.review.models.items import Item
from limbeck.studio.review.models.planning import Assignment, Gold, LabelSeen, Planned, Policy
from limbeck.studio.review.models.suspects import Suspect

__all__ = ["Assignment", "Gold", "Item", "LabelSeen", "Planned", "Policy", "Review", "Suspect"]
