"""Which account a person has who comes by a provider: found, linked or made, with the role that the groups give.

An account belongs to a person by the identifier that the provider never gives to another one (``sub`` of the issuer in
OpenID Connect, ``entryUUID`` in LDAP), never by a user name, and by an e-mail address only as `_linked` says. It has no
password, passkey or second factor here: who is shut out by the provider cannot come in by another way.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import ClassVar, NoReturn

from allauth.account.adapter import get_adapter
from allauth.account.internal.emailkit import valid_email_or_none
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from limbeck.studio.accounts.models import User
from limbeck.studio.accounts.services import end_sessions
from limbeck.studio.audit.log import record
from limbeck.studio.roles import Role

RANK = list(Role)  # from the least to the most


@dataclass(frozen=True)
class Person:
    """What a provider says about who it has let in.

    Parameters
    ----------
    source
        ``oidc`` or ``ldap``.
    subject
        The identifier, see `subject_key`.
    groups
        As the keys of the roles in the settings are written.
    verified
        Whether the provider says that the e-mail address belongs to the person.
    """

    source: str
    subject: str
    groups: frozenset[str]
    username: str = ""
    name: str = ""
    email: str = ""
    verified: bool = False


class RefusedError(Exception):
    """The provider let a person in, and this site does not."""

    REASONS: ClassVar = {
        "disabled": _("This account is disabled. Ask an administrator."),
        "role": _("None of your groups may use this site. Ask an administrator."),
        "unknown": _("You have no account here yet. Ask an administrator."),
    }

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def text(self) -> str:
        """What the person reads."""
        return str(self.REASONS[self.reason])


def subject_key(*parts: str) -> str:
    """Return the SHA-256 of an identifier and who gave it: of one length, and equal only where case is equal too."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def arrive(person: Person, request: HttpRequest) -> User:
    """Return the account of a person, made or changed as the settings say.

    Raises
    ------
    RefusedError
        When it is disabled, no group has a role, or there is none and none may be made.
    """
    person = replace(person, email=valid_email_or_none(person.email) or "")
    try:
        try:
            return _account(person, request)
        except IntegrityError:  # the same person arrived twice at the same moment
            return _account(person, request)
    except RefusedError as refused:
        with transaction.atomic():
            record("account.refused", actor=None, request=request, source=person.source, reason=refused.reason)
        raise


def mapped(source: str) -> dict[str, Role]:
    """Return group -> role of a source; empty where roles are given on this site."""
    found: dict[str, Role] = settings.CONFIG.oidc_roles if source == "oidc" else settings.CONFIG.ldap_roles
    return found


def role_from_groups(user: User) -> bool:
    """Whether groups of a provider decide about the role of a person."""
    return any(mapped(account.provider) for account in user.socialaccount_set.all())


@transaction.atomic
def _account(person: Person, request: HttpRequest) -> User:
    role = _role(person)
    user = _known(person) or _linked(person, request) or _created(person, role, request)
    if not user.is_active:
        _refuse("disabled")
    if mapped(person.source):
        _refresh(user, role, person, request)
    return user


def _role(person: Person) -> Role:
    """Return the highest role of a person's groups."""
    roles = mapped(person.source)
    found = [roles[group] for group in person.groups if group in roles]
    role = max(found, key=RANK.index) if found else settings.CONFIG.sso_default_role
    return role or _refuse("role")


def _known(person: Person) -> User | None:
    accounts = SocialAccount.objects.select_related("user")
    found = accounts.filter(provider=person.source, uid=person.subject).first()
    return found.user if found else None


def _linked(person: Person, request: HttpRequest) -> User | None:
    """Join the person with the one account of the same e-mail address, if the settings allow it.

    This site has not verified that address: whoever registered with it loses every other way to sign in.
    """
    same = User.objects.filter(email__iexact=person.email, erased_at=None) if person.email else User.objects.none()
    if same.filter(is_active=False).exists():
        _refuse("disabled")  # no new account for who was shut out
    same = list(same[:2])
    if not settings.CONFIG.sso_link or not person.verified or len(same) != 1 or same[0].socialaccount_set.exists():
        return None
    user = same[0]
    SocialAccount.objects.create(user=user, provider=person.source, uid=person.subject)
    user.set_unusable_password()
    user.must_change_password = False
    user.save()
    end_sessions(user)
    user.authenticator_set.all().delete()
    user.tokens.all().delete()
    record("account.link", actor=user.pk, target=f"user:{user.pk}", request=request, source=person.source)
    return user


def _created(person: Person, role: Role, request: HttpRequest) -> User:
    if not settings.CONFIG.sso_create:
        _refuse("unknown")
    wanted = [person.username, person.email, person.name, "user"]
    user = User(
        username=get_adapter().generate_unique_username(wanted), name=person.name[:100], email=person.email,
        role=role.value, language=request.LANGUAGE_CODE,
    )  # fmt: skip
    user.set_unusable_password()
    user.save()
    if person.email:
        EmailAddress.objects.create(user=user, email=person.email, primary=True)
    SocialAccount.objects.create(user=user, provider=person.source, uid=person.subject)
    details = {"role": user.role, "source": person.source}
    record("account.register", actor=user.pk, target=f"user:{user.pk}", request=request, **details)
    return user


def _refresh(user: User, role: Role, person: Person, request: HttpRequest) -> None:
    """Give the role of the groups; the last administrator keeps theirs, or nobody could administer the site."""
    if user.role == role.value:
        return
    administrators = User.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True)
    if user.role == Role.ADMINISTRATOR.value and not administrators.exclude(pk=user.pk).exists():
        logging.getLogger(__name__).warning("user %d stays administrator: there is no other", user.pk)
        return
    user.role = role.value
    user.save(update_fields=["role"])
    details = {"role": user.role, "source": person.source}
    record("account.role", actor=None, target=f"user:{user.pk}", request=request, **details)


def _refuse(reason: str) -> NoReturn:
    raise RefusedError(reason)
