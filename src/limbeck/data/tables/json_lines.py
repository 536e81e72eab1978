"""JSON Lines, streamed: one object a line; a line that is none is a reject. JSON: an array of objects, read whole.

Values become text as they would stand in a CSV file, so that a column has one type however the producer wrote
its numbers: strings stay, null stays null, numbers and true/false are written out, lists and objects as JSON.
Columns may appear late; a chunk has the columns seen so far.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.tables.encoding import MARK, broken_row, detect, open_text
from limbeck.data.tables.lines import BLOCK, LONGEST, Lines
from limbeck.data.tables.rows import Chunk, Format, Reject, need, text_frame
from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach
from limbeck.messages.message import message

MOST = 1 << 27  # characters of an array, which is read whole
_Row = dict[str, str | None] | str  # the values of a row, or why it cannot be read


class JsonLines:
    """Reader of .jsonl and .ndjson."""

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Return the encoding and the columns of the first rows."""
        return _format(self.stream(path, 1000, 0, None, encoding), path, "jsonl", encoding)

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
        """Yield chunks of at most ``rows`` objects."""
        encoding = detect(path, encoding)
        broken = broken_row(encoding)
        with open_text(path, encoding) as text:
            lines = Lines(text)
            blocks = iter(lambda: lines.take(rows, BLOCK), [])
            found = ([_parse(line, broken) for line in block if not line.isspace()] for block in blocks)
            yield from _chunks(found, path, skip, columns)


class Json:
    """Reader of .json: an array of objects, or one object a line, as many tools name such files.

    An element that cannot be a row is a reject; where the array itself is broken, reading ends with an error.
    """

    def inspect(self, path: Path, encoding: str | None = None) -> Format:
        """Return the encoding and the columns of the first rows."""
        return _format(self.stream(path, 1000, 0, None, encoding), path, "json", encoding)

    def stream(
        self, path: Path, rows: int, skip: int, columns: Sequence[str] | None, encoding: str | None = None
    ) -> Iterator[Chunk]:
        """Yield chunks of at most ``rows`` objects."""
        with open_text(path, detect(path, encoding)) as text:
            begin = text.read(BLOCK)
            array = begin.lstrip().startswith("[")
            whole = begin + text.read(MOST - len(begin)) if array else begin
        if len(whole) >= MOST:
            raise LimbeckError(f"a JSON array of over {MOST:,} characters", where=path, fix="save it as .jsonl")
        if not array:
            if begin.strip() and not _is_object(begin.lstrip().splitlines()[0]):
                raise LimbeckError(
                    "expected a JSON array of objects, or one object a line", where=path, fix="save it as .jsonl"
                )
            yield from JsonLines().stream(path, rows, skip, columns, encoding)
            return
        elements = _elements(whole, path)
        yield from _chunks(iter(lambda: list(islice(elements, rows)), []), path, skip, columns)


def holds_rows(path: Path) -> bool:
    """Return whether a .json begins as a table does: an array of objects, or lines of one object each.

    Raises
    ------
    LimbeckError
        When the file cannot be read.
    """
    try:
        with open_text(path, detect(path)) as text:
            begin = text.read(1 << 16).lstrip()
    except OSError as error:
        raise out_of_reach(error, path) from error
    if begin.startswith("["):
        return begin[1:].lstrip().startswith("{")
    lines = begin.split("\n", 2)
    return len(lines) > 1 and _is_object(lines[0]) and lines[1].lstrip().startswith("{")


def _format(chunks: Iterator[Chunk], path: Path, kind: str, encoding: str | None) -> Format:
    return Format(path, kind, detect(path, encoding), None, tuple(next(chunks).frame.columns))


def _chunks(blocks: Iterable[Sequence[_Row]], path: Path, skip: int, columns: Sequence[str] | None) -> Iterator[Chunk]:
    """Number the rows of blocks, drop those done already, and give the others the columns seen so far."""
    names: dict[str, None] = dict.fromkeys(columns or ())
    done, checked = 0, columns is None
    for block in blocks:
        found: list[dict[str, str | None]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        for row in block:
            done += 1
            if done <= skip:
                continue
            if isinstance(row, str):
                rejects.append(Reject(done, row))
            else:
                found.append(row)
                numbers.append(done)
        if columns is None:
            names.update((name, None) for row in found for name in row)
        elif found and not checked:
            need(list({name: None for row in found for name in row}), columns, path)
            checked = True
        if found or rejects:
            frame = text_frame({name: [row.get(name) for row in found] for name in names})
            yield Chunk(frame, np.array(numbers, dtype=np.int64), tuple(rejects))
    if done == 0:
        raise LimbeckError("the file is empty", where=path, fix="check the file")


def _elements(text: str, path: Path) -> Iterator[_Row]:
    """Yield the elements of an array as rows."""
    scan, space = json.JSONDecoder().raw_decode, json.decoder.WHITESPACE.match  # type: ignore[attr-defined]
    at = space(text, text.index("[") + 1).end()
    count = 0
    while text[at : at + 1] != "]" or count:
        count += 1
        try:
            value, at = scan(text, at)
        except (RecursionError, ValueError) as error:
            deep = isinstance(error, RecursionError)
            raise LimbeckError(
                message("row.too_deep") if deep else message("row.no_json", error=str(error)),
                where=f"{path}, element {count}",
                fix="check the file",
            ) from error
        yield _row(value)
        at = space(text, at).end()
        if text[at : at + 1] == "]":
            return
        if text[at : at + 1] != ",":
            raise LimbeckError(f"the array breaks off after element {count}", where=path, fix="check the file")
        at = space(text, at + 1).end()


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (RecursionError, ValueError):
        return False


def _parse(line: str, broken: str) -> _Row:
    """Return the values of one line as text, or why it cannot be read."""
    if MARK in line:
        return broken
    if len(line) >= LONGEST:
        return message("row.too_long", most=LONGEST)
    try:
        return _row(json.loads(line))
    except RecursionError:
        return message("row.too_deep")
    except ValueError as error:  # JSONDecodeError, and integers beyond Python's limit of digits
        return message("row.no_json", error=str(error))


def _row(value: Any) -> _Row:
    if not isinstance(value, dict) or not value:
        return message("row.no_object")
    try:
        row = {name: _text(item) for name, item in value.items()}
        "".join([*row, *(item or "" for item in row.values())]).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError: half of an escaped surrogate pair
        return message("row.no_text")
    if any("\0" in item for item in row.values() if item):
        return message("row.nul")
    return row


def _text(item: Any) -> str | None:
    if item is None or isinstance(item, str):
        return item
    return json.dumps(item, ensure_ascii=False)
