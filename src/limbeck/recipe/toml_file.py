"""A TOML file read into plain tables; what is wrong with it in one line that says how to fix it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError

_MOST = 1 << 22  # bytes of a recipe
_TABLES = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".gz", ".zst")
_WIDE = dict(zip("＝：“”‘’，．｛｝［］【】", "==\"\"'',.{}[][]", strict=True))  # signs of a Chinese keyboard
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


def read_toml(file: Path) -> dict[str, Any]:
    """Return the tables of a TOML file.

    Raises
    ------
    LimbeckError
        For a file that cannot be read, is no recipe at all, or breaks the rules of TOML.
    """
    if file.suffix.lower() in _TABLES:
        what = "this is a table; a recipe (.toml) is wanted, which names the table"
        raise LimbeckError(what, where=file, fix=f'write one with data.train = "{file.name}"; docs/train.md shows how')
    try:
        with file.open("rb") as handle:
            content = handle.read(_MOST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        fix = "name the recipe's file in it" if file.is_dir() else "check the path"
        raise LimbeckError("the recipe cannot be read", where=file, fix=fix) from error
    if len(content) > _MOST:
        raise LimbeckError(f"the recipe has more than {_MOST:,} bytes", where=file, fix="check the path")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LimbeckError("the recipe is not UTF-8", where=file, fix="save it as UTF-8") from error
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise LimbeckError("nested too deeply", where=file, fix="check the file") from error
    except ValueError as error:  # TOMLDecodeError, and integers beyond Python's limit of digits
        raise LimbeckError(f"not valid TOML: {error}", where=file, fix=_fix_of(text, str(error))) from error


def _fix_of(text: str, problem: str) -> str | None:
    """Return how to fix what people most often get wrong: names and texts without quotes, full-width signs."""
    place = _PLACE.search(problem)
    lines = text.replace("\r\n", "\n").split("\n")
    if place is None or int(place[1]) > len(lines):
        return None
    line, at = lines[int(place[1]) - 1], int(place[2]) - 1
    if line[at : at + 1] in _WIDE and at < len(line):
        return f"write {_WIDE[line[at]]} in place of {line[at]}"
    start = len(line[:at]) - len(re.search(r"[^\s=,{}\[\]\"'#]*$", line[:at])[0])  # type: ignore[index]  # may be empty
    word = re.match(r"[^\s=,{}\[\]\"'#]+", line[start:])
    if word is None:
        return None
    if "Invalid value" in problem:
        return f'put a text in quotes: "{word[0][:60]}"'
    return None if word[0].isascii() else f'put the key in quotes: "{word[0][:60]}"'
