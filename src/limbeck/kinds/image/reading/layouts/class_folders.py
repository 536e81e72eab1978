"""Pictures in folders: ``class/picture``, with or without folders for the parts of a split above the classes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from limbeck.data.split import SPELLINGS
from limbeck.data.tables.read import TABLES
from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach, writable
from limbeck.kinds.image.reading.decode import ENDINGS
from limbeck.kinds.image.reading.files import FILE
from limbeck.kinds.image.reading.layouts import celeba_spoof as celeba

PICTURES = frozenset(ending for endings in ENDINGS.values() for ending in endings)
_BESIDE = {*TABLES, ".gz", ".zst", ".md", ".ini", ".db"} - {
    ".txt"
}  # what may stand beside pictures and is not taken for one


def picture_files(folder: Path) -> list[Path]:
    """Return the files of a folder and of those in it, sorted by path: all but hidden ones, tables and notes.

    A file with an ending that no picture has is among them, so that it is reported, not passed over.

    Raises
    ------
    LimbeckError
        When the folder cannot be read.
    """
    return [file for _, file in _sorted(folder)]


def _sorted(folder: Path) -> list[tuple[tuple[str, ...], Path]]:
    """Return the parts of each path below ``folder`` with its file, in their order; parents are parted once each."""
    found = []
    try:
        for place, names in _walk(folder):
            inside = Path(place).relative_to(folder).parts
            found += [((*inside, name), Path(place, name)) for name in names if _shown(name)]
    except OSError as error:
        raise out_of_reach(error, folder) from error
    return sorted(found)


def flat(folder: Path, task_input: str) -> pl.DataFrame:
    """Return a row for each of `picture_files`, or for one picture: its path relative to ``folder``, and its file."""
    files = [((folder.name,), folder)] if folder.is_file() else _sorted(folder)
    return pl.DataFrame(
        {
            task_input: [writable("/".join(parts)) for parts, _ in files],
            FILE: [writable(str(file)) for _, file in files],
        },
        schema=dict.fromkeys((task_input, FILE), pl.String),
    )


def holds_pictures(folder: Path) -> bool:
    """Return whether a folder, or one in it, holds a file with the ending of a picture."""
    for _, names in _walk(folder):
        if any(Path(name).suffix.lower() in PICTURES and not name.startswith(".") for name in names):
            return True
    return False


def class_folders(folder: Path, task_input: str, label: str, aside: Path | None = None) -> pl.DataFrame:
    """Return a row for each picture: its path relative to ``folder``, its label, its file, and its part if it has one.

    The label is the folder it lies in. Where all folders at the top are named as parts of a split are, the classes lie
    one below, and a column ``split`` says the part. A folder that lies ``aside``, of masks, is no class.

    Raises
    ------
    LimbeckError
        When there are no classes, or a picture lies beside them.
    """
    tops = sorted(place.name for place in folder.iterdir() if place.is_dir() and not place.name.startswith("."))
    tops = [name for name in tops if aside is None or name != aside.name]
    fix = f"put the pictures into {folder.name or folder}/CLASS/"
    if not tops:
        raise LimbeckError("the folder holds neither a table nor class folders", where=folder, fix=fix)
    split = all(name.lower() in SPELLINGS for name in tops)
    depth = 2 if split else 1
    rows: dict[str, list[str]] = {task_input: [], label: [], FILE: [], **({"split": []} if split else {})}
    for file in picture_files(folder):
        parts = [writable(part) for part in file.relative_to(folder).parts]
        if (len(parts) <= depth and file.suffix.lower() not in PICTURES) or (aside and parts[0] == aside.name):
            continue
        if len(parts) <= depth:
            raise LimbeckError("a picture outside of any class folder", where=file, fix=fix)
        rows[task_input].append("/".join(parts))
        rows[label].append(parts[depth - 1])
        rows[FILE].append(writable(str(file)))
        if split:
            rows["split"].append(parts[0])
    if not rows[FILE]:
        raise LimbeckError("the folder holds no picture", where=folder, fix=fix)
    return pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String))


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder and the names of its files; links to folders are followed, each folder once."""
    been: set[str] = set()
    for place, inside, names in os.walk(folder, onerror=_raise, followlinks=True):
        real = os.path.realpath(place)
        inside[:] = [name for name in inside if not name.startswith(".")] if real not in been else []
        if real not in been:
            yield place, names
        been.add(real)


def _shown(name: str) -> bool:
    return not (name.startswith((".", "~$")) or Path(name).suffix.lower() in _BESIDE or name.endswith(celeba.BOXES))


def _raise(error: OSError) -> None:
    raise error
