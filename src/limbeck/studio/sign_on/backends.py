"""Check a name and a password: of an account of this site, else of an entry of the directory."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from limbeck.studio.accounts.models import User
from limbeck.studio.sign_on.directory import look_up
from limbeck.studio.sign_on.provisioning import provision


class LocalBackend(AuthenticationBackend):
    """Passwords of this site; never of an account whose person signs in through a provider."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Return the account."""
        user: User | None = super().authenticate(request, **credentials)
        if user is None or not settings.CONFIG.password_sign_in or user.is_external:
            return None
        return user


class DirectoryBackend(ModelBackend):
    """Passwords of the LDAP directory.

    Raises
    ------
    DirectoryError, RefusedError
        See `limbeck.studio.sign_on.directory` and `limbeck.studio.sign_on.provisioning`.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        """Return the account."""
        if request is None or not settings.CONFIG.ldap_uri:
            return None
        identity = look_up(username or "", password or "")
        return provision(identity, request) if identity else None
