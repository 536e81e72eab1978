"""Pictures with anomalies as two benchmarks lay them out: MVTec AD and BMAD.

MVTec AD (Bergmann et al. 2019): ``train/good``, ``test/good`` and ``test/DEFECT``, and for each picture of a defect
``ground_truth/DEFECT/NAME_mask.png``, which `layouts.masks` finds. BMAD (Bao et al. 2024): ``train/good``, and
``valid`` and ``test`` with ``good/img``, ``Ungood/img`` and masks of the same names in ``label``. The label of a row is
the folder's name.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from limbeck.data.split import SPELLINGS
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import ENDINGS
from limbeck.kinds.image.reading.files import FILE, MASK
from limbeck.kinds.image.reading.layouts.masks import mask_folder, matched, with_masks
from limbeck.messages.message import Message
from limbeck.recipe import Task

GOOD = "good"
_PICTURES = frozenset(ending for endings in ENDINGS.values() for ending in endings)
_IMAGES, _MASKS = "img", "label"


def is_root(folder: Path) -> bool:
    """Return whether this is a set's folder: ``train`` and ``test``, and ``train/good`` or masks where they lie."""
    train, test = folder / "train", folder / "test"
    if not (train.is_dir() and test.is_dir()):
        return False
    return (train / GOOD).is_dir() or mask_folder(folder) is not None or is_part(test)


def is_part(folder: Path) -> bool:
    """Return whether this is the ``valid`` or ``test`` of such a set."""
    if folder.name.lower() not in SPELLINGS or not folder.is_dir():
        return False
    return mask_folder(folder.parent) is not None or any((inner / _IMAGES).is_dir() for inner in folder.iterdir())


def parts(folder: Path, task: Task, findings: list[Message]) -> list[tuple[str, pl.DataFrame]]:
    """Return (part, rows) of a set, or of the one part that ``folder`` is; what is found of masks goes to ``findings``.

    The columns are the task's input (the path from ``folder``) and label (the name of the class folder), ``split``, and
    ours with the files of picture and mask; the mask is null where there is none.

    Raises
    ------
    LimbeckError
        When there is no picture.
    """
    homes = [folder] if is_part(folder) else sorted(inner for inner in folder.iterdir() if inner.is_dir())
    found = []
    for home in homes:
        name = SPELLINGS.get(home.name.lower())
        if name is not None:
            rows = _rows(home, folder, task, name)
            found += [(name, rows)] if rows.height else []
    if not found:
        raise LimbeckError("the folder holds no picture", where=folder, fix="put normal pictures into train/good")
    # All parts together: whether a mask belongs to no picture is seen only then.
    whole = pl.concat([rows for _, rows in found])
    whole = with_masks(whole, mask_folder(homes[0].parent), task, findings)
    return [(name, whole.filter(pl.col("split") == name)) for name in dict.fromkeys(name for name, _ in found)]


def _rows(home: Path, root: Path, task: Task, part: str) -> pl.DataFrame:
    columns = (task.inputs[0], task.label, "split", FILE, MASK)
    rows: dict[str, list[str | None]] = {name: [] for name in columns}
    for inner in sorted(place for place in home.iterdir() if place.is_dir() and not place.name.startswith(".")):
        nested = (inner / _IMAGES).is_dir()
        files = _files(inner / _IMAGES if nested else inner)
        masks: list[str | None] = [None] * len(files)
        if nested:
            masks = matched(inner / _MASKS, _files(inner / _MASKS), [inner / file.name for file in files])
        for file, mask in zip(files, masks, strict=True):
            values = (file.relative_to(root).as_posix(), inner.name, part, str(file), mask)
            for name, value in zip(columns, values, strict=True):
                rows[name].append(value)
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if f.suffix.lower() in _PICTURES and not f.name.startswith("."))
