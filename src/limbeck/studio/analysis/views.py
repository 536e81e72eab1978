"""The analysis page, and the table of each of its charts as a file."""

from __future__ import annotations

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET

from limbeck.model_names import names
from limbeck.studio.accounts.access import needs
from limbeck.studio.analysis import page
from limbeck.studio.analysis.charts import HEIGHT, LEFT, RIGHT, WIDTH
from limbeck.studio.analysis.figures import Period
from limbeck.studio.review.services.quality.audit import audited
from limbeck.studio.review.services.queue.policies import reviewed_models
from limbeck.studio.roles import Ability

DAYS = [(7, _("7 days")), (30, _("30 days")), (90, _("90 days")), (365, _("1 year"))]


class PeriodForm(forms.Form):
    """Which days and which model are looked at."""

    model = forms.ChoiceField(label=_("Model"), required=False)
    days = forms.TypedChoiceField(label=_("Period"), choices=DAYS, coerce=int, required=False, empty_value=30)

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)
        known = sorted({*names(), *reviewed_models()})
        self.fields["model"].choices = [("", _("All models")), *((name, name) for name in known)]

    def period(self) -> Period:
        """Return what is asked for; all models and 30 days for what is not valid."""
        if not self.is_valid():
            return Period(30)
        return Period(self.cleaned_data["days"], self.cleaned_data["model"])


@needs(Ability.READ)
@require_GET
def analysis(request: HttpRequest) -> HttpResponse:
    """Show the charts."""
    period = PeriodForm(request.GET).period()
    form = PeriodForm(initial={"model": period.model, "days": period.days})
    context = {
        "form": form, "period": period, "charts": page.charts(period, request.user),
        "size": {"width": WIDTH, "height": HEIGHT, "left": LEFT, "right": WIDTH - RIGHT},
        "audited": audited(period.model) if period.model else None,
    }  # fmt: skip
    return render(request, "analysis/analysis.html", context)


@needs(Ability.READ)
@require_GET
def table(request: HttpRequest, key: str) -> HttpResponse:
    """Give the table of a chart back as a CSV file."""
    period = PeriodForm(request.GET).period()
    found = next((one for one in page.charts(period, request.user) if one.key == key), None)
    if found is None:
        raise Http404
    response = HttpResponse(found.csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{key}.csv"'
    return response
