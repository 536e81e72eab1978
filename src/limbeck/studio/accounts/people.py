"""Pages of administrators on people and invitations."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts import services
from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.forms import InvitationForm, PersonForm, SearchForm
from limbeck.studio.accounts.models import Invitation, User
from limbeck.studio.accounts.views import as_file
from limbeck.studio.audit.log import record
from limbeck.studio.roles import Ability, Role

PER_PAGE = 25


@needs(Ability.ADMINISTER)
@require_GET
def users(request: HttpRequest) -> HttpResponse:
    """List people."""
    form = SearchForm(request.GET)
    found = listed(form) if form.is_valid() else User.objects.none()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/users.html", {"form": form, "page": page})


def listed(form: SearchForm) -> QuerySet:
    """Return the people that a search asks for."""
    found = User.objects.filter(erased_at=None)
    if text := form.cleaned_data["q"].strip():
        found = found.filter(Q(username__icontains=text) | Q(name__icontains=text) | Q(email=text))
    if role := form.cleaned_data["role"]:
        found = found.filter(role=role)
    if state := form.cleaned_data["state"]:
        found = found.filter(is_active=state == "active")
    return found


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def user(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """Make or change a person."""
    person = get_object_or_404(User, pk=number, erased_at=None) if number else User()
    form = PersonForm(request.POST or None, instance=person)
    if request.method == "POST" and form.is_valid():
        person = form.save(commit=False)
        if form.cleaned_data.get("password"):
            person.set_password(form.cleaned_data["password"])
        try:
            services.save_user(person, by=request.user, changed=form.changed_data, request=request)
        except LimbeckError as error:
            form.add_error(None, error.what)
        else:
            messages.success(request, _("Saved."))
            return redirect("users")
    sessions = person.usersession_set.order_by("-last_seen_at")[:20] if person.pk else []
    return render(request, "accounts/user.html", {"form": form, "person": person, "sessions": sessions})


@needs(Ability.ADMINISTER)
@require_POST
def end_sessions(request: HttpRequest, number: int) -> HttpResponse:
    """Sign a person out everywhere."""
    person = get_object_or_404(User, pk=number)
    with transaction.atomic():
        ended = services.end_sessions(person)
        target = f"user:{person.pk}"
        record("user.end_sessions", actor=request.user.pk, target=target, request=request, sessions=ended)
    messages.success(request, _("Signed out everywhere."))
    return redirect("user", number=number)


@needs(Ability.ADMINISTER)
@require_POST
def export_user(request: HttpRequest, number: int) -> HttpResponse:
    """Give all that the site holds about a person, as JSON."""
    person = get_object_or_404(User, pk=number)
    with transaction.atomic():
        record("user.export", actor=request.user.pk, target=f"user:{person.pk}", request=request)
        found = services.personal_data(person)
    return as_file(found, f"person-{person.pk}.json")


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def erase_user(request: HttpRequest, number: int) -> HttpResponse:
    """Erase who a person is, after asking."""
    person = get_object_or_404(User, pk=number, erased_at=None)
    if request.method == "POST":
        try:
            services.erase(person, by=request.user, request=request)
        except LimbeckError as error:
            messages.error(request, error.what)
            return redirect("user", number=number)
        messages.success(request, _("The personal data are erased."))
        return redirect("users")
    return render(request, "accounts/user_erase.html", {"person": person})


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def invitations(request: HttpRequest) -> HttpResponse:
    """List invitations, and make one; its link is shown once."""
    form, link = InvitationForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        role = Role(form.cleaned_data["role"])
        _made, token = services.invite(role, by=request.user, note=form.cleaned_data["note"], request=request)
        link = request.build_absolute_uri(reverse("invitation", args=[token]))
        form = InvitationForm()
    found = Invitation.objects.select_related("created_by", "used_by")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "accounts/invitations.html", {"form": form, "page": page, "link": link})


@needs(Ability.ADMINISTER)
@require_POST
def withdraw_invitation(request: HttpRequest, number: int) -> HttpResponse:
    """Make an invitation invalid."""
    services.withdraw(get_object_or_404(Invitation, pk=number), by=request.user, request=request)
    messages.success(request, _("The invitation is withdrawn."))
    return redirect("invitations")
