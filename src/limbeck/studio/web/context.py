"""What every page is given."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from limbeck.studio.announcements.services import unread_count
from limbeck.studio.roles import ABILITIES, Role
from limbeck.studio.web.navigation import menu
from limbeck.studio.web.request import from_htmx

THEMES = ("auto", "light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """Return theme, menu, abilities and the number of unread announcements."""
    theme = request.COOKIES.get("theme", "auto")
    found: dict[str, Any] = {
        "theme": theme if theme in THEMES else "auto",
        "registration_open": settings.CONFIG.password_sign_in and settings.CONFIG.registration == "open",
        "sign_in": {
            "passwords": settings.CONFIG.password_sign_in,
            "form": settings.CONFIG.password_sign_in or bool(settings.CONFIG.ldap_uri),
            "provider": bool(settings.CONFIG.oidc_issuer),
            "provider_name": settings.CONFIG.oidc_name,
        },
        "mail_configured": bool(settings.EMAIL_HOST),
    }
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and not from_htmx(request):
        abilities = ABILITIES[Role(user.role)]
        found |= {"menu": menu(request, abilities), "unread": unread_count(user)}
    if user is not None and user.is_authenticated:
        found["may"] = {ability.value: True for ability in ABILITIES[Role(user.role)]}
    return found
