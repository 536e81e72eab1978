"""Acts on access tokens, each with its audit entry in one transaction; and who a token stands for."""

from __future__ import annotations

import datetime
import secrets

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from limbeck.studio.accounts.models import User, hashed
from limbeck.studio.api.models import Token
from limbeck.studio.audit.log import record
from limbeck.studio.roles import ABILITIES, Ability, Role

PREFIX = "lbk_"  # so that tools that look for leaked secrets can find one
FRESH = datetime.timedelta(minutes=1)  # between two notes of its use


def create(
    user: User, name: str, scopes: list[Ability], days: int, *, request: HttpRequest | None = None
) -> tuple[Token, str]:
    """Make a token; return it and its text, which is not stored."""
    text = PREFIX + secrets.token_urlsafe(32)
    with transaction.atomic():
        token = Token.objects.create(
            user=user, name=name, digest=hashed(text), scopes=sorted(scope.value for scope in scopes),
            expires_at=timezone.now() + datetime.timedelta(days=days),
        )  # fmt: skip
        record("token.create", actor=user.pk, target=f"token:{token.pk}", request=request, scopes=token.scopes)
    return token, text


def revoke(token: Token, *, by: User, request: HttpRequest | None = None) -> None:
    """Make a token invalid for good."""
    with transaction.atomic():
        record("token.revoke", actor=by.pk, target=f"token:{token.pk}", request=request)
        token.delete()


def find(text: str) -> Token | None:
    """Return the valid token of a text, of a person who may still sign in."""
    now = timezone.now()
    token = Token.objects.select_related("user").filter(digest=hashed(text), expires_at__gt=now).first()
    if token is None or not token.user.is_active or token.user.must_change_password:
        return None
    if token.used_at is None or now - token.used_at > FRESH:
        Token.objects.filter(pk=token.pk).update(used_at=now)
    return token


def abilities(token: Token) -> set[Ability]:
    """Return what a token may do: its scopes, as far as the person's role goes."""
    return {ability for ability in ABILITIES[Role(token.user.role)] if ability.value in token.scopes}
