"""Forms of training and publishing."""

from __future__ import annotations

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from limbeck.errors import LimbeckError
from limbeck.model_names import checked_name
from limbeck.studio.registry.facts import Version
from limbeck.studio.registry.services import LONGEST_REASON
from limbeck.studio.web.uploads import SizedFileField

LONGEST_SEARCH = 60  # minutes
MINUTES = [(1, _("1 minute")), (5, _("5 minutes")), (20, _("20 minutes")), (LONGEST_SEARCH, _("1 hour"))]


class ModelNameField(forms.CharField):
    """A name that the registry takes: it is checked before hours of training, not after them."""

    def clean(self, value: object) -> str:
        """Return the name."""
        name = super().clean(value)
        try:
            return checked_name(name)
        except LimbeckError as error:
            raise forms.ValidationError(RegexValidator.message, code="invalid") from error


class TableForm(forms.Form):
    """A table to train from."""

    table = SizedFileField(
        label=_("Table"),
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.jsonl,.xlsx,.xls,.parquet,.gz,.zst"}),
        help_text=_("CSV, Excel, JSON Lines or Parquet, with a header row. One column holds the label."),
    )


class LabelForm(forms.Form):
    """Which column is the label, what the model is called, and how long the search may take."""

    label = forms.ChoiceField(label=_("Column with the label"))
    name = ModelNameField(
        label=_("Name of the model"),
        help_text=_("A known name adds a version to that model. Letters, digits, hyphens and underscores."),
    )
    minutes = forms.TypedChoiceField(label=_("Time to compare models"), choices=MINUTES, coerce=int, initial=5)
    staged = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, columns: list[str], *given: object, **named: object) -> None:
        super().__init__(*given, **named)
        self.fields["label"].choices = [(name, name) for name in columns]


class RetrainForm(forms.Form):
    """How long the training of the next version may take."""

    minutes = forms.TypedChoiceField(label=_("Time to compare models"), choices=MINUTES, coerce=int, initial=5)


class TeachersForm(forms.Form):
    """Which models teach a new one, and whose rows it learns on."""

    name = ModelNameField(label=_("Name of the new model"))
    teachers = forms.MultipleChoiceField(label=_("Teachers"), widget=forms.SelectMultiple(attrs={"size": 5}))
    rows = forms.ChoiceField(
        label=_("Rows that came in for"),
        help_text=_("The new model learns on rows that were sent to review for this model."),
    )

    def __init__(self, models: list[Version], *given: object, **named: object) -> None:
        super().__init__(*given, **named)
        choices = [(one.name, one.name) for one in models]
        self.fields["teachers"].choices = choices
        self.fields["rows"].choices = choices


class PromoteForm(forms.Form):
    """The verdict that was read, the version that was published then, and why to publish without a good verdict."""

    read = forms.CharField(widget=forms.HiddenInput)
    current = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label=_("Why it is published although it is not shown to be better"),
        max_length=LONGEST_REASON,
        required=False,
        help_text=_("The audit log keeps it."),
    )
