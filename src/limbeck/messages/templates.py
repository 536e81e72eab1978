"""Sentences in two languages: an English one is translated by the template that it fits.

What calculators and readers say is English data (trust.json, metrics.json, export.json) before it is a page. Modules
of templates hold each sentence once more, with its Chinese and the same {placeholders}: `notes` those of the trust
report, `findings` those of the rows and of the export, `reasons` why something could not be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

# The part of a placeholder's name before the underscore is its kind. Every kind is bounded, and a template has few of
# them: a hostile sentence must not make the matching slow.
_KINDS = {
    "count": r"\d[\d,]{0,14}",
    "number": r"-?\d{1,12}(?:\.\d{1,12})?(?:e[+-]?\d{1,3})?%?",
    "rates": r"[\d., ]{1,1500}",
    "word": r"[\w-]{1,60}",
    "term": r"[\w-]{1,60}",  # a word of ours that is translated
    "quoted": r"(?:'[^']{0,200}'|\"[^\"]{0,200}\")",
    "name": r".{1,400}?",
    "text": r".{1,5000}?",
    "rows": r".{1,2500}",
    "list": r".{1,2500}",
    "reason": r".{1,1500}",
    "oddity": r"is an? [^;:]{1,120}(?:by its content|the first is read)",
    "teachers": r".{1,1800}",
}
Converters = Mapping[str, Callable[[str], str]]


class Template(NamedTuple):
    """One sentence: both languages with the same {placeholders}, and what it means ("" for nothing in particular)."""

    english: str
    chinese: str
    means: str = ""


Templates = tuple[Template, ...]


def fitting(
    sentence: str, templates: Templates, before: str = "", after: str = ""
) -> tuple[Template, dict[str, str]] | None:
    """Return the first template that an English sentence fits and what stands in its placeholders, or None.

    ``before`` and ``after`` are regular expressions of what may stand around the template; their named groups that
    match are among the values.
    """
    for template, pattern in _patterns(templates, before, after):
        if found := pattern.fullmatch(sentence):
            return template, {name: value for name, value in found.groupdict().items() if value is not None}
    return None


def converted(values: Mapping[str, str], converters: Converters) -> dict[str, str]:
    """Return the values as Chinese has them, by their kinds; those of other kinds as they are."""
    return {name: converters.get(_kind(name), str)(value) for name, value in values.items()}


def filled(template: str, values: Mapping[str, str]) -> str:
    """Return a template with values in its placeholders."""
    # Not str.format: what is filled in is data and may itself hold braces.
    return re.sub(r"\{(\w+)\}", lambda place: values[place[1]], template)


@cache
def _patterns(templates: Templates, before: str, after: str) -> tuple[tuple[Template, re.Pattern[str]], ...]:
    """Return each template with the expression that its English sentences match, placeholders as named groups."""
    return tuple((one, re.compile(before + _expression(one.english) + after, re.DOTALL)) for one in templates)


def _expression(english: str) -> str:
    parts = re.split(r"\{(\w+)\}", english)  # words and placeholders in turn
    return "".join(f"(?P<{part}>{_KINDS[_kind(part)]})" if at % 2 else re.escape(part) for at, part in enumerate(parts))


def _kind(name: str) -> str:
    return name.partition("_")[0]
