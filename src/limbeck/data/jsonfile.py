"""JSON Lines, streamed: one object a line; a line that is none is a reject.

Values become text as they would stand in a CSV file, so that a column has one type however the producer wrote
its numbers: strings stay, null stays null, numbers and true/false are written out, lists and objects as JSON.
Columns may appear late; a chunk has the columns seen so far.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.data.encoding import MARK, broken_row, detect, open_text
from limbeck.data.lines import BLOCK, LONGEST, Lines
from limbeck.data.rows import Chunk, Format, Reject, need, text_frame
from limbeck.errors import LimbeckError


class JsonLines:
    """Reader of .jsonl and .ndjson."""

    def inspect(self, path: Path) -> Format:
        """Return the encoding and the columns of the first rows."""
        chunk = next(self.stream(path, 1000, 0, None))
        return Format(path, "jsonl", detect(path), None, tuple(chunk.frame.columns))

    def stream(self, path: Path, rows: int, skip: int, columns: Sequence[str] | None) -> Iterator[Chunk]:
        """Yield chunks of at most ``rows`` objects."""
        encoding = detect(path)
        broken = broken_row(encoding)
        names: dict[str, None] = dict.fromkeys(columns or ())
        done, checked = 0, columns is None
        with open_text(path, encoding) as text:
            lines = Lines(text)
            while block := lines.take(rows, BLOCK):
                found: list[dict[str, str | None]] = []
                numbers: list[int] = []
                rejects: list[Reject] = []
                for line in block:
                    if line.isspace():
                        continue
                    done += 1
                    if done <= skip:
                        continue
                    row = _parse(line, broken)
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
            raise LimbeckError("the file is empty", where=path, mend="check the file")


def _parse(line: str, broken: str) -> dict[str, str | None] | str:
    """Return the values of one line as text, or why it cannot be read."""
    if MARK in line:
        return broken
    if len(line) >= LONGEST:
        return f"is longer than {LONGEST:,} characters"
    try:
        value = json.loads(line)
    except RecursionError:
        return "is nested too deeply"
    except ValueError as error:  # JSONDecodeError, and integers beyond Python's limit of digits
        return f"is not valid JSON: {error}"
    if not isinstance(value, dict) or not value:
        return "is no JSON object with values"
    try:
        row = {name: _text(item) for name, item in value.items()}
        "".join([*row, *(item or "" for item in row.values())]).encode()
    except (ValueError, RecursionError):  # UnicodeEncodeError: half of an escaped surrogate pair
        return "holds a value that is no valid text"
    if any("\0" in item for item in row.values() if item):
        return "holds a NUL byte"
    return row


def _text(item: Any) -> str | None:
    if item is None or isinstance(item, str):
        return item
    return json.dumps(item, ensure_ascii=False)
