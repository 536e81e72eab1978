"""What each column of a table is: numbers, categories, dates, texts, identifiers, or nothing to learn from.

A role is read off the cells of at most some ten thousand rows. A name serves as a hint only where cells cannot tell: a
number that counts the rows may be an age or an id.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

import numpy as np
import polars as pl

from limbeck.data.labels import text_of
from limbeck.data.split import SPELLINGS

Role = Literal["number", "date", "flag", "category", "text", "identifier", "file", "constant", "empty"]

READ = 0.95  # share of filled cells that must read as numbers or dates for a column to be one
_NAMES_A_ROW = 0.9  # share of distinct cells from which on a column of short strings names its rows
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
RECORDS = frozenset((".hea", ".dat", ".mat"))


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
    words = _mean(filled.str.count_matches(r"\S+"))
    wide = _mean(filled.str.count_matches(_WIDE))
    facts = ColumnFacts(name, "category", count, distinct, words, wide, _mean(filled.str.len_chars()))
    return ColumnFacts(**{**vars(facts), "role": _role(facts, series, filled)})


def _role(facts: ColumnFacts, series: pl.Series, filled: pl.Series) -> Role:
    count, distinct = facts.filled, facts.distinct
    if distinct == 1:
        return "constant"
    if series.dtype == pl.Boolean or set(filled.unique().str.to_lowercase()) <= {"true", "false", "yes", "no"}:
        return "flag"
    numbers = filled.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
    if len(numbers.drop_nulls()) >= READ * count:
        return "identifier" if _counts_rows(facts, numbers.drop_nulls().to_numpy()) else "number"
    if series.dtype.is_temporal() or _dates(filled) >= READ * count:
        return "date"
    if _files(filled):
        return "file"
    spoken = facts.words >= WORDS or facts.wide >= CHARACTERS
    if spoken and (distinct > 0.3 * count or facts.long):
        return "text"
    if count >= _FEWEST and distinct >= _NAMES_A_ROW * count:
        return "identifier"
    return "category"


def _counts_rows(facts: ColumnFacts, numbers: np.ndarray) -> bool:
    """Return whether whole numbers, each once, count the rows or are called an id."""
    if facts.filled < _FEWEST or facts.distinct < facts.filled or not np.equal(np.mod(numbers, 1), 0).all():
        return False
    consecutive = numbers.max() - numbers.min() + 1 == len(numbers)
    return bool(consecutive and np.all(np.diff(numbers) == 1)) or _IDENTIFIER.search(facts.name) is not None


def _dates(filled: pl.Series) -> int:
    days = filled.str.slice(0, 10).str.replace_all("/", "-", literal=True).str.to_date("%Y-%m-%d", strict=False)
    return len(days.drop_nulls())


def _files(filled: pl.Series) -> bool:
    endings = {PurePath(cell).suffix.lower() for cell in filled.head(50).to_list()}
    return bool(endings) and (endings <= PICTURES or endings <= RECORDS)


def _mean(counts: pl.Series) -> float:
    return float(np.mean(counts.to_numpy())) if len(counts) else 0.0


def file_kind(cells: Sequence[str]) -> str:
    """Return "image" or "signal", what the files of a column of role ``file`` hold."""
    return "image" if PurePath(cells[0]).suffix.lower() in PICTURES else "signal"
