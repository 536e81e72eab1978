"""Delimited text (RFC 4180 and what people write instead), streamed: a broken row is a reject, never a crash.

The standard library's csv module parses a block of physical lines at a time, strictly. A block in which every
record has the header's width is done; any other is gone through record by record:

- a record of one line with a stray quote is read leniently, as spreadsheets do;
- a record of several lines that breaks the quoting rules, or that has a wrong width while each of its further
  lines is a whole row, is a quote that was never closed: its first line is rejected and reading goes on with
  the next line, so that one stray quote does not swallow the rows behind it;
- anything else of a wrong width, with a NUL or with broken bytes is rejected.

Rows are numbered by record; blank lines are no rows. All columns are strings, an empty field is ``""``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.tables.encoding import MARK, broken_row, detect, no_text, open_text
from limbeck.data.tables.lines import BLOCK, LONGEST, Lines
from limbeck.data.tables.rows import Chunk, Format, Reject, column_names, need, text_frame
from limbeck.errors import LimbeckError
from limbeck.messages.message import message

_EXCELS = re.compile(r'"?sep=([,;|\t])"?\s*', re.IGNORECASE)  # a first line by which Excel is told the delimiter


@dataclass(frozen=True)
class Delimited:
    """Reader of delimited text; without a fixed delimiter it is found in the header line."""

    delimiter: str | None = None
    alone: str = ","  # taken when the header names one column only

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Return encoding, delimiter and columns, from samples of the file."""
        encoding = detect(path, encoding)
        with open_text(path, encoding) as text:
            return self._format(path, encoding, Lines(text))

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
        """Yield chunks of at most ``rows`` records."""
        encoding = detect(path, encoding)
        with open_text(path, encoding) as text:
            lines = Lines(text)
            form = self._format(path, encoding, lines)
            need(form.columns, columns or (), path)
            names = tuple(columns) if columns is not None else form.columns
            picked = [form.columns.index(name) for name in names]
            parser = _Parser(form.delimiter or ",", len(form.columns), broken_row(encoding))
            done = 0
            while True:
                records, rejects = parser.block(lines, rows)
                count = len(records) + len(rejects)
                if count == 0 and lines.ended:
                    break
                first, done = done + 1, done + count
                if done <= skip or count == 0:
                    continue
                yield _chunk(records, rejects, first, skip, names, picked)
        if done == 0:
            raise LimbeckError("the file has a header but no rows", where=path, fix="check the file")

    def _format(self, path: Path, encoding: str, lines: Lines) -> Format:
        line = lines.header()
        told = _EXCELS.fullmatch(line) if line else None
        line = lines.header() if told else line
        if line is None:
            raise LimbeckError("the file is empty", where=path, fix="check the file")
        if "\0" in line or len(line) >= LONGEST:
            raise no_text(path)
        if MARK in line:
            raise LimbeckError(f"the header {broken_row(encoding)}", where=path, fix="save the file as UTF-8")
        delimiter = told[1] if told else self.delimiter or sniff(line, self.alone)
        return Format(path, "csv", encoding, delimiter, _names(line, delimiter, path))


def sniff(header: str, alone: str = ",") -> str:
    """Return the delimiter among comma, tab, semicolon and bar that the header line holds most, outside quotes."""
    bare = "".join(header.split('"')[::2])
    best = max(",\t;|", key=bare.count)
    return best if best in bare else alone


def _names(line: str, delimiter: str, path: Path) -> tuple[str, ...]:
    if _left_open(line, delimiter):
        raise LimbeckError("the header opens a quote and never closes it", where=path, fix="close it, or remove it")
    return column_names(next(csv.reader([line], delimiter=delimiter), []), path)


def _chunk(
    records: list[list[str]],
    rejects: list[Reject],
    first: int,
    skip: int,
    names: Sequence[str],
    picked: list[int],
) -> Chunk:
    """Give the records of a block their numbers, counted over rows and rejects alike, and drop those done."""
    numbers = np.arange(first, first + len(records) + len(rejects), dtype=np.int64)
    numbers = np.delete(numbers, [reject.row for reject in rejects])
    start = int(np.searchsorted(numbers, skip, side="right"))
    columns = list(zip(*records[start:], strict=True)) or [()] * (max(picked, default=0) + 1)
    frame = text_frame({name: columns[k] for name, k in zip(names, picked, strict=True)})
    kept = tuple(Reject(r.row + first, r.reason) for r in rejects if r.row + first > skip)
    return Chunk(frame, numbers[start:], kept)


class _Parser:
    """Turns lines into records of the header's width; keeps a record that a block left open for the next."""

    def __init__(self, delimiter: str, width: int, broken: str) -> None:
        self.delimiter, self.width, self.broken = delimiter, width, broken
        self.rest: list[str] = []
        csv.field_size_limit(max(csv.field_size_limit(), 4 * LONGEST))

    def block(self, lines: Lines, rows: int) -> tuple[list[list[str]], list[Reject]]:
        """Return the records of the next lines, and rejects whose ``row`` is the place in the block, from 0."""
        # Read as much as is held over, so that a quote left open is parsed a few times and not once a block.
        held = sum(map(len, self.rest))
        block = self.rest + lines.take(max(rows, len(self.rest)), max(BLOCK, min(held, LONGEST)))
        self.rest = []
        whole = "".join(block)
        if not (MARK in whole or "\0" in whole or len(whole) >= LONGEST):
            try:
                records = list(self._reader(block))
            except csv.Error:
                records = []
            if records and set(map(len, records)) == {self.width}:
                return records, []
        return self._carefully(block, lines.ended)

    def _carefully(self, block: list[str], ended: bool) -> tuple[list[list[str]], list[Reject]]:
        records: list[list[str]] = []
        rejects: list[Reject] = []
        at = 0
        reader, before = self._reader(block), 0
        while at < len(block):
            fields: list[str] = []
            problem: str | None = None
            try:
                fields = next(reader)
                span = reader.line_num - before
                if span > 1 and len(fields) != self.width and self._rows_inside(block[at + 1 : at + span]):
                    problem = message("row.unclosed_quote")
            except csv.Error as error:
                span = reader.line_num - before
                if span == 1 and not _left_open(block[at], self.delimiter):
                    fields = next(csv.reader([block[at]], delimiter=self.delimiter))
                elif "unexpected end" in str(error) and not ended and _size(block, at) < LONGEST:
                    self.rest = block[at:]  # the record may be closed in the next block
                    break
                else:
                    problem = message("row.unclosed_quote")
                reader, before, span = self._reader(block, at + 1), 0, 1
            else:
                before = reader.line_num
                if problem:
                    reader, before, span = self._reader(block, at + 1), 0, 1
            problem = problem or self._judge(fields, block[at])
            at += span
            if problem:
                rejects.append(Reject(len(records) + len(rejects), problem))
            elif fields:
                records.append(fields[: self.width])
        return records, rejects

    def _judge(self, fields: list[str], line: str) -> str | None:
        """Return why a record cannot be a row; None when it can, or when it is a blank line."""
        if len(line) >= LONGEST:
            return message("row.too_long", most=LONGEST)
        text = "".join(fields)
        if MARK in text:
            return self.broken
        if "\0" in text:
            return message("row.nul")
        if fields and len(fields) != self.width and (len(fields) < self.width or any(fields[self.width :])):
            return message("row.fields", count=len(fields), wanted=self.width)
        return None

    def _rows_inside(self, lines: list[str]) -> bool:
        """Whether each line is a whole row by itself."""
        try:
            return all(len(fields) == self.width for line in lines for fields in self._reader([line]))
        except csv.Error:
            return False

    def _reader(self, lines: list[str], at: int = 0) -> Any:
        return csv.reader(islice(lines, at, None), delimiter=self.delimiter, strict=True)


def _left_open(line: str, delimiter: str) -> bool:
    """Whether a line, read leniently, leaves a quote open: the reader then goes on to a second line."""
    reader = csv.reader([line, "\n"], delimiter=delimiter)
    next(reader)
    return reader.line_num > 1


def _size(block: list[str], at: int) -> int:
    return sum(map(len, islice(block, at, None)))
