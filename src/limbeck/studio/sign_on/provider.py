"""The OpenID Connect provider of the settings: django-allauth's client, made stricter.

Added to it, from OpenID Connect Core 1.0 and Discovery 1.0: the issuer of the discovery document is that of the
settings (Discovery 4.3); a nonce (Core 3.1.2.1); the ID token is needed, and its signature, algorithm, audience and
times are checked (Core 3.1.3.7); ``sub`` of the user info is that of the ID token (Core 5.3.2). State and PKCE
(RFC 7636, S256) are django-allauth's.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlsplit

import jwt
from allauth.core.internal.datakit import parse_bool_safely
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp, SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import build_absolute_uri
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse

from limbeck.studio.hosts import is_loopback
from limbeck.studio.sign_on.provisioning import Identity, subject_key

OIDC = "oidc"
KEPT = 600  # seconds that the discovery document is kept
# Signatures with a public key: with a shared secret (HS256), the key of a provider could be mistaken for that secret.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60  # seconds that clocks may differ
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Client(OpenIDConnectOAuth2Adapter):
    """Talks to the provider."""

    def __init__(self, request: HttpRequest, provider_id: str = OIDC) -> None:
        super().__init__(request, provider_id)

    @property
    def openid_config(self) -> dict[str, Any]:
        """The discovery document."""
        issuer = settings.CONFIG.oidc_issuer
        key = f"oidc:{hashlib.sha256(issuer.encode()).hexdigest()}"
        found: dict[str, Any] | None = cache.get(key)
        if found is None:
            found = _discovered(issuer)
            cache.set(key, found, KEPT)
        return found

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        """Return the address to which the provider sends people back."""
        return str(build_absolute_uri(request, reverse("oidc_callback")))

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **named: Any) -> SocialLogin:
        """Return who signed in, with the claims of the ID token and of the user info."""
        text = named["response"].get("id_token")
        if not text:
            raise OAuth2Error("there is no ID token")
        claims = self._decode_id_token(app, text)
        if self.openid_config.get("userinfo_endpoint"):
            information = self._fetch_user_info(token.token)
            if information.get("sub") != claims["sub"]:
                raise OAuth2Error("the user info is of another person than the ID token")
            claims = information | claims
        login = self.get_provider().sociallogin_from_response(request, claims)
        login.claims = claims
        return login

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        """Return the claims of an ID token after all checks but that of the nonce."""
        try:
            with get_adapter().get_requests_session() as session:
                response = session.get(self.openid_config["jwks_uri"])
                response.raise_for_status()
                keys = [
                    key for key in jwt.PyJWKSet.from_dict(response.json()).keys if key.public_key_use in (None, "sig")
                ]
            name = jwt.get_unverified_header(id_token).get("kid")
            found = [key for key in keys if key.key_id == name] if name else keys
            if len(found) != 1:
                raise OAuth2Error("the ID token is signed with a key that the provider does not publish")
            claims: dict[str, Any] = jwt.decode(
                id_token, found[0], algorithms=ALGORITHMS, audience=app.client_id, issuer=settings.CONFIG.oidc_issuer,
                leeway=LEEWAY, options={"require": ["iss", "sub", "aud", "exp", "iat"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError) as error:
            raise OAuth2Error("the ID token is not valid") from error
        if claims.get("azp", app.client_id) != app.client_id:
            raise OAuth2Error("the ID token was made for another site")
        return claims


class Provider(OpenIDConnectProvider):
    """What django-allauth asks about the provider."""

    id = OIDC
    oauth2_adapter_class = Client
    pkce_enabled_default = True
    supports_token_authentication = False

    def get_oauth2_adapter(self, request: HttpRequest) -> Client:
        """Return who talks to it."""
        return self.oauth2_adapter_class(request)

    def get_login_url(self, request: HttpRequest, **named: Any) -> str:
        """Return the address at which signing in begins."""
        return reverse("oidc_start")

    def get_callback_url(self) -> str:
        """Return the path to which the provider sends people back."""
        return reverse("oidc_callback")

    def get_scope(self) -> list[str]:
        """Return what the provider is asked for."""
        return list(dict.fromkeys(["openid", *settings.CONFIG.oidc_scopes.split()]))

    def extract_uid(self, data: dict[str, Any]) -> str:
        """Return the identifier of a person."""
        return subject_key(data["iss"], data["sub"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        """Keep no claims."""
        return {}


def configured() -> list[SocialApp]:
    """Return the provider as django-allauth describes it; none without settings."""
    config = settings.CONFIG
    if not config.oidc_issuer:
        return []
    secret = config.oidc_client_secret.get_secret_value()
    return [
        SocialApp(
            provider=OIDC, provider_id=OIDC, name=config.oidc_name, client_id=config.oidc_client_id, secret=secret,
            settings={"server_url": config.oidc_issuer},
        )
    ]  # fmt: skip


def identity_of(claims: dict[str, Any]) -> Identity:
    """Return what claims say about a person."""
    email = str(claims.get("email") or "")
    return Identity(
        source=OIDC, subject=subject_key(claims["iss"], claims["sub"]), groups=groups_of(claims),
        username=str(claims.get("preferred_username") or ""), name=str(claims.get("name") or ""), email=email,
        verified=bool(email) and parse_bool_safely(claims.get("email_verified")),
    )  # fmt: skip


def groups_of(claims: dict[str, Any]) -> frozenset[str]:
    """Return the groups of the claim that the settings name: a list of texts, or one text."""
    found: Any = claims
    for name in settings.CONFIG.oidc_groups.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return frozenset({found})
    return frozenset(one for one in found if isinstance(one, str)) if isinstance(found, list) else frozenset()


def _discovered(issuer: str) -> dict[str, Any]:
    with get_adapter().get_requests_session() as session:
        response = session.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        response.raise_for_status()
        found = response.json()
    if not isinstance(found, dict) or found.get("issuer") != issuer:
        raise OAuth2Error("the provider names another issuer than LIMBECK_OIDC_ISSUER")
    for name in [*ENDPOINTS, *(["userinfo_endpoint"] if "userinfo_endpoint" in found else [])]:
        parts = urlsplit(str(found.get(name)))
        if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
            raise OAuth2Error(f"the provider's {name} is not an encrypted address")
    return found


provider_classes = [Provider]
