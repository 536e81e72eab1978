"""Acts on people, each with its audit entry in one transaction."""

from __future__ import annotations

import datetime
import secrets
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import Invitation, User, hashed
from limbeck.studio.audit.log import record
from limbeck.studio.roles import Role

INVITED = "invitation"  # key of the session
DAYS = 7  # an invitation is valid


def invite(
    role: Role, *, by: User | None, note: str = "", request: HttpRequest | None = None
) -> tuple[Invitation, str]:
    """Make an invitation; return it and the token of its link, which is not stored."""
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        made = Invitation.objects.create(
            token=hashed(token), role=role.value, note=note, created_by=by,
            expires_at=timezone.now() + datetime.timedelta(days=DAYS),
        )  # fmt: skip
        actor = by.pk if by else None
        record("invitation.create", actor=actor, target=f"invitation:{made.pk}", request=request, role=role.value)
    return made, token


def withdraw(invitation: Invitation, *, by: User, request: HttpRequest | None = None) -> None:
    """Make an unused invitation invalid."""
    with transaction.atomic():
        Invitation.objects.filter(pk=invitation.pk, used_at=None).update(expires_at=timezone.now())
        record("invitation.withdraw", actor=by.pk, target=f"invitation:{invitation.pk}", request=request)


def setup_token() -> str | None:
    """Return a token by which the first administrator registers; None where there is one already, or no registration.

    Earlier ones lose their value: the last start of the site prints the one that counts.
    """
    if (
        not settings.CONFIG.password_sign_in
        or User.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True).exists()
    ):
        return None
    Invitation.objects.filter(created_by=None, used_at=None).update(expires_at=timezone.now())
    return invite(Role.ADMINISTRATOR, by=None)[1]


def find_invitation(token: str) -> Invitation | None:
    """Return the valid invitation of a token."""
    found = Invitation.objects.filter(token=hashed(token)).first()
    return found if found is not None and found.valid else None


def may_register(request: HttpRequest) -> bool:
    """Whether who sent a request may register."""
    if not settings.CONFIG.password_sign_in:
        return False
    return settings.CONFIG.registration == "open" or find_invitation(request.session.get(INVITED, "")) is not None


def register(user: User, request: HttpRequest) -> User:
    """Save a person who registers; an invitation serves once, also for two at the same moment."""
    with transaction.atomic():
        role = settings.CONFIG.new_role
        invitation = find_invitation(request.session.get(INVITED, ""))
        user.role = invitation.role if invitation else role.value
        user.language = request.LANGUAGE_CODE
        user.save()
        if invitation is not None:
            mine = Invitation.objects.filter(pk=invitation.pk, used_at=None)
            if not mine.update(used_at=timezone.now(), used_by=user):
                raise LimbeckError(_("This invitation has been used already."))
            request.session.pop(INVITED, None)
        details = {"role": user.role, "invitation": invitation.pk if invitation else None}
        record("account.register", actor=user.pk, target=f"user:{user.pk}", request=request, **details)
    return user


def save_profile(user: User, *, changed: list[str], request: HttpRequest | None = None) -> None:
    """Save what people changed of their own account; ``changed`` names the fields."""
    with transaction.atomic():
        user.save()
        record("account.change", actor=user.pk, target=f"user:{user.pk}", request=request, fields=sorted(changed))


def save_user(user: User, *, by: User, changed: list[str], request: HttpRequest | None = None) -> User:
    """Save a person that an administrator made or changed; ``changed`` names the fields.

    Raises
    ------
    LimbeckError
        When nobody would be left who can administer the site.
    """
    new = user.pk is None
    with transaction.atomic():
        user.save()
        _need_administrator()
        if not user.is_active or "role" in changed:
            end_sessions(user)
        action = "user.create" if new else "user.change"
        record(action, actor=by.pk, target=f"user:{user.pk}", request=request, fields=sorted(changed), role=user.role)
    return user


def erase(user: User, *, by: User, request: HttpRequest | None = None) -> None:
    """Remove all that says who a person is; what they did stays, under their number.

    Raises
    ------
    LimbeckError
        When nobody would be left who can administer the site.
    """
    with transaction.atomic():
        user.username = f"erased-{user.pk}"
        for name in ("name", "email", "phone"):
            setattr(user, name, "")
        user.is_active, user.erased_at = False, timezone.now()
        user.set_unusable_password()
        user.save()
        _need_administrator()
        end_sessions(user)
        for related in ("authenticator_set", "usersession_set", "socialaccount_set", "tokens"):
            getattr(user, related).all().delete()
        record("user.erase", actor=by.pk, target=f"user:{user.pk}", request=request)


def end_sessions(user: User) -> int:
    """Sign a person out everywhere."""
    keys = list(user.usersession_set.values_list("session_key", flat=True))
    user.usersession_set.all().delete()
    return int(Session.objects.filter(session_key__in=keys).delete()[0])


def personal_data(user: User) -> dict[str, Any]:
    """Return all that the site holds about a person, as numbers and texts."""
    from limbeck.studio.audit.models import Entry
    from limbeck.studio.detection.models import Prediction

    profile = {
        name: getattr(user, name) for name in ("pk", "username", "name", "email", "phone", "role", "language")
    }  # fmt: skip
    times = {name: getattr(user, name) for name in ("date_joined", "last_login")}
    sessions = user.usersession_set.values("created_at", "ip", "user_agent", "last_seen_at")
    acts = Entry.objects.filter(Q(actor=user.pk) | Q(target=f"user:{user.pk}")).order_by("number")
    answers = Prediction.objects.filter(created_by=user).order_by("pk")
    jobs = user.jobs.order_by("pk").values("pk", "created_at", "kind", "title", "state")
    reviews = user.reviews.order_by("pk").values("pk", "item", "at", "step", "label", "skipped", "note", "undone_at")
    return {
        "profile": {**profile, **times},
        "sessions": list(sessions),
        "providers": list(user.socialaccount_set.order_by("pk").values("provider", "date_joined", "last_login")),
        "tokens": list(user.tokens.order_by("pk").values("name", "scopes", "created_at", "expires_at", "used_at")),
        "jobs": list(jobs),
        "acts": list(acts.values("number", "at", "action", "target", "address")),
        "predictions": list(answers.values("pk", "created_at", "model", "version", "content", "label", "probability")),
        "reviews": list(reviews),
    }


def _need_administrator() -> None:
    if not User.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True).exists():
        raise LimbeckError(_("Somebody must stay administrator: give that role to another person first."))
