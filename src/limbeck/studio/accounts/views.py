"""A person's own pages: profile, invitation, personal data."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.studio.accounts import services
from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.forms import ProfileForm
from limbeck.studio.audit.log import record
from limbeck.studio.roles import Ability


@login_not_required
@require_GET
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token of an invitation, out of the address, and go on to the form."""
    if services.find_invitation(token) is None:
        return render(request, "accounts/invitation_invalid.html", status=404)
    if request.user.is_authenticated:
        messages.info(request, _("You have an account already. Sign out to use an invitation."))
        return redirect("home")
    request.session[services.INVITED] = token
    return redirect("account_signup")


@needs(Ability.READ)
@require_http_methods(["GET", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and change one's own data."""
    form = ProfileForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        services.save_profile(form.save(commit=False), changed=form.changed_data, request=request)
        messages.success(request, _("Saved."))
        return redirect("profile")
    return render(request, "accounts/profile.html", {"form": form})


@needs(Ability.READ)
@require_POST
def own_data(request: HttpRequest) -> HttpResponse:
    """Give a person all that the site holds about them, as JSON."""
    with transaction.atomic():
        record("account.export", actor=request.user.pk, target=f"user:{request.user.pk}", request=request)
        found = services.personal_data(request.user)
    return as_file(found, "personal-data.json")


def as_file(data: dict[str, Any], name: str) -> JsonResponse:
    """Return data as a JSON file to be kept."""
    response = JsonResponse(data, json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
