"""Cells that no spreadsheet takes for a formula, and back to what they were.

A spreadsheet runs a cell of a CSV file that begins with one of ``= + - @`` (also in their full-width forms), a tab or a
line break (OWASP, "CSV Injection"); spaces before it do not help. An apostrophe in front makes it a text. A cell that
has apostrophes before such a character gets one more, so that taking one away restores every cell.

In a workbook a text is a text, whatever it begins with. But the decoder of workbooks writes a number among texts with
nine decimals, and `limbeck.data.tables.excel_sheet` shortens those: a text of that look gets the apostrophe there.
"""

from __future__ import annotations

import re

import polars as pl

PATTERN = r"\A[\s']*[=+\-@＝＋－＠\t\r\n]"
_FORMULA = re.compile(PATTERN)
_NINE_DECIMALS = re.compile(r"\A'*[+-]?\d*\.\d{9}\Z")


def escaped(cell: str) -> str:
    """Return a cell as a text for every spreadsheet.

    >>> escaped("=1+1"), escaped("'=1+1"), escaped("1+1")
    ("'=1+1", "''=1+1", '1+1')
    """
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Return the cell that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell[1:]) else cell


def sheet_escaped(cell: str) -> str:
    """Return a cell as a text that a workbook gives back unchanged."""
    return f"'{cell}" if _NINE_DECIMALS.match(cell) else cell


def sheet_unescaped(cell: str) -> str:
    """Return the cell that `sheet_escaped` was given."""
    return cell[1:] if cell.startswith("'") and _NINE_DECIMALS.match(cell[1:]) else cell


def escaped_frame(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return a table with the texts and the names of its columns escaped."""
    texts = pl.col(pl.String)
    frame = frame.with_columns(pl.when(texts.str.contains(PATTERN)).then("'" + texts).otherwise(texts).name.keep())
    return frame.rename(escaped)
