"""Forms of the detect page: one for each kind of row, and one for a batch of any kind."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from limbeck.kinds import KINDS
from limbeck.studio.detection.pictures import keep_picture
from limbeck.studio.detection.services import Row, picture_row, table_row, text_row
from limbeck.studio.registry.facts import Version
from limbeck.studio.web.uploads import FilesField, SizedFileField, safe_name

LONGEST_TEXT = 100_000  # characters
# What the browser's dialog offers; what a file really is shows when it is read.
ACCEPTED = {
    "text": ".csv,.tsv,.jsonl,.xlsx,.xls,.parquet,.gz,.zst",
    "table": ".csv,.tsv,.jsonl,.xlsx,.xls,.parquet,.gz,.zst",
    "image": "image/*",
    "signal": ".hea,.dat,.atr,.csv,.npz,.txt",
}


class TextForm(forms.Form):
    """A text."""

    text = forms.CharField(
        label=_("Text"), max_length=LONGEST_TEXT, strip=False, widget=forms.Textarea(attrs={"rows": 7})
    )

    def row(self) -> Row:
        """Return the row that was given."""
        return text_row(self.cleaned_data["text"])


class PictureForm(forms.Form):
    """A picture."""

    picture = SizedFileField(label=_("Picture"), widget=forms.FileInput(attrs={"accept": "image/*"}))

    def row(self) -> Row:
        """Keep the picture and return it as a row; raise LimbeckError for what is no picture."""
        given = self.cleaned_data["picture"]
        return picture_row(keep_picture(given), safe_name(given.name))


class ColumnsForm(forms.Form):
    """A row of a table, column by column."""

    def __init__(self, names: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.names = names
        for at, name in enumerate(names):
            self.fields[f"column-{at}"] = forms.CharField(label=name, max_length=10_000, required=False)

    def row(self) -> Row:
        """Return the row that was given; an empty field is a missing value."""
        cells = {name: self.cleaned_data[f"column-{at}"] or None for at, name in enumerate(self.names)}
        return table_row(cells)


def single_form(version: Version, *given: Any) -> forms.Form | None:
    """Return the form for one row; None for signals, whose records are answered beat by beat as a batch."""
    if version.one_text:
        return TextForm(*given)
    if KINDS[version.kind].costly:
        return PictureForm(*given)
    if version.cells:
        return ColumnsForm(list(version.manifest.task.inputs), *given)
    return None


class BatchForm(forms.Form):
    """Files with many rows."""

    files = FilesField(label=_("Files"))

    def __init__(self, version: Version, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        one = version.one_text or version.cells
        widget = self.fields["files"].widget
        widget.attrs |= {"accept": ACCEPTED.get(version.kind, "")}
        if one:
            widget.allow_multiple_selected = False
            self.fields["files"].label = _("Table")
            self.fields["files"].help_text = _("CSV, Excel, JSON Lines or Parquet, with a header row.")
        elif KINDS[version.kind].costly:
            widget.attrs["multiple"] = True
            self.fields["files"].label = _("Pictures")
        else:
            widget.attrs["multiple"] = True
            self.fields["files"].label = _("Records")
            self.fields["files"].help_text = _("All files of each record together, such as .hea and .dat.")


class ColumnForm(forms.Form):
    """Which column of a table holds the text."""

    column = forms.ChoiceField(label=_("Column with the text"))
    staged = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, columns: list[str], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["column"].choices = [(name, name) for name in columns]
