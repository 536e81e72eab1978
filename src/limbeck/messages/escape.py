"""Text from data made harmless to look at: what would hide, reorder or break other text is shown as its code.

Escaping (`<`, `&`, …) is the template's work. This removes what escaping leaves: bidirectional controls, with
which a row could rewrite the page around it ("Trojan Source", Boucher & Anderson 2021), invisible and control
characters, and lone surrogates, which no UTF-8 file can hold.
"""

from __future__ import annotations

import re
import unicodedata

_KEPT = "\n\t"
_JOINERS = "\u200c\u200d"  # needed inside Persian words and emoji, and unable to reorder anything


def inert(value: object, limit: int = 300) -> str:
    """Return ``value`` as at most ``limit`` characters, hostile ones as codes like ⟨202E⟩, blanks joined."""
    text = str(value)
    cut = text[:limit]
    shown = "".join(_visible(character) for character in cut)
    return " ".join(shown.split()) + ("…" if len(text) > limit else "")


def in_markdown(value: object, limit: int = 60) -> str:
    """Return inert text as Markdown shows it: nothing in it is a link, HTML, emphasis or the cell of a table."""
    text = re.sub(r"([\\`*_\[\]<>&|~$#])", r"\\\1", inert(value, limit))
    return re.sub(
        r"(:)(?=//)|(?<=www)(\.)", r"\\\g<0>", text, flags=re.IGNORECASE
    )  # addresses become links by themselves


def shorten(value: object, width: int) -> str:
    """Return inert text of at most ``width`` columns, CJK counting two; what goes is taken from the middle.

    Names of classes differ at either end ("speed limit 30", "speed limit 50"), seldom only in the middle.
    """
    text = inert(value, 200)
    if _columns(text) <= width:
        return text
    head, tail = "", ""
    for left, right in zip(text, reversed(text), strict=True):
        if _columns(head + left + tail) >= width:
            break
        head += left
        if _columns(head + right + tail) >= width:
            break
        tail = right + tail
    return f"{head}…{tail}"


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _visible(character: str) -> str:
    hostile = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co")
    if not hostile or character in _KEPT or character in _JOINERS:
        return character
    return f"⟨{ord(character):04X}⟩"
