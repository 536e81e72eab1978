"""The form of an announcement."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from limbeck.studio.announcements.models import Announcement

_MOMENT = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class AnnouncementForm(forms.ModelForm):
    """Title, text, and when it is shown."""

    class Meta:
        model = Announcement
        fields = ("title", "body", "starts_at", "ends_at", "pinned")
        widgets = {"body": forms.Textarea(attrs={"rows": 10}), "starts_at": _MOMENT, "ends_at": _MOMENT}
        help_texts = {
            "body": _("Markdown: **bold**, *italic*, lists with -, links as [text](https://…)."),
            "ends_at": _("Leave it empty to show it without end."),
        }

    def clean(self) -> dict[str, Any]:
        """Check that the end is after the start."""
        cleaned: dict[str, Any] = super().clean()
        start, end = cleaned.get("starts_at"), cleaned.get("ends_at")
        if start and end and end <= start:
            self.add_error("ends_at", _("The end must be after the start."))
        return cleaned
