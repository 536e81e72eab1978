"""The form of a channel."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from limbeck.studio.notices.addresses import RefusedAddressError, checked_url
from limbeck.studio.notices.events import EVENTS, SUBSCRIBED
from limbeck.studio.notices.models import EMAIL, WEBHOOK, Channel
from limbeck.studio.notices.shapes import HOSTS

MOST_RECIPIENTS = 50
SHORTEST_SECRET = 16


class ChannelForm(forms.ModelForm):
    """Where notices go, which, and how often. An empty address or secret keeps what is there."""

    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"),
        choices=[(name, EVENTS[name]) for name in SUBSCRIBED],
        widget=forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"}),
    )
    language = forms.ChoiceField(label=gettext_lazy("Language"), choices=settings.LANGUAGES)

    class Meta:
        model = Channel
        fields = ("name", "kind", "url", "secret", "recipients", "events", "language", "gap", "is_active")
        widgets = {
            "secret": forms.PasswordInput(attrs={"autocomplete": "new-password"}),
            "recipients": forms.Textarea(attrs={"rows": 3}),
        }
        help_texts = {
            "url": gettext_lazy("It is kept secret: the key of a robot is part of it."),
            "secret": gettext_lazy("Signs webhooks, and messages of DingTalk and Feishu robots."),
            "recipients": gettext_lazy("For an e-mail digest: one address per line."),
        }

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.kept = {name: getattr(self.instance, name) for name in ("url", "secret")} if self.instance.pk else {}
        if self.kept:
            self.initial["url"] = ""
            self.fields["url"].help_text = _("Leave it empty to keep the present one.")
            self.fields["secret"].help_text = _("Leave it empty to keep the present one.")

    def clean(self) -> dict[str, Any]:
        """Check the address, the secret or the recipients that the kind needs."""
        cleaned: dict[str, Any] = super().clean()
        for name, before in self.kept.items():
            cleaned[name] = cleaned.get(name) or before
        kind = cleaned.get("kind")
        if kind == EMAIL:
            cleaned["url"] = cleaned["secret"] = ""
            self._check_recipients(cleaned.get("recipients", ""))
        else:
            cleaned["recipients"] = ""
            self._check_url(kind, cleaned.get("url", ""))
            if kind == WEBHOOK and len(cleaned.get("secret", "")) < SHORTEST_SECRET:
                self.add_error("secret", _("A webhook needs a secret of at least 16 characters."))
        return cleaned

    def _check_url(self, kind: str | None, url: str) -> None:
        try:
            place = checked_url(url)
        except RefusedAddressError as error:
            self.add_error("url", str(error.what))
            return
        hosts = HOSTS.get(kind or "", ())
        if hosts and place.host not in hosts and not place.internal:
            self.add_error("url", _("A robot of this kind is at %(hosts)s.") % {"hosts": ", ".join(hosts)})

    def _check_recipients(self, text: str) -> None:
        found = Channel(recipients=text).addresses
        if not 1 <= len(found) <= MOST_RECIPIENTS:
            self.add_error("recipients", _("Give 1 to 50 addresses."))
        for one in found:
            try:
                validate_email(one)
            except ValidationError:
                self.add_error("recipients", _("%(address)s is not an e-mail address.") % {"address": one[:100]})
