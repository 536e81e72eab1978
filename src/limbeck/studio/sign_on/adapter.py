"""Connect the sign-in of django-allauth through OpenID Connect to the accounts of this site."""

from __future__ import annotations

import hmac
import logging
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from limbeck.studio.sign_on.provider import OIDC, configured, identity_of
from limbeck.studio.sign_on.provisioning import RefusedError, provision

NONCE = "nonce"  # key of the state


class ExternalAdapter(DefaultSocialAccountAdapter):
    """See `allauth.socialaccount.adapter`."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the provider of the settings."""
        return [app for app in configured() if provider in (None, OIDC) and client_id in (None, app.client_id)]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Never: accounts are created in `pre_social_login`."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Check the nonce, and find the account of a person."""
        wanted, got = sociallogin.state.get(NONCE, ""), str(sociallogin.claims.get("nonce", ""))
        if not wanted or not hmac.compare_digest(wanted.encode(), got.encode()):
            raise OAuth2Error("the ID token answers another request")
        try:
            user = provision(identity_of(sociallogin.claims), request)
        except RefusedError as refused:
            raise ImmediateHttpResponse(to_sign_in_page(request, refused.text)) from refused
        sociallogin.user = user
        sociallogin.account = SocialAccount.objects.get(provider=OIDC, user=user, uid=sociallogin.account.uid)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Exception | None = None, **_more: Any
    ) -> None:
        """Send a person back to the sign-in page; what went wrong is in the log for administrators."""
        logging.getLogger(__name__).warning("sign-in through the provider failed: %s", exception or error)
        raise ImmediateHttpResponse(to_sign_in_page(request))


def to_sign_in_page(request: HttpRequest, text: str = "") -> HttpResponse:
    """Return to the sign-in page with a reason."""
    messages.error(request, text or _("Sign-in through the identity provider failed. Try again."))
    return redirect("account_login")
