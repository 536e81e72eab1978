"""How a model is reviewed: its policy, assignments, gold rows, bulk acceptance; and how good models and people are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Assignment, Gold, Policy
from limbeck.studio.review.services.answers import bulk
from limbeck.studio.review.services.answers.classes import classes_of
from limbeck.studio.review.services.quality import agreement, audit, gold
from limbeck.studio.review.services.queue import assign, policies
from limbeck.studio.roles import Ability
from limbeck.studio.web.problems import shown


class PolicyForm(forms.ModelForm):
    """The policy of a model."""

    class Meta:
        model = Policy
        fields = ("send_batches", "order", "audit_share", "double_share", "gold_every", "claim_minutes")


class AssignForm(forms.Form):
    """An assignment."""

    person = forms.ModelChoiceField(label=gettext_lazy("Person"), queryset=User.objects.none())
    quota = forms.IntegerField(label=gettext_lazy("Items"), min_value=1, max_value=assign.MOST, initial=100)
    label = forms.CharField(label=gettext_lazy("Only this class"), max_length=200, required=False)
    job = forms.IntegerField(label=gettext_lazy("Only this job"), min_value=1, max_value=2**62, required=False)
    note = forms.CharField(label=gettext_lazy("Note"), max_length=200, required=False)

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["person"].queryset = User.objects.filter(role__in=("reviewer", "administrator"), is_active=True)
        self.fields["person"].label_from_instance = lambda user: user.shown_name


class BulkForm(forms.Form):
    """What is accepted in bulk."""

    label = forms.ChoiceField(label=gettext_lazy("Class"), required=False)
    threshold = forms.FloatField(label=gettext_lazy("Probability at least"), min_value=0, max_value=1, initial=0.99)
    share = forms.FloatField(
        label=gettext_lazy("Share held back for people"), min_value=0, max_value=1, initial=0.05
    )  # fmt: skip

    def __init__(self, classes: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["label"].choices = [("", gettext_lazy("All")), *((name, name) for name in classes)]


def chosen(request: HttpRequest) -> tuple[list[str], str]:
    """Return the models with items and the one that is asked for, or the first; "" where there is none."""
    models = policies.reviewed_models()
    asked = request.POST.get("model") or request.GET.get("model", "")
    return models, asked if asked in models else next(iter(models), "")


def back(view: str, model: str) -> HttpResponse:
    """Go back to a page of a model."""
    return redirect(f"{reverse(view)}?{urlencode({'model': model})}")


@needs(Ability.ADMINISTER)
@require_http_methods(["GET", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    """Show and change the policy of a model; show its assignments and gold rows."""
    models, model = chosen(request)
    if not model:
        return render(request, "review/empty.html")
    form = PolicyForm(request.POST or None, instance=policies.kept_policy(model))
    if request.method == "POST" and form.is_valid():
        policies.keep(form.save(commit=False), by=request.user, request=request, changed=form.changed_data)
        messages.success(request, _("Saved."))
        return back("review_plan", model)
    return _plan(request, models, model, form=form)


def _plan(request: HttpRequest, models: list[str], model: str, **forms_given: forms.Form) -> HttpResponse:
    classes = classes_of(model)
    context = {
        "models": models, "model": model, "classes": classes, "assignments": assign.progress(model),
        "gold": Gold.objects.filter(model=model, ended_at=None).select_related("item").order_by("-pk")[:200],
        "form": PolicyForm(instance=policies.kept_policy(model)), "assigning": AssignForm(),
        "accepting": BulkForm(classes, prefix="bulk"),
    }  # fmt: skip
    wrong = any(form.is_bound and form.errors for form in forms_given.values())
    return render(request, "review/plan.html", {**context, **forms_given}, status=422 if wrong else 200)


@needs(Ability.ADMINISTER)
@require_POST
def hand_out(request: HttpRequest) -> HttpResponse:
    """Assign items to a person."""
    models, model = chosen(request)
    form = AssignForm(request.POST)
    if not form.is_valid():
        return _plan(request, models, model, assigning=form)
    try:
        assign.assign(model=model, by=request.user, request=request, **form.cleaned_data)
    except LimbeckError as error:
        form.add_error(None, shown(error))
        return _plan(request, models, model, assigning=form)
    messages.success(request, _("Assigned."))
    return back("review_plan", model)


@needs(Ability.ADMINISTER)
@require_POST
def take_in(request: HttpRequest, number: int) -> HttpResponse:
    """End an assignment."""
    found = get_object_or_404(Assignment, pk=number)
    assign.end(found, by=request.user, request=request)
    return back("review_plan", found.model)


@needs(Ability.ADMINISTER)
@require_POST
def accept(request: HttpRequest) -> HttpResponse:
    """Start a bulk acceptance."""
    models, model = chosen(request)
    form = BulkForm(classes_of(model), request.POST, prefix="bulk")
    if not form.is_valid():
        return _plan(request, models, model, accepting=form)
    asked = form.cleaned_data
    job = bulk.start(model, asked["label"], asked["threshold"], asked["share"], by=request.user, request=request)
    return redirect("job", number=job.pk)


@needs(Ability.ADMINISTER)
@require_POST
def make_gold(request: HttpRequest, number: int) -> HttpResponse:
    """Make an item a gold row, or a gold row an ordinary item."""
    try:
        if "end" in request.POST:
            gold.end_gold(number, by=request.user, request=request)
        else:
            gold.make_gold(number, request.POST.get("label", ""), by=request.user, request=request)
    except LimbeckError as error:
        messages.error(request, shown(error))
    return redirect("review_item", number=number)


@needs(Ability.REVIEW)
@require_GET
def show_quality(request: HttpRequest) -> HttpResponse:
    """Show the accuracy of a model and of people, and how far people agree; names only to administrators."""
    models, model = chosen(request)
    if not model:
        return render(request, "review/empty.html")
    people = gold.accuracies(model, None if request.user.may(Ability.ADMINISTER) else request.user)
    context = {
        "models": models, "model": model, "audit": audit.audited(model), "bulk": audit.bulk_audited(model),
        "agreement": agreement.agreement(model), "people": people,
    }  # fmt: skip
    return render(request, "review/quality.html", context)
