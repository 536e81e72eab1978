"""Text cleaning, the same in training and serving: `clean` is idempotent, so a text cleaned twice is no other text.

What stays out of the network's sight: marks that no reader sees (control, zero-width, direction and variation
characters: the cheapest way to slip a banned word past a classifier), HTML and XML markup, the text of links.
What stays in: punctuation, maths such as ``3<5``, and *that* there was a link, as one character `LINK`; in rumours and
advertisements its presence tells something, its letters do not.

Full-width letters, digits and technical signs become half-width (Unicode TR 11); Chinese punctuation stays,
since it tells sentences apart better than its half-width forms, which also serve in numbers and addresses.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

from limbeck.errors import missing_extra
from limbeck.recipe import Clean

LINK = "🔗"

# C0 and C1 controls but for white space, soft hyphen, grapheme joiner, zero-width and direction marks, invisible
# operators, variation selectors, byte-order mark, annotations, lone surrogates, tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
_CHINESE_MARKS = "！（），：；？［］｛｝～"
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F) if chr(code) not in _CHINESE_MARKS}
_HAS_WIDE = re.compile(f"[{''.join(map(chr, _WIDE))}]")

_ENTITY = re.compile(
    r"&(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};|[A-Za-z][A-Za-z0-9]{1,31};|(?:nbsp|lt|gt|amp|quot)(?![A-Za-z0-9=]))"
)
# Possessive quantifiers throughout: no text, however hostile, makes these patterns go back over it.
_HIDDEN = re.compile(
    r"<!--(?:[^-<]++|-(?!->)|<(?!!--))*+-->"
    r"|<(script|style)\b[^<>]*+>(?:[^<]++|<(?!/?(?:script|style)\b))*+</(?:script|style)\s*+>"
    r"|<[!?](?:doctype|xml)\b[^<>]*+>|<!\[CDATA\[|\]\]>",
    re.IGNORECASE,
)
_FLAGS = (
    "allowfullscreen|async|autoplay|checked|controls|defer|disabled|hidden|loop|muted|noshade|nowrap|readonly|"
    "required|selected"
)
_TAG = re.compile(
    r"<(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9_:.-]*+)"
    r"(?P<attributes>(?:\s++(?:(?:" + _FLAGS + r")(?![\w:=-])|[A-Za-z_:@][\w:@.-]*+\s*+=\s*+"
    r"""(?:"[^"<>]*+"|'[^'<>]*+'|[^\s"'<>=]++)))*+)\s*+(?P<empty>/?)>"""
)
_CLOSING = re.compile(r"</([A-Za-z][A-Za-z0-9_:.-]*+)\s*+>")
# One string, not a hundred literals: names of HTML elements.
_KNOWN = frozenset(
    re.findall(
        r"\S+",
        "a abbr address article aside audio b big blockquote body br button canvas caption center cite "
        "code col dd del details div dl dt em embed fieldset figcaption figure font footer form frame h1 "
        "h2 h3 h4 h5 h6 head header hr html i iframe img input ins kbd label legend li link main map "
        "mark meta nav noscript object ol option p param picture pre q s samp script section select "
        "small source span strike strong style sub summary sup svg table tbody td textarea tfoot th "
        "thead time title tr tt u ul var video wbr ",
    )
)
_URL = re.compile(
    r"(?:(?:https?|ftp)://|(?<![A-Za-z0-9@./-])(?:www\.|(?:t|url|dwz|suo)\.cn/))"
    r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|]*[A-Za-z0-9\-_~/#@$&*+=%|]",
    re.IGNORECASE,
)
_ROUNDS = 8


def clean(text: str, how: Clean) -> str:
    """Return the cleaned text: invisible characters, markup, links, widths, case, script, then white space.

    Raises
    ------
    LimbeckError
        When ``how.traditional`` is set and OpenCC is not installed.
    """
    for _ in range(_ROUNDS):
        before = text
        text = _once(text, how)
        if text == before or not (how.traditional or _may_change(text)):
            return text
    # Markup wrapped in itself deeper than anybody writes it: take its signs away, and nothing can unfold any more.
    return _once(text.replace("&", " ").replace("<", " "), how)


def clean_all(texts: Iterable[str], how: Clean) -> list[str]:
    """Return the texts cleaned, in order; see `clean`."""
    return [clean(text, how) for text in texts]


def _once(text: str, how: Clean) -> str:
    if how.full_width and _HAS_WIDE.search(text):
        text = text.translate(_WIDE)
    if how.markup and "&" in text:
        text = _ENTITY.sub(_character, text)
        if how.full_width and _HAS_WIDE.search(text):
            text = text.translate(_WIDE)
    if how.control:
        text = _INVISIBLE.sub("", text)
    if how.markup and ("<" in text or "]]>" in text):
        text = _without_tags(text)
    if how.urls and _may_link(text):
        text = _URL.sub(LINK, text)
    if how.lowercase:
        text = text.lower()
    if how.traditional:
        text = _converter()(text)
    return " ".join(text.split())


def _may_link(text: str) -> bool:
    """Whether the slower search for links is worth it."""
    lowered = text.lower()
    return "://" in lowered or "www." in lowered or ".cn/" in lowered


def _may_change(text: str) -> bool:
    """Whether a cleaned text could become another when cleaned again."""
    return "<" in text or "&" in text or "]]>" in text or _may_link(text)


def _character(match: re.Match[str]) -> str:
    entity = match.group()
    return html.unescape(entity if entity.endswith(";") else entity + ";")


def _without_tags(text: str) -> str:
    text = _HIDDEN.sub(" ", text)
    closed = {name.lower() for name in _CLOSING.findall(text)}

    def blank(match: re.Match[str]) -> str:
        name = match["name"].lower()
        if match["end"] or match["attributes"] or match["empty"] or name in closed:
            return " "
        # "a<b>c" between letters or digits is an inequality, "<Titanic>" a title: only what is surely a tag goes.
        around = text[max(0, match.start() - 1) : match.start()] + text[match.end() : match.end() + 1]
        between = len(name) == 1 and len(around) == 2 and around.isascii() and around.isalnum()
        return " " if name in _KNOWN and not between else match.group()

    return _TAG.sub(blank, text)


@lru_cache(maxsize=1)
def _converter() -> Callable[[str], str]:
    try:
        from opencc import OpenCC
    except ImportError as error:
        raise missing_extra("opencc", "traditional", "writing traditional characters as simplified ones") from error
    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert
