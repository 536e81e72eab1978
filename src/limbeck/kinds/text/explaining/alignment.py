"""Which character of the text as given each character of its cleaned form comes from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_NEAR = (8, 4, 2, 1)  # characters that must be alike where reading goes on, the more the better
_FAR = 4096  # characters that are searched for the next place that is alike
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def alignment(given: str, cleaned: str) -> NDArray[np.int64]:
    """Return the place in ``given`` of each character of ``cleaned``, int64 [len(cleaned)], never falling.

    Both are read side by side. Where they differ, what was removed (markup, blanks, invisible characters) is skipped up
    to the next stretch that is alike. A character that stands for others (a link, an entity) gets the place where those
    begin, and one written differently (a traditional character) its own place.
    """
    if given == cleaned:
        return np.arange(len(cleaned))
    plain = _plain(given)
    sought = _plain(cleaned)
    out = np.zeros(len(cleaned), dtype=np.int64)
    at = 0
    for place in range(len(sought)):
        if at >= len(plain) or plain[at] != sought[place]:
            at = _next(plain, sought, place, at)
        out[place] = min(at, max(len(given) - 1, 0))
        if plain[at : at + 1] == sought[place] or _replaced(plain, sought, place, at):
            at += 1
    return out


def _plain(text: str) -> str:
    """Return the text, character by character, in lower case, with blanks as spaces and full-width signs narrow."""
    return "".join(
        " " if letter.isspace() else low if len(low := letter.lower()) == 1 else letter
        for letter in text.translate(_WIDE)
    )


def _next(plain: str, sought: str, place: int, at: int) -> int:
    """Return where ``plain`` goes on with what ``sought`` has from ``place``; ``at`` where it does not."""
    for length in _NEAR:
        if length < _NEAR[1] and _replaced(plain, sought, place, at):
            return at
        found = plain.find(sought[place : place + length], at, at + _FAR)
        if found >= 0 and (length > 1 or sought[place] != " "):  # a lone blank may stand for markup
            return found
    return at


def _replaced(plain: str, sought: str, place: int, at: int) -> bool:
    """Whether a character was written as another one: the next two are alike again, or both texts end."""
    letters = at < len(plain) and plain[at] != " " and sought[place] != " "
    return letters and plain[at + 1 : at + 3] == sought[place + 1 : place + 3]
