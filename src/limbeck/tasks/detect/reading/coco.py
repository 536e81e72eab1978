"""Boxes as COCO writes them: one JSON file with ``images``, ``annotations`` and ``categories``.

https://cocodataset.org/#format-data. Ids need not be dense. ``iscrowd`` is kept. A folder may hold a file
for each part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from limbeck.data.split import SPELLINGS
from limbeck.errors import LimbeckError, first_line
from limbeck.messages.message import message
from limbeck.tasks.detect.boxes import Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture, number, placed, read_text, size_of


def read_coco(contents: Mapping[Path, Any], root: Path) -> Raw:
    """Return the boxes of one set, file -> its content; the name of a file says which part it is.

    Raises
    ------
    LimbeckError
        Where a file is none of COCO's.
    """
    raw = Raw("coco", [], [])
    for file, content in contents.items():
        _add(raw, content, file, root)
    return raw


def load_json(file: Path) -> Any:
    """Return the content of a JSON file.

    Raises
    ------
    LimbeckError
        Where it is broken.
    """
    try:
        return json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise LimbeckError(message("boxes.broken", error=first_line(error)), where=file) from error


def is_coco(content: Any) -> bool:
    """Return whether the content of a file is COCO's."""
    return isinstance(content, dict) and isinstance(content.get("images"), list) and "categories" in content


def _add(raw: Raw, content: Any, file: Path, root: Path) -> None:
    if not is_coco(content):
        raise LimbeckError(message("boxes.not_coco"), where=file)
    names: dict[Any, str] = {}
    for entry in content["categories"] if isinstance(content["categories"], list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), int) and entry.get("name") is not None:
            names[entry["id"]] = str(entry["name"])
    raw.classes += [name for name in names.values() if name not in raw.classes]
    part = _part_of(file)
    pictures: dict[Any, RawPicture] = {}
    for place, entry in enumerate(content["images"], start=1):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        image = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not isinstance(image, int | str):
            raw.rejected.append(Rejected(file.name, place, "", message("boxes.coco_image")))
            continue
        folders = (file.parent, root, root / "images", root / part, root / "images" / part, file.parent.parent)
        one = RawPicture(name, placed(root, name, folders), part=part, source=file.name, line=place)
        one.size = size_of(entry.get("width"), entry.get("height"))
        if isinstance(group := entry.get("group"), str):
            one.group = group
        pictures[image] = one
    annotations = content.get("annotations")
    for place, entry in enumerate(annotations if isinstance(annotations, list) else [], start=1):
        _add_box(raw, entry, place, file, pictures, names)
    raw.pictures += pictures.values()


def _add_box(
    raw: Raw, entry: Any, place: int, file: Path, pictures: dict[Any, RawPicture], names: dict[Any, str]
) -> None:
    image = entry.get("image_id") if isinstance(entry, dict) else None
    one = pictures.get(image) if isinstance(image, int | str) else None
    if one is None:
        raw.rejected.append(Rejected(file.name, place, "", message("boxes.not_in_index")))
        return
    box, kind = entry.get("bbox"), entry.get("category_id")
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(v, int | float) for v in box)
    if not numbers:
        raw.rejected.append(Rejected(file.name, place, one.name, message("boxes.not_numbers")))
        return
    if not isinstance(kind, int) or kind not in names:
        reason = message("boxes.class_unknown", label=str(kind)[:80])
        raw.rejected.append(Rejected(file.name, place, one.name, reason))
        return
    x, y, width, height = map(number, box)
    crowd = entry.get("iscrowd") in (1, True)
    one.boxes.append(RawBox(names[kind], (x, y, x + width, y + height), file.name, place, crowd=crowd))


def _part_of(file: Path) -> str:
    stem = file.stem.lower().replace("-", "_")
    words = [word.rstrip("0123456789") for word in stem.split("_")]
    return next((SPELLINGS[word] for word in words if word in SPELLINGS), "")
