"""Forms of import and export."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from limbeck.studio.exchange.exporting import ALL, DONE, WAITING
from limbeck.studio.exchange.staging import Found, likely_label, likely_text
from limbeck.studio.registry.facts import Version
from limbeck.studio.web.uploads import SizedFileField

FORMS = [
    ("excel", "Excel"),
    ("csv", "CSV"),
    ("jsonl", "JSON Lines"),
    ("parquet", "Parquet"),
    ("label-studio", "Label Studio"),
    ("argilla", "Argilla"),
    ("doccano", "doccano"),
]
STATES = [(ALL, _("All")), (DONE, _("Reviewed")), (WAITING, _("Not reviewed"))]
ACCEPTED = ".csv,.tsv,.jsonl,.json,.xlsx,.xls,.parquet,.gz,.zst"


class UploadForm(forms.Form):
    """A file, and the model that its rows are for."""

    model = forms.ChoiceField(label=_("Model"))
    file = SizedFileField(
        label=_("File"),
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        help_text=_("Excel, CSV, JSON Lines, Parquet, or an export of Label Studio, Argilla, doccano or this site."),
    )

    def __init__(self, models: list[Version], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["model"].choices = [(one.name, one.name) for one in models]


class SheetForm(forms.Form):
    """Which sheet of a workbook."""

    sheet = forms.ChoiceField(label=_("Sheet"))
    staged = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, sheets: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["sheet"].choices = [(name, name) for name in sheets]


class ColumnsForm(forms.Form):
    """What the columns of a table mean, and what to do with its rows."""

    text = forms.ChoiceField(label=_("Column with the text"))
    label = forms.ChoiceField(label=_("Column with a class"), required=False)
    labels = forms.ChoiceField(
        label=_("These classes"),
        choices=[("given", _("came with the data and are to be checked")), ("reviewed", _("were reviewed by people"))],
        initial="given",
    )
    answer = forms.BooleanField(label=_("Let the model answer the rows"), required=False, initial=True)
    sheet = forms.CharField(widget=forms.HiddenInput, required=False)
    staged = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, version: Version, found: Found, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        columns = [(name, name) for name in found.columns]
        self.fields["text"].choices, self.fields["text"].initial = columns, likely_text(found)
        self.fields["label"].choices, self.fields["label"].initial = [("", "–"), *columns], likely_label(found)
        if found.own or found.form != "table":
            for name in ("text", "label", "labels"):
                del self.fields[name]
        elif not version.one_text:
            del self.fields["text"]


class ExportForm(forms.Form):
    """What to export, and in which form."""

    form = forms.ChoiceField(label=_("Form"), choices=FORMS)
    model = forms.ChoiceField(label=_("Model"), required=False)
    state = forms.ChoiceField(label=_("State"), choices=STATES)

    def __init__(self, models: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["model"].choices = [("", _("All models")), *((name, name) for name in models)]
