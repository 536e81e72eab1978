"""Columns made of other columns by a pattern: the track, patient or session that only a path or an id tells."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from limbeck.data.tables.rows import need, text_column
from limbeck.errors import LimbeckError, first_line
from limbeck.recipe import Derived


def with_derived(frame: pl.DataFrame, derived: Mapping[str, Derived], where: object) -> pl.DataFrame:
    """Return the rows with each derived column, text: what the pattern's first group matched, null where none did.

    Patterns run in linear time whatever they are (Rust's regular expressions), so that no row can hang them.

    Raises
    ------
    LimbeckError
        For a column that is there already or missing, a pattern that is none, or one that matches no row at all.
    """
    for name, rule in derived.items():
        if name in frame.columns:
            what = f"there is a column {name!r} already"
            raise LimbeckError(what, where=where, fix=f"name data.derive.{name} otherwise")
        need(frame.columns, [rule.column], where)
        try:
            found = text_column(frame[rule.column]).str.extract(rule.pattern, 1)
        except pl.exceptions.PolarsError as error:
            raise LimbeckError(f"data.derive.{name}.pattern: {first_line(error)}", where="recipe") from error
        if frame.height and found.null_count() == frame.height:
            what = f"data.derive.{name}.pattern matches nothing; the first {rule.column!r} is {frame[rule.column][0]!r}"
            raise LimbeckError(what, where=where, fix="it is a regular expression, and its first group is kept")
        frame = frame.with_columns(found.alias(name))
    return frame
