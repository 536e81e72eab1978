"""Go to the OpenID Connect provider, and come back."""

from __future__ import annotations

import logging
import secrets

from allauth.account.utils import get_next_redirect_url
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.base.constants import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST
from requests import RequestException

from limbeck.studio.sign_on.adapter import NONCE, to_sign_in_page
from limbeck.studio.sign_on.provider import OIDC, Client, Provider

FAILURES = (
    OAuth2Error,
    RequestException,
    KeyError,
    ValueError,
)  # not reachable, or no valid answer


@login_not_required
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Send a person to the provider.

    With a page that redirects by itself: browsers hold every redirect after a form to ``form-action`` of the content
    security policy, also those that the provider makes to other sites, so a redirect would need a wider policy.
    """
    provider, nonce = _provider(request), secrets.token_urlsafe(24)
    try:
        response = provider.redirect(
            request, process=AuthProcess.LOGIN, next_url=get_next_redirect_url(request),
            auth_params={"nonce": nonce}, **{NONCE: nonce},
        )  # fmt: skip
    except ImmediateHttpResponse as found:
        return found.response
    except FAILURES as error:
        return _failed(request, error)
    return render(request, "sign_on/redirect.html", {"address": response["Location"], "name": provider.name})


@login_not_required
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take a person back from the provider."""
    _provider(request)
    try:
        return OAuth2CallbackView.adapter_view(Client(request))(request)
    except FAILURES as error:
        return _failed(request, error)


def _provider(request: HttpRequest) -> Provider:
    try:
        return get_adapter().get_provider(request, OIDC)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    logging.getLogger(__name__).warning("sign-in through the provider failed: %s", error)
    return to_sign_in_page(request)
