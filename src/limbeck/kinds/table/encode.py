"""A table row in, arrays out: numbers, dates, booleans and categories, with what is missing kept as news.

Each column is read as what its training values are. Numbers are scaled robustly (median and quartiles, after a signed
logarithm where they span orders of magnitude) or to their quantiles; categories are hashed, so an unseen one has a
place; a cell that lists several things (``a;b``, ``a|b``, ``[a, b]``) becomes one flag for each of the frequent ones; a
column that a scenario lacks is missing in every row, not an error.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.files import write_json
from limbeck.kinds.kind import Shapes, largest_batch
from limbeck.kinds.stored_files import stored_text
from limbeck.kinds.table.dense import Dense
from limbeck.recipe import Input, Task

KNOTS = 64
_TRUE, _FALSE = {"true", "yes", "y", "t", "是"}, {"false", "no", "n", "f", "否"}
READABLE = 0.95  # share of filled cells that must read as numbers (or dates) for a column to be one
_LISTS = 0.05  # share of filled cells with several members for a column to hold lists
_MEMBERS, _SEEN = 32, 5  # flags of a column of lists at most, and rows that must hold a member
_LARGEST = 1e100  # differences and squares of such numbers must stay finite
_HEAVY = 20.0  # a largest value this many interquartile ranges out calls for the logarithm


_Kind = Literal["number", "date", "flag", "category", "member"]


@dataclass(frozen=True)
class Column:
    """How one column is read: its kind, for numbers what training rows gave, and for lists the member it asks for."""

    name: str
    kind: _Kind
    logarithm: bool = False
    centre: float = 0.0
    scale: float = 1.0
    knots: tuple[float, ...] = ()
    member: str = ""
    comma: bool = False  # a comma is the decimal mark, not one between thousands


def _sound(column: Column) -> bool:
    """Return whether a column that was read is what `TableInput.fit` would give."""
    numbers = (column.centre, column.scale, *column.knots)
    return (
        isinstance(column.name, str)
        and isinstance(column.member, str)
        and isinstance(column.logarithm, bool)
        and column.kind in get_args(_Kind)
        and all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
        and column.scale > 0
        and list(column.knots) == sorted(column.knots)
    )


class TableInput:
    """Encoding of table rows; see the module's lines.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe.
    columns
        Fitted columns; see `fit` and `load`.
    """

    file = "columns.json"

    # A row of a table costs so little that larger parts pay: calling the model and the reader is most of it.
    most = 1024  # rows of a batch
    window = 16384  # rows that are encoded together
    workers: int | None = None

    def __init__(self, settings: Input, columns: Sequence[Column]) -> None:
        self.settings, self.columns = settings, tuple(columns)
        self.numeric = [column for column in self.columns if column.kind != "category"]
        self.categorical = [column for column in self.columns if column.kind == "category"]
        self.wide = None

    @classmethod
    def fit(cls, settings: Input, frame: pl.DataFrame) -> TableInput:
        """Learn from the training rows what each column is and how it is scaled.

        Raises
        ------
        LimbeckError
            When no column has a value, or one has numbers beyond 1e100.
        """
        columns = [column for name in frame.columns for column in _fitted(name, frame[name], settings)]
        if not columns:
            raise LimbeckError("no input column has a value", where="task.input", fix="name other columns")
        return cls(settings, columns)

    @classmethod
    def load(cls, settings: Input, folder: Path) -> TableInput:
        """Read the columns from a bundle."""
        file = folder / cls.file
        try:
            stored = json.loads(stored_text(file))
            columns = [Column(**{**column, "knots": tuple(map(float, column["knots"]))}) for column in stored]
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise LimbeckError("the columns cannot be read", where=file) from error
        if not columns or not all(map(_sound, columns)):
            raise LimbeckError("no columns of a table: names, kinds and finite numbers are wanted", where=file)
        return cls(settings, columns)

    def save(self, folder: Path) -> None:
        """Write the columns into a bundle."""
        stored = [asdict(column) for column in self.columns]
        write_json(folder / self.file, [{k: v for k, v in column.items() if k != "comma" or v} for column in stored])

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files of a bundle that encoding depends on."""
        return (self.file,)

    @property
    def size(self) -> int:
        """Number of scaled numbers a row has."""
        return len(self.numeric)

    def encode(self, frame: pl.DataFrame) -> Dense:
        """Encode rows; a column that is not there is missing in all of them.

        Parameters
        ----------
        frame
            N rows with the input columns, as text or with types.
        """
        rows = frame.height
        numbers = np.zeros((rows, len(self.numeric)), dtype=np.float32)
        missing = np.ones((rows, len(self.numeric)), dtype=np.float32)
        for at, values in self._values(frame):
            known = np.isfinite(values)
            missing[:, at] = ~known
            numbers[known, at] = scaled(values[known], self.numeric[at])
        categories = np.zeros((rows, len(self.categorical)), dtype=np.int64)
        for at, column in enumerate(self.categorical):
            if column.name in frame.columns:
                categories[:, at] = hashed(frame[column.name], self.settings.categories)
        return Dense(numbers, missing, categories)

    def encode_each(self, frame: pl.DataFrame) -> tuple[Dense, dict[int, LimbeckError]]:
        """Encode rows; every row of a table has an answer, as what is missing counts too."""
        return self.encode(frame), {}

    def _values(self, frame: pl.DataFrame) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Yield the place and the values float64 [N] of each numeric column that is there."""
        schema = frame.schema
        there = [(at, column) for at, column in enumerate(self.numeric) if column.name in schema]
        plain = {one.name: (one.kind, one.comma) for _, one in there if one.kind != "member"}
        # One query for all of them: a query of its own costs more than reading a few thousand cells does.
        read = frame.select(number(schema[name], *how, pl.col(name)).alias(name) for name, how in plain.items())
        for at, column in there:
            member = column.kind == "member"
            yield at, numbers_of(frame[column.name], "member", column.member) if member else finite(read[column.name])

    def blank(self, task: Task) -> pl.DataFrame:
        """Return one row in which every cell is missing."""
        return pl.DataFrame({name: [None] for name in task.inputs})

    def completed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows: what they lack is missing."""
        return frame

    def largest(self, rows: Dense, one: Mapping[str, NDArray[Any]], tokens: int) -> list[Shapes]:
        """Return array name -> shape for the batches that can take most; see `largest_batch`."""
        return largest_batch(rows, one, tokens, self.most)

    def batch(self, rows: Dense, which: NDArray[np.int64]) -> dict[str, np.ndarray]:
        """Return the arrays of the chosen rows."""
        return rows.pad(which)


def _fitted(name: str, series: pl.Series, settings: Input) -> list[Column]:
    texts = series.cast(pl.String).str.strip_chars()
    filled = texts.filter(texts.is_not_null() & (texts != ""))
    if not len(filled):
        return []
    comma = _decimal_comma(filled)
    for kind in ("number", "flag", "date"):
        values = numbers_of(filled, kind, comma=comma)
        known = values[np.isfinite(values)]
        if len(known) >= READABLE * len(filled):
            ways = ("robust", "quantile") if settings.scaling == "both" and kind != "flag" else (settings.scaling,)
            columns = [_scaled_column(name, kind, known, way) for way in ways]
            return [replace(column, comma=comma and kind == "number") for column in columns]
    lists = [members(text) for text in filled.to_list()]
    if sum(len(parts) > 1 for parts in lists) >= _LISTS * len(lists):
        seen = Counter(part for parts in lists for part in parts)
        often = [part for part, count in seen.most_common(_MEMBERS) if count >= min(_SEEN, len(lists))]
        if len(often) > 1:
            return [Column(name, "member", member=part) for part in sorted(often)]
    return [Column(name, "category")]


def _decimal_comma(texts: pl.Series) -> bool:
    """Whether commas in a column stand before decimals: those between thousands have three digits behind each."""
    commas = texts.filter(texts.str.contains(",", literal=True))
    between = commas.str.contains(r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$")
    return len(commas) - int(between.sum()) > (1.0 - READABLE) * len(commas)


def members(text: str) -> frozenset[str]:
    """Return what a cell lists: parts between ``;`` or ``|``, or between commas where brackets stand around it."""
    inner = text.strip("[](){} ")
    bracketed = inner != text.strip()
    parts = re.split(r"[;|,；]" if bracketed else r"[;|；]", inner)
    return frozenset(part.strip(" '\"") for part in parts if part.strip(" '\""))


def _scaled_column(name: str, kind: Any, values: NDArray[np.float64], scaling: str) -> Column:
    if kind == "flag":
        return Column(name, "flag")
    if (largest := float(np.abs(values).max())) > _LARGEST:
        what = f"the column {name!r} holds the number {largest:.3g}, which is too large to calculate with"
        raise LimbeckError(what, where="task.input", fix="if it stands for a missing value, leave the cell empty")
    quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    spread = quartiles[2] - quartiles[0]
    heavy = bool(np.abs(values - quartiles[1]).max() > _HEAVY * max(spread, 1e-12))
    if scaling == "quantile":
        knots = np.unique(np.quantile(values, np.linspace(0, 1, KNOTS)))
        return Column(name, kind, knots=tuple(float(knot) for knot in knots))
    if heavy:
        values = np.sign(values) * np.log1p(np.abs(values))
        quartiles = np.quantile(values, [0.25, 0.5, 0.75])
    # Three quarters of a normal distribution's spread lie between the quartiles' 1.349 standard deviations.
    scale = float(quartiles[2] - quartiles[0]) / 1.349 or float(values.std()) or 1.0
    return Column(name, kind, heavy, float(quartiles[1]), scale)


def numbers_of(series: pl.Series, kind: str, member: str = "", *, comma: bool = False) -> NDArray[np.float64]:
    """Return a column's cells as float64 [N], NaN where one is missing or cannot be read as ``kind``.

    For the kind "member": whether the cell lists ``member``; ``comma`` says that it is the decimal mark.
    """
    if kind == "member":
        return np.asarray(each(series, lambda text: float(member in members(text)) if text else np.nan, pl.Float64))
    return finite(pl.select(number(series.dtype, kind, comma, pl.lit(series))).to_series())


def number(dtype: pl.DataType, kind: str, comma: bool, cells: pl.Expr) -> pl.Expr:
    """Return the expression that reads cells of a type as numbers of ``kind``, null where one cannot be read.

    With ``comma`` a cell that holds one has it before its decimals, and points between thousands.
    """
    if kind == "number" and dtype.is_numeric():
        return cells.cast(pl.Float64)
    texts = cells.cast(pl.String).str.strip_chars()
    if kind == "number" and comma:
        whole = texts.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
        return (
            pl.when(texts.str.contains(",", literal=True)).then(whole).otherwise(texts).cast(pl.Float64, strict=False)
        )
    if kind == "number":
        return texts.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
    if kind == "flag":
        lower = texts.str.to_lowercase()
        flags = lower.is_in(sorted(_TRUE)).cast(pl.Float64)
        return pl.when(lower.is_in(sorted(_TRUE | _FALSE))).then(flags)
    days = texts.str.slice(0, 10).str.replace_all("/", "-", literal=True).str.to_date("%Y-%m-%d", strict=False)
    return days.cast(pl.Int32).cast(pl.Float64)


def finite(series: pl.Series) -> NDArray[np.float64]:
    """Return numbers as float64 [N], NaN for null and infinity."""
    out: NDArray[np.float64] = np.array(series.to_numpy(), dtype=np.float64)
    out[~np.isfinite(out)] = np.nan
    return out


def each(series: pl.Series, value: Callable[[str], float], dtype: type[pl.DataType]) -> np.ndarray:
    """Return ``value`` of every stripped text [N], null as ""; equal texts are looked at once."""
    texts = series.cast(pl.String).str.strip_chars().fill_null("")
    known = texts.unique()
    values = pl.Series([value(text) for text in known.to_list()], dtype=dtype)
    return texts.replace_strict(known, values, return_dtype=dtype).to_numpy() if len(texts) else values.to_numpy()


def scaled(values: NDArray[np.float64], column: Column) -> NDArray[np.float64]:
    """Scale known values of a column to about -3 to 3."""
    if column.kind in ("flag", "member"):
        return 2.0 * values - 1.0
    if column.knots:
        return 2.0 * np.interp(values, column.knots, np.linspace(0.0, 1.0, len(column.knots))) - 1.0
    if column.logarithm:
        values = np.sign(values) * np.log1p(np.abs(values))
    with np.errstate(over="ignore"):  # infinity is cut like any other number
        return np.clip((values - column.centre) / column.scale, -8.0, 8.0)


def hashed(series: pl.Series, buckets: int) -> NDArray[np.int64]:
    """Hash categories into 1 to ``buckets``, int64 [N]; missing is 0. The same text has the same hash everywhere."""
    return each(series, lambda text: zlib.crc32(text.encode("utf-8")) % buckets + 1 if text else 0, pl.Int64)
