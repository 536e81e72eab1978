"""Find, link or create the account of a person who signs in through a provider, with the role that the groups give.

An account belongs to a person by the identifier that the provider never gives to another one (``sub`` of the issuer in
OpenID Connect, ``entryUUID`` in LDAP), never by a user name, and by an e-mail address only as `_linked` says. It has no
password, passkey or second factor here: whoever the provider locks out cannot sign in another way.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import ClassVar

from allauth.account.adapter import get_adapter
from allauth.account.internal.emailkit import valid_email_or_none
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
class Identity:
    """A person as the provider describes them after it has checked who they are.

    Parameters
    ----------
    source
        ``oidc`` or ``ldap``.
    subject
        The identifier, see `subject_key`.
    groups
        As the keys of the roles in the settings are written.
    verified
        Whether the provider says that the e-mail address belongs to the identity.
    """

    source: str
    subject: str
    groups: frozenset[str]
    username: str = ""
    name: str = ""
    email: str = ""
    verified: bool = False


class RefusedError(Exception):
    """The provider knows the person, but this site refuses the sign-in."""

    REASONS: ClassVar = {
        "disabled": _("This account is disabled. Ask an administrator."),
        "role": _("None of your groups has access to this site. Ask an administrator."),
        "unknown": _("You have no account here yet. Ask an administrator."),
    }

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def text(self) -> str:
        """The message for the identity."""
        return str(self.REASONS[self.reason])


def subject_key(*parts: str) -> str:
    """Return the SHA-256 of an identifier and who gave it: of one length, and equal only where case is equal too."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def provision(identity: Identity, request: HttpRequest) -> User:
    """Return the account of a person, created or changed as the settings say.

    Raises
    ------
    RefusedError
        When it is disabled, no group has a role, or there is none and the settings do not allow to create one.
    """
    identity = replace(identity, email=valid_email_or_none(identity.email) or "")
    try:
        try:
            return _account(identity, request)
        except IntegrityError:  # the same person signed in twice at the same moment
            return _account(identity, request)
    except RefusedError as refused:
        with transaction.atomic():
            record("account.refused", actor=None, request=request, source=identity.source, reason=refused.reason)
        raise


def roles_of_groups(source: str) -> dict[str, Role]:
    """Return group -> role of a source; empty where roles are given on this site."""
    found: dict[str, Role] = settings.CONFIG.oidc_roles if source == "oidc" else settings.CONFIG.ldap_roles
    return found


def role_from_groups(user: User) -> bool:
    """Whether groups of a provider decide the role of a person."""
    return any(roles_of_groups(account.provider) for account in user.socialaccount_set.all())


@transaction.atomic
def _account(identity: Identity, request: HttpRequest) -> User:
    role = _role(identity)
    user = _known(identity) or _linked(identity, request) or _created(identity, role, request)
    if not user.is_active:
        raise RefusedError("disabled")
    if roles_of_groups(identity.source):
        _update_role(user, role, identity, request)
    return user


def _role(identity: Identity) -> Role:
    """Return the highest role of a person's groups."""
    roles = roles_of_groups(identity.source)
    found = [roles[group] for group in identity.groups if group in roles]
    role = max(found, key=RANK.index) if found else settings.CONFIG.sso_default_role
    if role is None:
        raise RefusedError("role")
    return role


def _known(identity: Identity) -> User | None:
    accounts = SocialAccount.objects.select_related("user")
    found = accounts.filter(provider=identity.source, uid=identity.subject).first()
    return found.user if found else None


def _linked(identity: Identity, request: HttpRequest) -> User | None:
    """Link the person to the one account with the same e-mail address, if the settings allow it.

    This site has not verified that address: whoever registered with it loses every other way to sign in.
    """
    same = User.objects.filter(email=identity.email, erased_at=None) if identity.email else User.objects.none()
    if same.filter(is_active=False).exists():
        raise RefusedError("disabled")  # whoever was disabled gets no new account
    same = list(same[:2])
    if not settings.CONFIG.sso_link or not identity.verified or len(same) != 1 or same[0].is_external:
        return None
    user = same[0]
    SocialAccount.objects.create(user=user, provider=identity.source, uid=identity.subject)
    user.set_unusable_password()
    user.must_change_password = False
    user.save()
    end_sessions(user)
    user.authenticator_set.all().delete()
    user.tokens.all().delete()
    record("account.link", actor=user.pk, target=f"user:{user.pk}", request=request, source=identity.source)
    return user


def _created(identity: Identity, role: Role, request: HttpRequest) -> User:
    if not settings.CONFIG.sso_create:
        raise RefusedError("unknown")
    wanted = [identity.username, identity.email, identity.name, "user"]
    user = User(
        username=get_adapter().generate_unique_username(wanted), name=identity.name[:100], email=identity.email,
        role=role.value, language=request.LANGUAGE_CODE,
    )  # fmt: skip
    user.set_unusable_password()
    user.save()
    SocialAccount.objects.create(user=user, provider=identity.source, uid=identity.subject)
    details = {"role": user.role, "source": identity.source}
    record("account.register", actor=user.pk, target=f"user:{user.pk}", request=request, **details)
    return user


def _update_role(user: User, role: Role, identity: Identity, request: HttpRequest) -> None:
    """Give the role of the groups; the last administrator keeps theirs, or nobody could administer the site."""
    if user.role == role.value:
        return
    administrators = User.objects.filter(role=Role.ADMINISTRATOR.value, is_active=True)
    if user.role == Role.ADMINISTRATOR.value and not administrators.exclude(pk=user.pk).exists():
        logging.getLogger(__name__).warning("user %d stays administrator: there is no other", user.pk)
        return
    user.role = role.value
    user.save(update_fields=["role"])
    details = {"role": user.role, "source": identity.source}
    record("account.role", actor=None, target=f"user:{user.pk}", request=request, **details)
