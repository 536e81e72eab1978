"""What each column of a table is: numbers, categories, dates, texts, identifiers, or nothing to learn from.

A role is read off the cells of at most some ten thousand rows. A name serves as a hint only where cells cannot tell: a
number that counts the rows may be an age or an id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.labels import text_of
from limbeck.data.split import SPELLINGS
from limbeck.kinds.table.encode import READABLE, numbers_of

Role = Literal["number", "date", "flag", "category", "text", "identifier", "file", "constant", "empty"]

_NAMES_A_ROW = 0.9  # share of distinct cells from which on a column of short strings names its rows
_TEXTS = 0.3  # share of distinct cells from which on short texts are no categories
_FEWEST = 20  # filled cells below which nothing is called an identifier
WORDS, CHARACTERS = 4.0, 8.0  # of an average text: words, or characters where they are Chinese, Japanese or Korean
LONG_WORDS, LONG_CHARACTERS = 8.0, 12.0  # of a text that is surely one, beside whatever other columns
_WIDE = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"
_IDENTIFIER = re.compile(r"(^|[_\s-])(id|uuid|guid|index|idx|row|no|nr|key|编号|序号)$|^(unnamed: 0|编号|序号)$", re.I)
_GROUPS = frozenset(
    (
        "group", "groups", "patient", "subject", "session", "user", "author", "speaker", "account", "customer", "event",
        "family", "household", "track", "record", "患者", "病人", "用户", "受试者", "作者", "会话", "分组",
    )
)  # fmt: skip
PICTURES = frozenset((".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff"))
RECORDS = frozenset((".hea", ".dat", ".mat", ".edf", ".rec"))


@dataclass(frozen=True)
class ColumnFacts:
    """One column of a table.

    Attributes
    ----------
    filled, distinct
        Filled cells, and different ones among them.
    words, wide
        Mean number of words of a filled cell, and of Chinese, Japanese or Korean characters.
    characters
        Mean number of characters of a filled cell.
    """

    name: str
    role: Role
    filled: int
    distinct: int
    words: float = 0.0
    wide: float = 0.0
    characters: float = 0.0

    @property
    def long(self) -> bool:
        """Whether it holds texts that are long enough to be what is classified, whatever stands beside them."""
        return self.role == "text" and (self.words >= LONG_WORDS or self.wide >= LONG_CHARACTERS)


def facts_of(frame: pl.DataFrame) -> list[ColumnFacts]:
    """Return what each column of a frame is, in order."""
    return [_facts(frame[name]) for name in frame.columns]


def names_parts(cells: pl.Series) -> bool:
    """Return whether every cell of a column names a part of a split (train, valid, test), and one is train."""
    names = {(name or "").lower() for name in text_of(cells.unique())}
    return len(names) > 1 and names <= set(SPELLINGS) and any(SPELLINGS[name] == "train" for name in names)


def tells_groups(column: ColumnFacts) -> bool:
    """Return whether a column says which rows belong together: by its name, and by cells that come again."""
    name = column.name.strip().lower().removesuffix("_id").removesuffix("id").strip(" _-") or column.name
    return name in _GROUPS and 10 <= column.distinct <= 0.8 * column.filled


def _facts(series: pl.Series) -> ColumnFacts:
    name = series.name
    if series.dtype.is_nested():
        return ColumnFacts(name, "empty", 0, 0)
    texts = series.cast(pl.String).str.strip_chars()
    filled = texts.filter(texts.is_not_null() & (texts != ""))
    count, distinct = len(filled), filled.n_unique()
    if not count:
        return ColumnFacts(name, "empty", 0, 0)
    if distinct == 1:
        return ColumnFacts(name, "constant", count, 1)
    for kind in ("number", "flag", "date"):  # as the encoder of tables reads them
        values = numbers_of(filled, kind)
        known = values[np.isfinite(values)]
        if len(known) >= READABLE * count:
            counts = kind == "number" and _counts_rows(name, count, distinct, known)
            return ColumnFacts(name, "identifier" if counts else kind, count, distinct)
    facts = ColumnFacts(
        name, "category", count, distinct, _mean(filled.str.count_matches(r"\S+")),
        _mean(filled.str.count_matches(_WIDE)), _mean(filled.str.len_chars()),
    )  # fmt: skip
    return replace(facts, role=_role(facts, filled))


def _role(facts: ColumnFacts, filled: pl.Series) -> Role:
    count, distinct = facts.filled, facts.distinct
    if _files(filled):
        return "file"
    spoken = facts.words >= WORDS or facts.wide >= CHARACTERS
    long = facts.words >= LONG_WORDS or facts.wide >= LONG_CHARACTERS
    if spoken and (distinct > _TEXTS * count or long):
        return "text"
    if count >= _FEWEST and distinct >= _NAMES_A_ROW * count:
        return "identifier"
    return "category"


def _counts_rows(name: str, count: int, distinct: int, numbers: NDArray[np.float64]) -> bool:
    """Return whether whole numbers, each once, count the rows or are called an id."""
    if count < _FEWEST or distinct < count or not np.equal(np.mod(numbers, 1), 0).all():
        return False
    return bool(np.all(np.diff(numbers) == 1)) or _IDENTIFIER.search(name) is not None


def _files(filled: pl.Series) -> bool:
    endings = {PurePath(cell).suffix.lower() for cell in filled.head(50).to_list()}
    return bool(endings) and (endings <= PICTURES or endings <= RECORDS)


def _mean(counts: pl.Series) -> float:
    return float(np.mean(counts.to_numpy())) if len(counts) else 0.0


def file_kind(cells: Sequence[str]) -> str:
    """Return "image" or "signal", what the files of a column of role ``file`` hold."""
    return "image" if PurePath(cells[0]).suffix.lower() in PICTURES else "signal"
