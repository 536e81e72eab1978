"""What makes two texts copies, and how large a text is."""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from limbeck.kinds.defaults import Keys
from limbeck.kinds.text.clean import clean_all
from limbeck.recipe import Clean


def keys(frame: pl.DataFrame, texts: Sequence[str], clean: Clean) -> Keys:
    """Return the cleaned texts."""
    cleaned = clean_all(texts, clean)
    return cleaned, cleaned


def sizes(texts: Sequence[str]) -> tuple[str, list[float]]:
    """Return the unit, and the size of each of N texts."""
    return "characters", [float(len(text)) for text in texts]
