"""What django-allauth asks of this site: who may register, what is written down, how often a password may be wrong."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.studio.accounts import attempts, services
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.sign_on.backends import LocalBackend
from limbeck.studio.sign_on.directory import DirectoryError
from limbeck.studio.sign_on.provisioning import RefusedError
from limbeck.studio.web.request import client_address


class Adapter(DefaultAccountAdapter):
    """See `allauth.account.adapter`."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Whether this person may register: by an invitation, or because everybody may."""
        return services.may_register(request)

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """Save who registers, with the role of the invitation or of all."""
        with transaction.atomic():
            super().save_user(request, user, form, commit=False)
            user.name = form.cleaned_data.get("name", "")
            return services.register(user, request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password, and write down one that is wrong."""
        attempt = attempts.begin(credentials.get("username", ""))
        if attempt is None:
            raise self.validation_error("too_many_login_attempts")
        try:
            user: User | None = super().authenticate(request, **credentials)
        except RefusedError as refused:
            attempts.succeeded(attempt)  # the password was right
            raise ValidationError(refused.text) from refused
        except DirectoryError as error:  # it may still have been a wrong password of this site: the attempt counts
            logging.getLogger(__name__).warning("the LDAP directory cannot be asked: %s", error)
            raise ValidationError(_("The LDAP directory cannot be reached. Try again later.")) from error
        if user is None:
            with transaction.atomic():
                record("account.wrong_password", actor=None, request=request)
        else:
            attempts.succeeded(attempt)
        return user

    def reauthenticate(self, user: User, password: str) -> bool:
        """Check the password of who is signed in; wrong ones count as those of a sign-in."""
        attempt = attempts.begin(user.username)
        if (
            attempt is None
            or LocalBackend().authenticate(self.request, username=user.username, password=password) != user
        ):
            return False
        attempts.succeeded(attempt)
        return True

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign a person in."""
        with transaction.atomic():
            super().login(request, user)
            record("account.sign_in", actor=user.pk, target=f"user:{user.pk}", request=request)

    def logout(self, request: HttpRequest) -> None:
        """Sign a person out."""
        with transaction.atomic():
            if request.user.is_authenticated:
                record("account.sign_out", actor=request.user.pk, target=f"user:{request.user.pk}", request=request)
            super().logout(request)

    def set_password(self, user: User, password: str) -> None:
        """Set a new password."""
        with transaction.atomic():
            user.must_change_password = False
            super().set_password(user, password)
            actor = self.request.user.pk if self.request.user.is_authenticated else user.pk
            record("account.new_password", actor=actor, target=f"user:{user.pk}", request=self.request)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address by which sign-ins are limited."""
        return client_address(request) or "unknown"
