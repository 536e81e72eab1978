"""The page on which people make access tokens for their programs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from limbeck.studio.accounts.access import needs
from limbeck.studio.accounts.models import User
from limbeck.studio.api import services
from limbeck.studio.api.models import Token
from limbeck.studio.roles import ABILITIES, Ability, Role

SCOPES = {
    Ability.READ: gettext_lazy("Read announcements and models"),
    Ability.DETECT: gettext_lazy("Ask models, see answers and jobs"),
    Ability.REVIEW: gettext_lazy("Review answers"),
    Ability.ADMINISTER: gettext_lazy("Administer the site"),
}


class TokenForm(forms.Form):
    """What a token is for."""

    name = forms.CharField(label=gettext_lazy("Name of the program"), max_length=100)
    scopes = forms.MultipleChoiceField(
        label=gettext_lazy("It may"), widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("Valid for"),
        coerce=int,
        choices=[(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("a year"))],
        initial=90,
    )

    def __init__(self, user: User, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        allowed = ABILITIES[Role(user.role)]
        self.fields["scopes"].choices = [(scope.value, text) for scope, text in SCOPES.items() if scope in allowed]
        self.initial["scopes"] = [scope.value for scope in allowed if scope in (Ability.READ, Ability.DETECT)]


@needs(Ability.DETECT)
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """List one's own tokens, and make one; its text is shown once."""
    form, text = TokenForm(request.user, request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        scopes = [Ability(scope) for scope in asked["scopes"]]
        text = services.create(request.user, asked["name"], scopes, asked["days"], request=request)[1]
        form = TokenForm(request.user)
    return render(request, "accounts/tokens.html", {"form": form, "tokens": request.user.tokens.all(), "text": text})


@needs(Ability.DETECT)
@require_POST
def revoke(request: HttpRequest, number: int) -> HttpResponse:
    """Revoke one's own token."""
    token = get_object_or_404(Token, pk=number, user=request.user)
    services.revoke(token, by=request.user, request=request)
    messages.success(request, _("The token is revoked."))
    return redirect("tokens")
