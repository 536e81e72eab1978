"""Pages of the audit log."""

from __future__ import annotations

import datetime

from django import forms
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.actions import ACTIONS
from limbeck.studio.audit.log import record, verify
from limbeck.studio.audit.models import Entry
from limbeck.studio.roles import Ability

PER_PAGE = 50


class FilterForm(forms.Form):
    """Which entries are listed."""

    action = forms.ChoiceField(label=_("Action"), choices=[("", _("All actions")), *ACTIONS.items()], required=False)
    person = forms.CharField(label=_("User name"), max_length=150, required=False)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))


@needs(Ability.ADMINISTER)
@require_GET
def audit(request: HttpRequest) -> HttpResponse:
    """List entries, the newest first."""
    form = FilterForm(request.GET)
    found = filtered(form) if form.is_valid() else Entry.objects.none()
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    numbers = {entry.actor for entry in page if entry.actor}
    people = {user.pk: user.shown_name for user in User.objects.filter(pk__in=numbers)}
    rows = [(entry, ACTIONS.get(entry.action, entry.action), people.get(entry.actor)) for entry in page]
    return render(request, "audit/list.html", {"form": form, "page": page, "rows": rows})


def filtered(form: FilterForm) -> QuerySet:
    """Return the entries that a form asks for."""
    found = Entry.objects.all()
    asked = form.cleaned_data
    if asked["action"]:
        found = found.filter(action=asked["action"])
    if asked["person"]:
        found = found.filter(actor__in=User.objects.filter(username=asked["person"].strip()).values("pk"))
    if asked["since"]:
        found = found.filter(at__gte=_midnight(asked["since"]))
    if asked["until"]:
        found = found.filter(at__lt=_midnight(asked["until"] + datetime.timedelta(days=1)))
    return found


def _midnight(day: datetime.date) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.min))


@needs(Ability.ADMINISTER)
@require_POST
def check(request: HttpRequest) -> HttpResponse:
    """Check the whole chain, and write down that it was checked."""
    checked = verify()
    with transaction.atomic():
        record("audit.verify", actor=request.user.pk, request=request, entries=checked.entries, broken=checked.broken)
    return render(request, "audit/checked.html", {"checked": checked})
