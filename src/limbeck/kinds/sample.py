"""What is known of rows when a kind names the candidates to try on them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

CROSS_FITTED = 20_000  # rows up to which temperature and threshold come from cross-validation, not from valid alone
Sections = dict[str, dict[str, Any]]  # section of a recipe -> key -> value


@dataclass(frozen=True)
class Sample:
    """Rows that came without a recipe.

    Attributes
    ----------
    rows, classes
        Labelled rows in all, and classes.
    wide
        Share of Chinese, Japanese and Korean characters in texts.
    categories
        Most different values of a column of categories.
    sides
        Shorter sides of some pictures, in pixels.
    length
        Samples of a window, of signals that are cut already; 0 where they are not.
    """

    rows: int
    classes: int
    wide: float = 0.0
    categories: int = 0
    sides: tuple[int, ...] = ()
    length: int = 0


@dataclass(frozen=True)
class Portfolio:
    """What a kind of rows is tried with.

    Attributes
    ----------
    base
        Sections of the recipe that all candidates share.
    candidates
        Name -> sections by which a candidate differs, the smallest first; empty where there is one only.
    selection
        Further keys of ``[selection]``.
    """

    base: Sections
    candidates: dict[str, Sections]
    selection: dict[str, Any] = field(default_factory=dict)
