"""Which file marks the anomaly of a picture: found by its name in a folder of masks that lies beside the pictures.

Published sets write them in several ways: ``ground_truth/DEFECT/NAME_mask.png`` (MVTec AD), ``NAME_GT.png``, the
picture's own name, in ``masks`` or ``mask``, as PNG, BMP, JPEG or TIFF. The folders above a mask have to be the last
ones above its picture; a mask right in the folder belongs to the one picture of that name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import polars as pl

from limbeck.kinds.image.reading.decode import ENDINGS
from limbeck.kinds.image.reading.files import FILE, MASK
from limbeck.messages.message import Message, message
from limbeck.recipe import Task

FOLDERS = ("ground_truth", "groundtruth", "ground-truth", "masks", "mask", "gt")
_MARKS = ("_mask", "", "_gt", "_masks", "_groundtruth", "_ground_truth", "_label", "_seg", "-mask", "-gt", " mask")
_PICTURES = frozenset(ending for endings in ENDINGS.values() for ending in endings)


def mask_folder(root: Path) -> Path | None:
    """Return the folder of masks in ``root``, if there is one."""
    if not root.is_dir():
        return None
    inside = {place.name.lower(): place for place in sorted(root.iterdir()) if place.is_dir()}
    return next((inside[name] for name in FOLDERS if name in inside), None)


def with_masks(frame: pl.DataFrame, root: Path | None, task: Task, findings: list[Message]) -> pl.DataFrame:
    """Return rows of pictures with the file of each one's mask; where anomalies have none, a finding says so.

    Parameters
    ----------
    frame
        Rows with their files; a mask that a row has already stays.
    root
        The folder of masks; None where there is none, and nothing is said.
    """
    if root is None or not frame.height or FILE not in frame.columns:
        return frame
    files = _pictures(root)
    before = frame[MASK].to_list() if MASK in frame.columns else [None] * frame.height
    pictures = [Path(file or "") for file in frame[FILE].to_list()]
    masks = [old or new for old, new in zip(before, matched(root, files, pictures), strict=True)]
    bare = _bare(frame, masks, task)
    if bare is not None:
        findings += _said(root, files, masks, *bare)
    return frame.with_columns(pl.Series(MASK, masks, pl.String))


def matched(root: Path, files: Sequence[Path], pictures: Sequence[Path]) -> list[str | None]:
    """Return for each picture the file among ``files`` below ``root`` that marks its anomaly, or None."""
    by_name: dict[str, list[Path]] = {}
    for file in files:
        by_name.setdefault(file.stem.lower(), []).append(file)
    # Right in the folder of masks a name is a picture's only if no other picture has it.
    names = Counter(picture.stem.lower() for picture in pictures)
    out: list[str | None] = []
    for picture in pictures:
        stem, above = picture.stem.lower(), tuple(part.lower() for part in picture.parent.parts)
        found = None
        for mark in _MARKS:
            for file in sorted(by_name.get(stem + mark, ()), key=lambda one: (one.suffix.lower() != ".png", one)):
                inside = tuple(part.lower() for part in file.relative_to(root).parent.parts)
                if above[len(above) - len(inside) :] == inside and (inside or names[stem] == 1):
                    found = found or str(file)
        out.append(found)
    return out


def _pictures(root: Path) -> list[Path]:
    return sorted(
        file
        for file in root.rglob("*")
        if file.suffix.lower() in _PICTURES and not file.name.startswith(".") and file.is_file()
    )


def _bare(frame: pl.DataFrame, masks: list[str | None], task: Task) -> tuple[int, int] | None:
    """Return how many anomalies have no mask, and how many there are; None where no label tells."""
    if task.label not in frame.columns:
        return None
    labels = frame[task.label].cast(pl.String).to_list()
    strange = [mask for label, mask in zip(labels, masks, strict=True) if label and label not in task.normals]
    return sum(mask is None for mask in strange), len(strange)


def _said(root: Path, files: list[Path], masks: list[str | None], bare: int, count: int) -> list[Message]:
    if not bare:
        return []
    used = set(masks)
    left = [PurePosixPath(file.relative_to(root)) for file in files if str(file) not in used]
    if not left:
        return [message("masks.missing", count=bare, total=count, folder=root.name)]
    others = {"folder": root.name, "files": len(left), "file": left[0]}
    return [message("masks.missing_with_others", count=bare, total=count, **others)]
