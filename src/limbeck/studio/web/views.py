"""Home, language and theme, probes, and pages for errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.models import User
from limbeck.studio.roles import Ability
from limbeck.studio.web.context import THEMES
from limbeck.studio.web.overview import overview

YEAR = 365 * 24 * 3600


@needs(Ability.READ)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Show what is new and what can be done."""
    return render(request, "home.html", overview(request.user))


@login_not_required
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Keep the language and the theme that were chosen, and go back to the page."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, request.is_secure())
    response = redirect(target if safe else "/")
    language, theme = request.POST.get("language"), request.POST.get("theme")
    kept: dict[str, Any] = {"max_age": YEAR, "samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE}
    if language in dict(settings.LANGUAGES):
        response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, **kept)
        if request.user.is_authenticated:
            User.objects.filter(pk=request.user.pk).update(language=language)
    if theme in THEMES:
        response.set_cookie("theme", theme, **kept)
    return response


@login_not_required
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Answer that this process runs."""
    return HttpResponse("ok\n", content_type="text/plain")


@login_not_required
@require_GET
def ready(request: HttpRequest) -> HttpResponse:
    """Answer whether the database can be reached."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return HttpResponse("database\n", status=503, content_type="text/plain")
    return HttpResponse("ok\n", content_type="text/plain")


def failed(request: HttpRequest, status: int) -> HttpResponse:
    """Show the page of an error; programs that ask the API get it in the API's own form."""
    if request.path_info.startswith("/api/"):
        return JsonResponse({"detail": HTTPStatus(status).phrase.lower()}, status=status)
    return render(request, "error.html", {"status": status}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    return failed(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    return failed(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    return failed(request, 404)


def forbidden_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: the page was open for long, or cookies are off."""
    return render(request, "error.html", {"status": 403, "stale": True}, status=403)


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """500, without anything that could fail again."""
    return failed(request, 500)
