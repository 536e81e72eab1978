"""The columns of a row that drove its answer.

Each input column is put in turn at its usual value (a number at the median of the training rows; a flag, a category and
a list at missing), and the answer's log-odds fall by what it was worth. So the model is asked once for each column.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

import numpy as np
import polars as pl

from limbeck.kinds.explanation import Floats, Ints, Model, Part, heaviest, log_odds
from limbeck.kinds.table.encode import Column, TableInput

_EPOCH = datetime.date(1970, 1, 1)


def explained(model: Model, rows: pl.DataFrame, decided: Ints, top: int) -> list[tuple[Part, ...]]:
    """Return of N rows the ``top`` columns that drove the answer; ``decided`` int64 [N] are class numbers."""
    encoder: TableInput = model.encoder
    names = [name for name in dict.fromkeys(column.name for column in encoder.columns) if name in rows.columns]
    whole = log_odds(model.submit(model.encode(rows)).result(), decided)
    weights = np.zeros((rows.height, len(names)))
    everywhere = np.ones(rows.height, dtype=bool)
    for at, name in enumerate(names):
        changed = rows.with_columns(_usual(encoder, rows[name], everywhere))
        weights[:, at] = whole - log_odds(model.submit(model.encode(changed)).result(), decided)
    return [_parts(names, row, top) for row in weights]


def removed(encoder: TableInput, rows: pl.DataFrame, parts: Sequence[Sequence[Part]]) -> pl.DataFrame:
    """Return N rows whose named columns are at their usual value."""
    named = [{part.where for part in row} for row in parts]
    names = sorted({str(where) for row in named for where in row})
    where = {name: np.array([name in row for row in named], dtype=bool) for name in names}
    return rows.with_columns(_usual(encoder, rows[name], where[name]) for name in names)


def _parts(names: Sequence[str], weights: Floats, top: int) -> tuple[Part, ...]:
    return heaviest([Part("column", name, float(weight)) for name, weight in zip(names, weights, strict=True)], top)


def _usual(encoder: TableInput, cells: pl.Series, where: np.ndarray) -> pl.Series:
    """Return a column with its usual value in the places bool [N]."""
    columns = [column for column in encoder.columns if column.name == cells.name]
    value = _median(columns[0]) if columns and columns[0].kind in ("number", "date") else None
    if isinstance(value, float) and cells.dtype.is_numeric():
        cells = cells.cast(pl.Float64)
    elif value is not None:
        cells = cells.cast(pl.String)
        value = value if isinstance(value, str) else repr(value)
    filled = pl.when(pl.Series(where)).then(pl.lit(value)).otherwise(pl.lit(cells))
    return pl.select(filled.alias(cells.name)).to_series()


def _median(column: Column) -> float | str:
    """Return the median of a column's training values; of a date, as a date's text."""
    middle = column.centre
    if column.knots:
        middle = float(np.interp(0.5, np.linspace(0.0, 1.0, len(column.knots)), column.knots))
    elif column.logarithm:
        middle = float(np.sign(middle) * np.expm1(abs(middle)))
    return (_EPOCH + datetime.timedelta(days=round(middle))).isoformat() if column.kind == "date" else middle
