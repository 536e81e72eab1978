"""Which column of a table is the label, and whether it can be one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from limbeck.data.labels import text_of
from limbeck.data.tables.rows import need
from limbeck.dataset.automatic.columns import ColumnFacts
from limbeck.errors import LimbeckError
from limbeck.messages.message import message

MOST = 100  # values of a number from which on it is a quantity
_SHARE = 0.2  # of rows; a column of more different values than that is no guess for a label
_ROLES = ("category", "flag", "number")
_NAMES = (  # the surest first; a label may stand beside a category
    {"label", "labels", "target", "y", "标签"},
    {"class", "classes", "sentiment", "outcome", "diagnosis", "情感", "情感标签", "情感倾向", "类别", "分类", "诊断"},
    {"category", "result", "tags", "结果"},
)


def find_label(columns: Sequence[ColumnFacts], where: Path, *, beside: Sequence[str] = ()) -> str:
    """Return the column that is plainly the label: the only one that is called so, or the only one that could be.

    Parameters
    ----------
    beside
        Columns that are something else.

    Raises
    ------
    LimbeckError
        Where no column could be a label, or several could, with their names.
    """
    could = [one for one in columns if one.name not in beside and could_be_label(one)]
    named = called_label(could)
    if len(named) == 1:
        return named[0].name
    if len(could) == 1:
        return could[0].name
    if not could:
        fix = "name the column with --label; without any labels, give teachers by a recipe (docs/distil.md)"
        raise LimbeckError(
            message("automatic.no_label", columns=[one.name for one in columns][:20]), where=where, fix=fix
        )
    shown = [one.name for one in (named or could)][:20]
    raise LimbeckError(message("automatic.labels", columns=shown), where=where, fix="name one with --label")


def called_label(columns: Sequence[ColumnFacts]) -> list[ColumnFacts]:
    """Return the columns whose name says that they are the label, those of the surest name alone."""
    named = next(
        (there for names in _NAMES if (there := [one for one in columns if one.name.strip().lower() in names])), []
    )
    return named or [one for one in columns if one.name.strip().lower().endswith(("label", "_class", "标签", "类别"))]


def could_be_label(column: ColumnFacts) -> bool:
    """Return whether a column has few enough values, each often enough, to be a label that nobody named."""
    return column.role in _ROLES and 2 <= column.distinct <= min(MOST, max(2.0, _SHARE * column.filled))


def check_label(frame: pl.DataFrame, columns: Sequence[ColumnFacts], label: str, where: Path) -> None:
    """Refuse a column that cannot be the label of a classifier.

    Raises
    ------
    LimbeckError
        For a column that is missing, names its rows, holds texts or quantities, or has one value; in one line.
    """
    need(frame.columns, [label], where)
    column = next(one for one in columns if one.name == label)
    others = [one.name for one in columns if one.name != label and could_be_label(one)]
    hint = message("automatic.other_labels", columns=others[:12]) if others else message("automatic.no_other_label")
    values = len({value for value in text_of(frame[label]) if value is not None})
    if column.role == "empty" or values == 0:
        raise LimbeckError(message("automatic.label_empty", label=label), where=where, fix=hint)
    if values == 1:
        fix = message("automatic.one_class_fix")
        raise LimbeckError(message("automatic.label_one_class", label=label), where=where, fix=fix)
    if column.role == "number" and values > MOST:
        what = message("automatic.label_is_quantity", label=label, count=values)
        raise LimbeckError(what, where=where, fix=message("automatic.quantity_fix"))
    if column.role in ("text", "identifier") or values > 0.5 * column.filled:
        what = message("automatic.label_names_rows", label=label, count=values, rows=column.filled)
        raise LimbeckError(what, where=where, fix=hint)
