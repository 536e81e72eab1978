"""How large a text is: its characters."""

from __future__ import annotations

from collections.abc import Sequence


def sizes(texts: Sequence[str]) -> tuple[str, list[float]]:
    """Return the unit, and the size of each of N texts."""
    return "characters", [float(len(text)) for text in texts]
