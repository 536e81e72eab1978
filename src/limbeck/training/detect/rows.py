"""Pictures with boxes for a training: read, without copies between the parts, with parts and the letterbox settled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.image.whole.letterbox import STRIDE, letterbox_for
from limbeck.messages.message import Message, message
from limbeck.recipe import Recipe, override
from limbeck.tasks.detect.boxes import Annotated, Labelled
from limbeck.tasks.detect.reading.read import parted, read_boxes

CLEAR = 16.0  # pixels: square root of the area of an object
SIDES = (320, 640)  # of a letterbox that is not given
_RANK = {"test": 0, "valid": 1, "train": 2}  # of two copies the one in the earlier part stays


def read_annotated(recipe: Recipe, folder: Path | None, home: Path | None) -> Annotated:
    """Return the pictures that a recipe names, with a part each.

    Raises
    ------
    LimbeckError
        Where labels cannot be read, a part is missing, or a class has no box in train.
    """
    base = Path(folder or home or Path())
    data = recipe.data
    train = [data.train] if isinstance(data.train, str) else data.train
    found = _joined([read_boxes(base / path, recipe.task, data, root=base) for path in train], base)
    for part, path in (("valid", data.valid), ("test", data.test)):
        if path:
            more = read_boxes(base / path, recipe.task, data, found.classes, root=base)
            kept = tuple(one for one in found.pictures if one.part != part)
            own = tuple(replace(one, part=part) for one in more.pictures)
            found = replace(
                found, pictures=(*kept, *own), rejected=(*found.rejected, *more.rejected),
                findings=(*found.findings, *more.findings),
            )  # fmt: skip
    found = without_copies(parted(found, data.split, recipe.training.seed))
    found = replace(found, findings=(*found.findings, *_straddling(recipe, found, base)))
    for part in ("train", "valid"):
        if not found.part(part):
            fix = message("fix.boxes_parts")
            raise LimbeckError(message("boxes.no_part", part=part), where=base, fix=fix)
    for name, count in found.counts("train").items():
        if not count:
            raise LimbeckError(message("boxes.class_unseen", name=name), where=base, fix=message("fix.class_unseen"))
    return found


def _joined(found: list[Annotated], base: Path) -> Annotated:
    if any(one.classes != found[0].classes for one in found[1:]):
        raise LimbeckError(message("boxes.other_classes"), where=base, fix=message("fix.task_classes"))
    return Annotated(
        tuple(picture for one in found for picture in one.pictures),
        found[0].classes,
        tuple(reject for one in found for reject in one.rejected),
        tuple(line for one in found for line in one.findings),
        found[0].form,
    )


def without_copies(found: Annotated) -> Annotated:
    """Return the pictures without those of which a copy is in another part: that in test stays, then that in valid."""
    parts: dict[str, str] = {}
    for picture in sorted(found.pictures, key=lambda one: _RANK[one.part]):
        parts.setdefault(picture.sha256, picture.part)
    kept = [picture for picture in found.pictures if parts[picture.sha256] == picture.part]
    gone = [picture for picture in found.pictures if parts[picture.sha256] != picture.part]
    if not gone:
        return found
    names = [picture.name for picture in gone[:5]]
    line = message("boxes.copies", count=len(gone), names=names)
    return replace(found, pictures=tuple(kept), findings=(*found.findings, line))


def _straddling(recipe: Recipe, found: Annotated, base: Path) -> list[Message]:
    """Refuse groups that stand in several parts, or name them where the recipe says so."""
    parts: dict[str, set[str]] = {}
    for picture in found.pictures:
        if picture.group:
            parts.setdefault(picture.group, set()).add(picture.part)
    names = sorted(name for name, own in parts.items() if len(own) > 1)
    if not names:
        return []
    line = message("boxes.groups", count=len(names), names=names[:5])
    if recipe.data.leakage == "refuse":
        raise LimbeckError(line, where=base, fix=message("fix.groups"))
    return [line]


def side_for(pictures: list[Labelled]) -> int:
    """Return the longer side of a letterbox, a multiple of its stride."""
    shares = [np.sqrt(one.boxes.sizes.prod(axis=1)) / max(one.size) for one in pictures]
    small = float(np.quantile(np.concatenate(shares), 0.1)) if any(map(len, shares)) else 0.0
    wanted = CLEAR / small if small > 0 else SIDES[1]
    return int(min(max(STRIDE * np.ceil(wanted / STRIDE), SIDES[0]), SIDES[1]))


def settled(recipe: Recipe, pictures: list[Labelled]) -> Recipe:
    """Return the recipe with the letterbox as [width, height]: of the shape of most training pictures.

    Where the recipe leaves it open, its longer side is as large as it takes for nine of ten objects to be `CLEAR`
    pixels large, within `SIDES`: larger pictures cost more and teach nothing more.
    """
    side = recipe.input.letterbox
    if isinstance(side, tuple):
        return recipe
    if isinstance(side, str):
        side = side_for(pictures)
    return override(recipe, {"input.letterbox": list(letterbox_for([one.size for one in pictures], side))})
