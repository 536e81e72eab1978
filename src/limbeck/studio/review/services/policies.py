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


def keep(policy: Policy, *, by: User, request: HttpRequest | None = None, **changed: Any) -> None:
    """Store a policy and what was changed in it."""
    with transaction.atomic():
        policy.save()
        record("review.policy", actor=by.pk, target=f"model:{policy.model}", request=request, **changed)
