"""Boxes as Pascal VOC writes them: one XML file for each picture, pixels counted from 1, all edges inclusive.

http://host.robots.ox.ac.uk/pascal/VOC/. Labels in which some edge is 0 were counted from 0, and are taken as they are.
``difficult`` objects are regions that do not count, as there.
``ImageSets/Main/*.txt`` say which part a picture is in.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from limbeck.data.split import SPELLINGS
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.tasks.detect.boxes import Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture, number, placed, read_text, size_of

_FOLDERS = ("JPEGImages", "images", ".")


def read_voc(files: list[Path], root: Path) -> Raw:
    """Return the boxes of XML files; one that cannot be read is listed with its reason."""
    raw = Raw("voc", [], [])
    parts = _parts(files[0].parent) if files else {}
    for file in files:
        try:
            _add(raw, file, root, parts)
        except LimbeckError as error:
            raw.rejected.append(Rejected(file.name, None, "", message("boxes.row", reason=error.what)))
    boxes = [box for one in raw.pictures for box in one.boxes]
    if not any(0 in box.edges[:2] for box in boxes):
        for one in raw.pictures:
            one.boxes = [replace(box, edges=_from_zero(box.edges)) for box in one.boxes]
    return raw


def _from_zero(edges: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """Return edges counted from 0, right and lower exclusive; a box without width or height stays without."""
    x0, y0, x1, y1 = edges
    return (x0 - 1 if x1 > x0 else x0, y0 - 1 if y1 > y0 else y0, x1, y1)


def _add(raw: Raw, file: Path, root: Path, parts: dict[str, str]) -> None:
    text = read_text(file)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entities may grow without end, or read other files
        raise LimbeckError(message("boxes.xml_entities"), where=file)
    try:
        tree = ElementTree.fromstring(text)  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise LimbeckError(message("boxes.broken", error=str(error)[:120]), where=file) from error
    name = (tree.findtext("filename") or "").strip() or f"{file.stem}.jpg"
    home = file.parent.parent
    folders = [base / inner for base in (home, home.parent, root, file.parent) for inner in _FOLDERS]
    folders += [place for base in (home.parent / "images", root / "images") for place in _inner(base)]
    part = parts.get(file.stem, "")
    # The file beside its labels has their name, whatever the name inside says.
    found = placed(root, f"{file.stem}{Path(name).suffix}", folders) or placed(root, name, folders)
    one = RawPicture(name, found, part=part, source=file.name)
    one.size = size_of(tree.findtext("size/width"), tree.findtext("size/height"))
    for place, entry in enumerate(tree.findall("object"), start=1):
        label = (entry.findtext("name") or "").strip() or None
        low = [number(entry.findtext(f"bndbox/{key}")) for key in ("xmin", "ymin")]
        high = [number(entry.findtext(f"bndbox/{key}")) for key in ("xmax", "ymax")]
        crowd = (entry.findtext("difficult") or "0").strip() == "1"
        one.boxes.append(RawBox(label, (low[0], low[1], high[0], high[1]), file.name, place, crowd=crowd))
    raw.pictures.append(one)


def _parts(annotations: Path) -> dict[str, str]:
    lists = annotations.parent / "ImageSets" / "Main"
    found: dict[str, str] = {}
    for file in sorted(lists.glob("*.txt")) if lists.is_dir() else []:
        if (part := SPELLINGS.get(file.stem.lower())) is not None:
            found |= {line.split()[0]: part for line in read_text(file).splitlines() if line.strip()}
    return found


def _inner(folder: Path) -> list[Path]:
    return [folder, *sorted(place for place in folder.iterdir() if place.is_dir())] if folder.is_dir() else []
