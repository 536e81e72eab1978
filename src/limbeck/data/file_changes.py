"""Whether the files of an input are still those that they were when a run began.

A table that is cut, grown or overwritten while it is read gives rows of both versions, or too few. Size, time and
inode tell most of that at the cost of one call for each file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.files import marks

Marks = tuple[int, int, int]
_NONE: Marks = (0, 0, 0)


def marks_now(path: Path) -> Marks:
    """Return size, time of change (ns) and inode of a file; zeros where there is none."""
    try:
        inode = path.stat().st_ino
    except OSError:
        inode = 0
    return (*marks(path), inode)


def parts_of(source: Path, annotations: str = "atr") -> list[Path]:
    """Return the files that are read for a source: a record has data and annotations beside its header."""
    if source.suffix.lower() != ".hea":
        return [source]
    try:
        lines = source.read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    named = {line.split()[0] for line in lines[1:] if line.strip() and not line.startswith("#")}
    data = [source.parent / name for name in sorted(named) if Path(name).name == name and name != "~"]
    segments = [file.with_name(f"{file.name}.hea") for file in data if not file.suffix]
    more = [part for header in segments if header != source and header.is_file() for part in parts_of(header)]
    return [source, *data, source.with_suffix(f".{annotations}"), *more]


class Snapshot:
    """The marks of some files at the moment when this object is made."""

    def __init__(self, files: Iterable[Path | str]) -> None:
        self._marks = {str(file): marks_now(Path(file)) for file in files}

    def facts(self) -> list[list[object]]:
        """Return path, size and time of every file, by which a later run tells the same files."""
        return [[str(Path(file).absolute()), *found[:2]] for file, found in self._marks.items()]

    def refuse_changed(self, files: Iterable[str] | None = None, *, removed_too: bool = True) -> None:
        """Raise where one of the files, by default of all, is no longer the one it was.

        Parameters
        ----------
        removed_too
            Whether a file that is gone counts.

        Raises
        ------
        LimbeckError
            With the first file that changed.
        """
        for file in self._marks if files is None else files:
            before, now = self._marks[file], marks_now(Path(file))
            if now == before or (now == _NONE and not removed_too):
                continue
            what = "was removed while it was read" if now == _NONE else "changed while it was read"
            if now != _NONE and now[0] != before[0]:
                what += f", from {before[0]:,} to {now[0]:,} bytes"
            fix = "run again once nothing writes to it; the output is as it was"
            raise LimbeckError(what, where=file, fix=fix)
