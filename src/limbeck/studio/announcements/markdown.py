"""Markdown to HTML that is safe to show: rendered without raw HTML, then cleaned to a list of allowed elements."""

from __future__ import annotations

from functools import cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt

TAGS = {
    "p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "a", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
_ATTRIBUTES: dict[str, set[str]] = {"a": {"href", "title"}, "*": set()}  # without "*", nh3 allows lang and title on all


@cache
def _renderer() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")


def rendered(text: str) -> SafeString:
    """Return the HTML of a text in Markdown. Pictures are left out: they would tell another server who reads."""
    cleaned = nh3.clean(
        _renderer().render(text), tags=TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )  # fmt: skip
    return mark_safe(cleaned)  # noqa: S308 - nh3 has cleaned it; tests attack it, as text and in a browser
