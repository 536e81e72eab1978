"""How large a picture is: the bytes of its file, which are known without decoding it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from limbeck.kinds.image.decode import Picture


def sizes(pictures: Sequence[Picture]) -> tuple[str, list[float]]:
    """Return the unit, and the size of each of N pictures; NaN of one that is not in a file."""
    return "bytes", [_bytes(picture.source) for picture in pictures]


def _bytes(source: object) -> float:
    try:
        return float(Path(source).stat().st_size) if isinstance(source, str | Path) else math.nan
    except (OSError, ValueError):
        return math.nan
