"""CelebA-Spoof as it is distributed (Zhang et al. 2020, "CelebA-Spoof: Large-Scale Face Anti-Spoofing Dataset").

``metas/intra_test/{train,test}_label.json`` give for each path 44 integers: 0-39 attributes of the face, 40 the kind of
spoof, 41 the light, 42 the surroundings, 43 live (0) or spoof (1). The label is read from there, as some spoof
pictures lie under ``live``. Beside a picture, ``NAME_BB.txt`` holds ``x y w h score`` measured after scaling to 224
by 224; some are empty. The subject is the folder below ``Data/train`` or ``Data/test``.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from limbeck.errors import LimbeckError, first_line
from limbeck.files import writable
from limbeck.kinds.image.reading.files import BOX, FILE, box_column, read_box
from limbeck.messages.message import Message, message
from limbeck.process.cores import each
from limbeck.recipe import Task

NAME, BOXES = "celeba-spoof", "_BB.txt"
SUBJECT = "subject"
FRAME = 224.0
SPECIES = (
    "live", "photo", "poster", "a4", "face mask", "upper body mask", "region mask", "pc", "pad", "phone", "3d mask",
)  # fmt: skip
_METAS = Path("metas", "intra_test")
_NUMBERS, _SPOOF_TYPE, _LIGHT, _PLACE, _SPOOF = 44, 40, 41, 42, 43


def is_root(folder: Path) -> bool:
    """Return whether this is the folder that holds ``metas`` and ``Data``."""
    return (folder / _METAS).is_dir()


def parts(root: Path, task: Task) -> tuple[list[tuple[str, Path, pl.DataFrame]], list[Message]]:
    """Return (part, label file, rows) of train and test, and what was found wrong.

    The columns are the task's input and label ("live", "spoof"), ``subject``, ``species``, ``illumination``,
    ``environment``, ``split``, and ours. Where a picture has no file of its box the whole of it counts.

    Raises
    ------
    LimbeckError
        When there is no label file, or one cannot be read.
    """
    if not is_root(root):
        what = f"there is no folder {_METAS.as_posix()}"
        raise LimbeckError(what, where=root, fix="name the folder that holds metas and Data")
    found: list[tuple[str, Path, pl.DataFrame]] = []
    findings: list[Message] = []
    for part in ("train", "test"):
        file = root / _METAS / f"{part}_label.json"
        if file.exists():
            found.append((part, file, _rows(root, file, task, findings).with_columns(split=pl.lit(part))))
    if not found:
        raise LimbeckError("there is no label file", where=root / _METAS, fix="train_label.json and test_label.json")
    return found, findings


def _rows(root: Path, file: Path, task: Task, findings: list[Message]) -> pl.DataFrame:
    rows: dict[str, list[Any]] = {
        name: [] for name in (task.inputs[0], task.label, SUBJECT, "species", "illumination", "environment", FILE)
    }
    for name, numbers in _labels(file).items():
        path = writable(name)
        if not _is_row(numbers):
            reason = message("picture.no_integers", path=path, file=file.name, count=_NUMBERS)
            findings.append(message("data.picture_left_out", reason=reason))
            continue
        kind = numbers[_SPOOF_TYPE]
        species = SPECIES[kind] if 0 <= kind < len(SPECIES) else str(kind)
        told = [numbers[_LIGHT], numbers[_PLACE]]
        values = [path, "spoof" if numbers[_SPOOF] else "live", _subject(path), species, *map(str, told)]
        for name, value in zip(rows, [*values, str(root / path)], strict=True):
            rows[name].append(value)
    return with_boxes(pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.String)))


def with_boxes(frame: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the boxes that lie beside their files, unless they have boxes already."""
    if BOX in frame.columns:
        return frame
    boxes: list[list[float] | None] = [None] * frame.height
    files = frame[FILE].to_list()

    def read(at: int) -> None:
        boxes[at] = _box(Path(files[at]))

    each(read, len(files))
    return frame.with_columns(box_column(boxes, FRAME))


def _labels(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text("utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise LimbeckError(f"cannot be read: {first_line(error)}", where=file, fix="copy it again") from error
    if not isinstance(found, dict) or not found:
        raise LimbeckError("holds no object of path and numbers", where=file, fix="copy it again")
    return found


def _is_row(numbers: Any) -> bool:
    return (
        isinstance(numbers, list)
        and len(numbers) == _NUMBERS
        and all(isinstance(number, int) for number in numbers)
        and numbers[_SPOOF] in (0, 1)
    )


def _subject(path: str) -> str:
    """Return the folder below ``Data/train`` or ``Data/test``: the one above ``live`` or ``spoof``."""
    folders = PurePosixPath(path).parts
    return folders[-3] if len(folders) >= 3 else ""


def _box(picture: Path) -> list[float] | None:
    try:
        file = picture.with_name(picture.stem + BOXES)
        words = file.read_text("utf-8", "replace").split()
    except (OSError, ValueError):  # ValueError: an empty path
        return None
    return read_box(" ".join(words[:4]))
