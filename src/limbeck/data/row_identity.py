"""Which rows are told by their content: those that no second, unrelated row would be like by chance.

Two rows with the same long text, picture or signal are copies of one thing. Two passengers of one class, sex and age
group are two passengers: in a table of few values rows are alike by nature, and to drop them would change what there is
to learn. So copies, contradictions, leaks and rows seen before are looked for only among rows that this module finds
told by their content:

- pictures and signals always;
- a text longer than `SHORT`, where a character of Chinese, Japanese or Korean and a digit count one, and any other word
  two, or more if it is long: many people write 好, ok and 转发微博;
- a row of a table where fewer than `CHANCE` rows like it are expected by chance. Two estimates are made and the larger
  counts: from the values' frequencies as if columns were independent, and from the rows that differ from it in one
  column only, times the odds of that column's value. A row's own copies are left out of both, so that a file that was
  appended to itself looks like itself. A table of one column that varies, and one whose columns hold few values and
  whose rows repeat often and unevenly, tell no row by its content.
"""

# ruff: noqa: ARG001 - such a function takes the same arguments for every kind

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.labels import text_of
from limbeck.data.near_duplicates import Ints, exact
from limbeck.recipe import Task

SHORT = 4
CHANCE = 0.01
_OFTEN = 2.0  # rows for each distinct one, from which on a table of few values is exhausted
_FEW = 100  # values of a column of few values
_ALONE = r"\d\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"  # characters that count one
_WORDS = re.compile(rf"(?P<alone>[{_ALONE}])|[^\W_{_ALONE}]+")

Mask = npt.NDArray[np.bool_]


def always_told(frame: pl.DataFrame, keys: Sequence[str], task: Task) -> Mask:
    """Return bool (n,) that all rows are told by their content.

    Parameters
    ----------
    frame
        The n rows.
    keys
        What tells them apart: cleaned texts, joined cells, hashes.
    """
    return np.ones(len(keys), dtype=bool)


def told_by_length(frame: pl.DataFrame, keys: Sequence[str], task: Task) -> Mask:
    """Return which texts are longer than `SHORT`, bool (n,); arguments as of `always_told`."""
    return np.array([_is_long(key) for key in keys], dtype=bool)


def told_by_rarity(frame: pl.DataFrame, keys: Sequence[str], task: Task) -> Mask:
    """Return like which rows of a table fewer than `CHANCE` are expected, bool (n,); arguments as of `always_told`."""
    if not len(keys):
        return np.ones(0, dtype=bool)
    return _by_chance(frame, exact(keys), [name for name in task.inputs if name in frame.columns]) < CHANCE


def unlike(keys: Sequence[str], told: Mask) -> list[str]:
    """Return the keys with "" (like no other row) for rows that are not told by their content."""
    return [key if known else "" for key, known in zip(keys, told.tolist(), strict=True)]


def apart(groups: Ints, told: Mask) -> Ints:
    """Return the groups with rows that are not told by their content each in one of its own, int64 (n,)."""
    own = int(groups.max(initial=-1)) + 1 + np.arange(len(groups))
    return np.where(told, groups, own)


def _is_long(text: str) -> bool:
    size = 0
    for word in _WORDS.finditer(text):
        size += 1 if word.lastgroup else max(2, len(word.group()) // 4)
        if size > SHORT:
            return True
    return False


def _by_chance(frame: pl.DataFrame, groups: Ints, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return how many rows like each one are expected by chance, float64 (n,)."""
    sizes = np.bincount(groups)
    n, first = len(groups), np.unique(groups, return_index=True)[1]
    columns = [_codes(frame[name]) for name in names]
    columns = [codes for codes in columns if codes.min() < codes.max()]
    few = all(codes.max() < _FEW for codes in columns)
    if len(columns) < 2 or (few and _exhausted(sizes)):
        return np.full(n, np.inf)
    random = np.random.default_rng(0)
    marks = [random.integers(0, 2**63, int(codes.max()) + 1, dtype=np.uint64)[codes] for codes in columns]
    whole = np.sum(marks, axis=0, dtype=np.uint64)  # modulo 2**64: a row's content, from which a column can be taken
    others = np.maximum(n - sizes, 1)
    independent, nearby = np.full(len(sizes), n - 1.0), np.zeros(len(sizes))
    for codes, mark in zip(columns, marks, strict=True):
        share = (np.bincount(codes)[codes[first]] - sizes) / others
        independent *= share
        rest = pl.Series(whole - mark)
        but_one = rest.to_frame("rest").select(pl.len().over("rest")).to_series().to_numpy()[first] - sizes
        nearby = np.maximum(nearby, but_one * share / np.maximum(1.0 - share, 0.01))
    return np.asarray(np.maximum(independent, nearby)[groups])


def _codes(column: pl.Series) -> Ints:
    """Return a number for each value of a column, int64 (n,), from 0 on; 0 is for missing ones."""
    if column.dtype.is_nested():
        column = pl.Series(text_of(column), dtype=pl.String)
    return column.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()


def _exhausted(sizes: Ints) -> bool:
    """Whether new rows are hardly ever new: many for each distinct one, and not all as often, as in a file repeated."""
    return bool(sizes.mean() >= _OFTEN and np.bincount(sizes).max() < len(sizes) / 2)
