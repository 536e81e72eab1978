"""Boxes as YOLO writes them: ``data.yaml`` and a text file beside each picture, ``class x y width height`` in shares.

x and y are the middle of the box. A file of labels lies where ``images`` in the path of its picture becomes ``labels``,
or beside the picture. An empty one says that nothing is there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from limbeck.data.split import SPELLINGS
from limbeck.errors import LimbeckError, first_line, needing
from limbeck.messages.message import message
from limbeck.tasks.detect.boxes import Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture, pictures_in, placed, read_text, within

_MOST_YAML = 2**20  # bytes of data.yaml
_LISTS = ("classes.txt", "obj.names")


def read_yolo(source: Path, root: Path) -> Raw:
    """Return the boxes of a ``data.yaml``, or of a folder with ``images`` and ``labels``.

    Raises
    ------
    LimbeckError
        Where the file is broken, names no classes, or names folders that are not inside ``root``.
    """
    settings = _settings(source) if source.is_file() else {}
    classes = _names(settings.get("names"), source) if settings else _listed(source)
    raw = Raw("yolo", [], classes)
    base = source.parent if source.is_file() else source
    if isinstance(given := settings.get("path"), str) and given not in ("", "."):
        base = next((one for one in [_maybe(root, base, given)] if one is not None), base)
    used: set[Path] = set()
    for spelling, part in SPELLINGS.items():
        named = settings.get(spelling)
        for entry in named if isinstance(named, list) else [named]:
            if isinstance(entry, str) and entry:
                place = within(root, base, entry, f"{source.name}: {spelling}")
                for picture in _pictures(place, root):
                    _add(raw, picture, root, part, used)
    if not settings or not any(settings.get(name) for name in SPELLINGS):
        images = base / "images" if (base / "images").is_dir() else base
        for picture in pictures_in(images):
            _add(raw, picture, root, _part_of(picture, root), used)
    _leftover(raw, {_label_file(one.file).parent for one in raw.pictures if one.file is not None}, used)
    return raw


def _add(raw: Raw, picture: Path, root: Path, part: str, used: set[Path]) -> None:
    name = str(picture.relative_to(root)) if picture.is_relative_to(root) else str(picture)
    label = next((file for file in (_label_file(picture), picture.with_suffix(".txt")) if file.is_file()), None)
    if label is None:
        raw.rejected.append(Rejected(name, None, name, message("boxes.no_label_file")))
        return
    used.add(label.resolve())
    one = RawPicture(name, picture, part=part, source=label.name)
    one.boxes = _boxes(label, raw.classes, raw, name)
    raw.pictures.append(one)


def _boxes(file: Path, classes: list[str], raw: Raw, name: str) -> list[RawBox]:
    try:
        lines = read_text(file).splitlines()
    except LimbeckError as error:
        raw.rejected.append(Rejected(file.name, None, name, message("boxes.row", reason=error.what)))
        return []
    boxes = []
    for number, line in enumerate(lines, start=1):
        cells = line.split()
        if not cells:
            continue
        try:
            kind, values = int(float(cells[0])), [float(cell) for cell in cells[1:]]
        except (ValueError, OverflowError):
            values = []
        if len(values) >= 6 and len(values) % 2 == 0:  # a polygon of a segmentation: the box around it
            xs, ys = values[0::2], values[1::2]
            edges = (min(xs), min(ys), max(xs), max(ys))
        elif len(values) >= 4:
            x, y, width, height = values[:4]
            edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        else:
            raw.rejected.append(Rejected(file.name, number, name, message("boxes.yolo_line")))
            continue
        if not 0 <= kind < len(classes):
            reason = message("boxes.class_range", number=kind, count=len(classes))
            raw.rejected.append(Rejected(file.name, number, name, reason))
            continue
        boxes.append(RawBox(classes[kind], edges, file.name, number, "shares"))
    return boxes


def _leftover(raw: Raw, folders: set[Path], used: set[Path]) -> None:
    """List the files of labels whose picture is not there."""
    for folder in sorted(folders):
        for file in sorted(folder.glob("*.txt")) if folder.is_dir() else []:
            if file.resolve() not in used and file.name not in _LISTS and not file.name.startswith("."):
                raw.rejected.append(Rejected(file.name, None, "", message("boxes.no_picture_file")))


def _label_file(picture: Path) -> Path:
    """Return where the labels of a picture lie: the last ``images`` of its path is ``labels`` there."""
    parts = list(picture.parts)
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _pictures(place: Path, root: Path) -> list[Path]:
    """Return the pictures of a folder, or those that a list names, a line each."""
    if place.is_dir():
        return pictures_in(place)
    lines = [line.strip() for line in read_text(place).splitlines()]
    found = (placed(root, line, (place.parent, root)) for line in lines if line)
    return [file for file in found if file is not None]


def _settings(file: Path) -> dict[str, Any]:
    with needing("yaml", "detect", "reading data.yaml"):
        import yaml  # type: ignore[import-untyped]
    text = read_text(file, _MOST_YAML)
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise LimbeckError(message("boxes.yaml_aliases"), where=file)
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise LimbeckError(message("boxes.broken", error=first_line(error)), where=file) from error
    if not isinstance(found, dict):
        raise LimbeckError(message("boxes.yaml"), where=file)
    return found


def _names(given: Any, file: Path) -> list[str]:
    """Return the classes by their numbers; a dictionary may leave some out."""
    if isinstance(given, dict) and given and all(isinstance(key, int) and 0 <= key < 10_000 for key in given):
        return [str(given.get(at, f"class {at}")) for at in range(max(given) + 1)]
    if isinstance(given, list) and given:
        return [str(name) for name in given]
    raise LimbeckError(message("boxes.no_names"), where=file, fix=message("fix.boxes_names"))


def _listed(folder: Path) -> list[str]:
    for place in (folder, folder / "labels"):
        for name in _LISTS:
            if (place / name).is_file():
                return [line.strip() for line in read_text(place / name).splitlines() if line.strip()]
    raise LimbeckError(message("boxes.no_names"), where=folder, fix=message("fix.boxes_names"))


def _part_of(picture: Path, root: Path) -> str:
    parts = picture.relative_to(root).parts if picture.is_relative_to(root) else picture.parts
    return next((SPELLINGS[part.lower()] for part in parts[:-1] if part.lower() in SPELLINGS), "")


def _maybe(root: Path, base: Path, written: str) -> Path | None:
    try:
        return within(root, base, written, "path")
    except LimbeckError:
        return None  # the machine that wrote it; folders are looked for beside the file
