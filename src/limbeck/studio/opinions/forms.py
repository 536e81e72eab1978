"""Forms of lists of words."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from limbeck.studio.web.uploads import SizedFileField


class WordsForm(forms.Form):
    """A name, the model whose classes are named, and the table."""

    name = forms.CharField(label=_("Name"), max_length=100)
    model = forms.ChoiceField(label=_("Model"))
    file = SizedFileField(
        label=_("File"),
        widget=forms.FileInput(attrs={"accept": ".xlsx,.xls,.csv"}),
        help_text=_("Columns: word, class, note. A list of the same name is replaced."),
    )

    def __init__(self, models: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["model"].choices = [(name, name) for name in models]


class TryForm(forms.Form):
    """A text to try a list on."""

    text = forms.CharField(label=_("Text"), max_length=100_000, widget=forms.Textarea(attrs={"rows": 3}))
