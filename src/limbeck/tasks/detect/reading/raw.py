"""Boxes as a file writes them, before anything is known of their pictures, and where files may lie."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from limbeck.data.paths import path_in
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.layouts.class_folders import PICTURES
from limbeck.messages.message import message
from limbeck.tasks.detect.boxes import Rejected

MOST_BYTES = 256 * 2**20  # of a file of labels
MOST_SIDE = 2**31  # pixels
Unit = Literal["pixels", "shares", "percent"]


@dataclass(frozen=True)
class RawBox:
    """One box: the class as written (None: no name for its number), four edges, and where it stands."""

    label: str | None
    edges: tuple[float, float, float, float]
    file: str
    line: int | None
    unit: Unit = "pixels"
    crowd: bool = False


@dataclass
class RawPicture:
    """One picture that labels name: as written, where it lies, and the size that the labels say it has."""

    name: str
    file: Path | None
    boxes: list[RawBox] = field(default_factory=list)
    size: tuple[int, int] | None = None
    part: str = ""
    group: str = ""
    source: str = ""
    line: int | None = None


@dataclass
class Raw:
    """All that one set of labels says; ``classes`` is empty where it names none beforehand."""

    form: str
    pictures: list[RawPicture]
    classes: list[str]
    rejected: list[Rejected] = field(default_factory=list)


def number(written: Any) -> float:
    """Return a number as labels write it; NaN where it is none, or too large for a float."""
    try:
        return float(written)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def size_of(width: Any, height: Any) -> tuple[int, int] | None:
    """Return the size that labels state for a picture; None where they state none that a picture may have."""
    sides = number(width), number(height)
    return (int(sides[0]), int(sides[1])) if all(1 <= side <= MOST_SIDE for side in sides) else None


def placed(root: Path, written: str, folders: Iterable[Path], *, anywhere: bool = False) -> Path | None:
    """Return the picture that a label names, sought in ``folders``; None where it is in none, or leaves ``root``.

    Leading ``..`` parts and drives are dropped: exports name folders of the machine that they were made on. A link in
    ``root`` may lead elsewhere: its owner has put it there.

    Parameters
    ----------
    anywhere
        Whether it may leave ``root``, as paths of tables may.
    """
    parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    names = [written, "/".join(parts), parts[-1] if parts else ""]
    for name in dict.fromkeys(filter(None, names)):
        for folder in folders:
            try:
                file = path_in(folder, name)
                if (anywhere or _inside(file, root)) and file.is_file():
                    return file
            except (OSError, ValueError):  # too long, or a NUL
                continue
    return None


def within(root: Path, base: Path, written: str, what: str) -> Path:
    """Return a folder or list that a file of settings names, inside ``root``.

    Raises
    ------
    LimbeckError
        Where it is not there, or lies elsewhere.
    """
    parts = [part for part in written.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    for place in (base / written, base.joinpath(*parts), root.joinpath(*parts)):
        try:
            if _inside(place, root) and place.exists():
                return place
        except (OSError, ValueError):
            continue
    fix = message("fix.boxes_inside")
    raise LimbeckError(message("boxes.elsewhere", what=what, path=written[:200]), where=base, fix=fix)


def _inside(file: Path, root: Path) -> bool:
    """Return whether a path as written lies in a folder."""
    return Path(os.path.normpath(file.absolute())).is_relative_to(os.path.normpath(root.absolute()))


def read_text(file: Path, most: int = MOST_BYTES) -> str:
    """Return a file of labels of at most so many bytes as text.

    Raises
    ------
    LimbeckError
        Where it is too large, no regular file, or no UTF-8.
    """
    from limbeck.files import out_of_reach, read_regular

    try:
        content = read_regular(file, most)
    except OSError as error:
        raise out_of_reach(error, file) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LimbeckError(message("boxes.not_utf8"), where=file, fix=message("fix.as_utf8")) from error


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder and of the folders in it, sorted by path; hidden ones are left out."""
    found = (file for file in folder.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))
