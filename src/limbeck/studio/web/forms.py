"""Forms as Bootstrap draws them: the classes of controls, and the template of a field."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import TemplatesSetting

_CLASSES = {
    "select": "form-select",
    "selectmultiple": "form-select",
    "checkbox": "form-check-input",
    "radio": "form-check-input",
    "hidden": "",
}


class Renderer(TemplatesSetting):
    """Draw forms and fields with this site's templates."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"


def widget_class(widget: forms.Widget) -> str:
    """Return the class of a control."""
    kind = getattr(widget, "input_type", None) or ("select" if isinstance(widget, forms.Select) else "text")
    return _CLASSES.get(kind, "form-control")


def decorate(bound: forms.BoundField) -> dict[str, Any]:
    """Return the attributes of a control: its class, whether it is wrong, and what describes it."""
    classes = [widget_class(bound.field.widget), bound.field.widget.attrs.get("class", "")]
    attributes: dict[str, Any] = {}
    if bound.errors:
        classes.append("is-invalid")
        attributes |= {"aria-invalid": "true", "aria-describedby": f"{bound.auto_id}_error"}
    elif bound.help_text:
        attributes["aria-describedby"] = f"{bound.auto_id}_helptext"
    return attributes | {"class": " ".join(filter(None, classes))}
