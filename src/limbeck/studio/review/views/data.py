"""The list of items."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.models import User
from limbeck.studio.review.models.items import SOURCES, STATES
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.review.services.display.listing import Wanted, listed
from limbeck.studio.review.services.display.shown import brief
from limbeck.studio.review.services.quality.seen import listable
from limbeck.studio.review.services.queue.policies import reviewed_models
from limbeck.studio.roles import Ability

ALL = ("", _("All"))
SORTS = [
    ("newest", _("Newest first")),
    ("uncertain", _("Least certain first")),
    ("class", _("By class")),
    ("source", _("By source")),
    ("model", _("By model")),
    ("reviewer", _("By reviewer")),
    ("reviewed", _("Last reviewed first")),
]


class FilterForm(forms.Form):
    """Which items are listed, in which order."""

    q = forms.CharField(label=_("Search"), max_length=100, required=False)
    model = forms.ChoiceField(label=_("Model"), required=False)
    state = forms.ChoiceField(
        label=_("State"), required=False,
        choices=[ALL, *STATES, ("disputed", _("Disputed")), ("corrected", _("Corrected"))],
    )  # fmt: skip
    label = forms.CharField(label=_("Class"), max_length=200, required=False)
    source = forms.ChoiceField(label=_("Source"), required=False, choices=[ALL, *SOURCES])
    reviewer = forms.ChoiceField(label=_("Reviewer"), required=False)
    job = forms.IntegerField(label=_("Job"), required=False, min_value=1, max_value=2**62)
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=SORTS)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["model"].choices = [ALL, *((name, name) for name in reviewed_models())]
        people = User.objects.filter(role__in=("reviewer", "administrator"), erased_at=None).order_by("username")
        self.fields["reviewer"].choices = [ALL, *((str(one.pk), one.shown_name) for one in people[:500])]

    def wanted(self) -> Wanted:
        """Return the filter; all items where the form is not valid."""
        if not self.is_valid():
            return Wanted()
        asked = dict(self.cleaned_data)
        reviewer = asked.pop("reviewer")
        asked["sort"] = asked["sort"] or "newest"
        return Wanted(**asked, reviewer=int(reviewer) if reviewer else None)


@needs(Ability.REVIEW)
@require_GET
def items(request: HttpRequest) -> HttpResponse:
    """List items."""
    form = FilterForm(request.GET)
    wanted = form.wanted()
    page = listed(wanted, request.GET.get("after", ""))
    page = replace(page, rows=listable(request.user, page.rows))
    for one in page.rows:
        one.brief = brief(one)
    classes = classes_of(wanted.model) if wanted.model else []
    return render(request, "review/data.html", {"form": form, "page": page, "classes": classes})
