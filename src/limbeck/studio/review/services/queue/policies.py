"""How the answers of each model are reviewed."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.review.models import Policy


def policy_of(model: str) -> Policy:
    """Return the policy of a model; one with the defaults where none is kept."""
    return Policy.objects.filter(model=model).first() or Policy(model=model)


def kept_policy(model: str) -> Policy:
    """Return the policy of a model that has items; it is stored, as models with items are found by their policies."""
    found: Policy = Policy.objects.get_or_create(model=model)[0]
    return found


def reviewed_models() -> list[str]:
    """Return the models that have items, by name."""
    return list(Policy.objects.order_by("model").values_list("model", flat=True))


def keep(policy: Policy, *, by: User, request: HttpRequest | None = None, **changed: Any) -> None:
    """Store a policy and what was changed in it."""
    with transaction.atomic():
        policy.save()
        record("review.policy", actor=by.pk, target=f"model:{policy.model}", request=request, **changed)
