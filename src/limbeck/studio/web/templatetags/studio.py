"""Icons, form fields, shares and other small things of templates."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from limbeck.studio.web.forms import decorate, widget_class

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """Draw an icon of the sprite; it is decoration, the text beside it says the same."""
    address = static("vendor/icons.svg")
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>', classes, address, name)


@register.filter
def control(bound: forms.BoundField) -> SafeString:
    """Draw the control of a field with the classes of Bootstrap, without a placeholder: the label says the same."""
    bound.field.widget.attrs.pop("placeholder", None)
    return bound.as_widget(attrs=decorate(bound))


@register.filter
def is_check(bound: forms.BoundField) -> bool:
    """Whether a field is one check box, whose label stands behind it."""
    return widget_class(bound.field.widget) == "form-check-input"


@register.filter
def share(value: float | None) -> str:
    """Return a share as a percentage with one digit behind the point; never 0.0 % or 100.0 % of what is neither."""
    if value is None:
        return ""
    percent = 100 * value
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    """Return the value of a key."""
    return mapping.get(key)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changed: Any) -> str:
    """Return the query string of this page with some values changed; None removes one."""
    values = context["request"].GET.copy()
    for name, value in changed.items():
        if value is None or value == "":
            values.pop(name, None)
        else:
            values[name] = value
    return f"?{values.urlencode()}" if values else "?"
