"""Whether the cells of a label column hold several labels each, such as ``a|b``, and by which mark they are separated.

A label may hold the mark in its name (``sci-fi/fantasy``, ``A|B``). So a cell is taken apart only where its parts are
labels: there are few different parts, each occurs in many rows, most of them alone or beside different others, and rows
differ in how many parts they have. A bar separates nothing but labels, so a category and a verdict in each cell are two
labels; codes of always two parts with a comma between stay one label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from limbeck.data.label_sets import labels_of_cell
from limbeck.data.labels import text_of
from limbeck.recipe import Task

SEPARATORS = ("|", ";", "；", "、", ",", "，")
_PLAIN = "|"  # which separates labels even where all rows have as many
MARKS = ("none", "无", "-", "—")  # cells that say that a row has no label
LONGEST = 40  # characters of a label
MOST, FEWEST = 200, 3  # different labels, and rows that a label has on average at least
_JOINED, _ROWS = 0.02, 5  # share and number of rows with more than one label, at least
_ELSEWHERE = 0.8  # share of the labels that stand beside others which also stand in another cell


@dataclass(frozen=True)
class Several:
    """The mark between labels, the cell of a row without any (None where there is none), and the rows of each label."""

    separator: str
    none: str | None
    counts: dict[str, int]
    rows: int  # with labels or the mark


def several_in(column: pl.Series) -> Several | None:
    """Return how the cells of a label column are taken apart; None where each is one label."""
    for separator in SEPARATORS:
        if (found := _apart(column, separator)) is not None:
            return found
    return None


def _apart(column: pl.Series, separator: str) -> Several | None:
    cells = Counter(cell for cell in text_of(column, MARKS) if cell is not None)
    joined = {cell: count for cell, count in cells.items() if separator in cell}
    rows = sum(cells.values())
    if sum(joined.values()) < max(_ROWS, _JOINED * rows):
        return None
    if any(not part.strip() or len(part) > LONGEST for cell in cells for part in cell.split(separator)):
        return None
    marks = [mark for mark in MARKS if mark in cells]
    mark = marks[0] if len(marks) == 1 and not any(marks[0] in cell.split(separator) for cell in joined) else None
    task = Task(kind="multilabel-text", separator=separator, none=mark)
    sets = {cell: labels_of_cell(cell, task) or () for cell in cells}
    if separator != _PLAIN and len({len(labels) for labels in sets.values() if labels}) < 2:
        return None
    counts: Counter[str] = Counter()
    for cell, labels in sets.items():
        counts.update(dict.fromkeys(labels, cells[cell]))
    distinct = set(sets.values())
    if not 2 <= len(counts) <= min(MOST, len(distinct)):
        return None
    if sum(counts.values()) < FEWEST * len(counts) or not _stand_elsewhere(list(distinct)):
        return None
    return Several(separator, mark, dict(counts.most_common()), rows)


def _stand_elsewhere(sets: Sequence[tuple[str, ...]]) -> bool:
    """Return whether most labels that stand beside others also stand in another cell."""
    places = Counter(name for labels in sets for name in labels)
    beside = {name for labels in sets if len(labels) > 1 for name in labels}
    return sum(places[name] > 1 for name in beside) >= _ELSEWHERE * len(beside)
