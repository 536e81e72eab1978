"""From boxes as written to boxes that can be used: in pixels of the upright picture, inside it, and of a known class.

Every box that is dropped or clipped is listed with its file, line and reason; its picture stays. A picture that is
missing or cannot be read is listed too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.kinds.image.reading.decode import Picture, Seen, look
from limbeck.kinds.image.reading.files import quiet_pillow
from limbeck.messages.message import Message, message
from limbeck.process.cores import each
from limbeck.tasks.detect.boxes import IGNORE, Annotated, Boxes, Labelled, Rejected
from limbeck.tasks.detect.reading.raw import Raw, RawBox, RawPicture

LEAST = 1.0  # pixels of a side; what is smaller after clipping is dropped
_SLACK = 0.01  # of its width and height that the picture may differ in shape from the size that labels state
_SHARE, _PERCENT = 1.5, 150.0  # above these, numbers are no shares, or no percent, of a picture


def checked(raw: Raw, classes: Sequence[str] = (), names: dict[str, str] | None = None) -> Annotated:
    """Return the pictures of raw labels with the boxes that can be used.

    Parameters
    ----------
    classes
        Names in the order of their numbers; without them those that the labels name, or else those found, sorted.
    names
        Label as written -> class, where the recipe maps them.

    Raises
    ------
    LimbeckError
        When no picture can be read.
    """
    order = list(classes) or _classes(raw, names)
    rejected, findings = list(raw.rejected), []
    seen = _looked(raw.pictures)
    pictures, turned, scaled, twice = [], 0, 0, 0
    for one, found in zip(raw.pictures, seen, strict=True):
        if isinstance(found, LimbeckError):
            rejected.append(Rejected(one.source, one.line, one.name, found.message()))
            continue
        fit = _Fit(one, found)
        turned, scaled = turned + fit.turned, scaled + fit.scaled
        boxes = _boxes(one, fit, order, names or {}, rejected)
        assert one.file is not None  # or it could not have been looked at
        twice += len(boxes) - len(np.unique(np.column_stack((boxes.edges, boxes.labels)), axis=0))
        pictures.append(Labelled(one.name, one.file, found.size, boxes, one.part, one.group, found.sha256))
    if not pictures:
        reason = rejected[0].reason if rejected else message("boxes.no_pictures")
        raise LimbeckError(message("boxes.none_readable", count=len(raw.pictures)), fix=str(reason))
    if turned:
        findings.append(message("boxes.turned_pictures", count=turned))
    if scaled:
        findings.append(message("boxes.scaled_pictures", count=scaled))
    if twice:
        findings.append(message("boxes.twice", count=twice))
    return Annotated(tuple(pictures), tuple(order), tuple(rejected), tuple(findings), raw.form)


def _classes(raw: Raw, names: dict[str, str] | None) -> list[str]:
    written = raw.classes or sorted({box.label for one in raw.pictures for box in one.boxes if box.label})
    mapped = [(names or {}).get(name, name) if names else name for name in written if name != IGNORE]
    return list(dict.fromkeys(name for name in mapped if not names or name in names.values()))


def _looked(pictures: Sequence[RawPicture]) -> list[Seen | LimbeckError]:
    found: list[Seen | LimbeckError] = [LimbeckError("")] * len(pictures)

    def one(at: int) -> None:
        check()
        picture = pictures[at]
        if picture.file is None:
            found[at] = LimbeckError(message("boxes.picture_missing"))
            return
        try:
            found[at] = look(Picture(picture.file, name=picture.name))
        except LimbeckError as error:
            found[at] = LimbeckError(error.what, fix=error.fix)

    with quiet_pillow():
        each(one, len(pictures))
    return found


class _Fit:
    """How boxes of a picture as labels see it become boxes of the upright picture.

    Labels of a picture that EXIF turns by a quarter may be of the picture as it is stored: the stated size says so, or
    boxes that fit only there. Where labels state another size of the same shape, boxes are scaled.
    """

    def __init__(self, one: RawPicture, seen: Seen) -> None:
        self.size, self.turn = seen.size, seen.turn
        stored = seen.stored
        self.turned, self.seen_as = False, seen.size
        if stored != seen.size:
            far = np.array([box.edges for box in one.boxes if box.unit == "pixels"]).reshape(-1, 4)
            outside = bool(len(far) and (far[:, 2:] > np.array(seen.size) + 1).any())
            fits = bool(len(far) and (far[:, 2:] <= np.array(stored) + 1).all())
            self.turned = one.size == stored if one.size in (stored, seen.size) else outside and fits
            self.seen_as = stored if self.turned else seen.size
        self.factor = np.ones(2)
        if one.size is not None and one.size not in (stored, seen.size):
            factor = np.array(self.seen_as) / np.array(one.size)
            if abs(factor[0] / factor[1] - 1) <= _SLACK:
                self.factor = factor
        self.scaled = bool((self.factor != 1).any())

    def edges(self, box: RawBox) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Return a box in pixels of the upright picture, float64 [4], not clipped."""
        edges = np.array(box.edges, dtype=np.float64)
        whole = np.tile(np.array(self.seen_as, dtype=np.float64), 2)
        if box.unit == "pixels":
            edges = edges * np.tile(self.factor, 2)
        else:
            edges = edges * whole / (100.0 if box.unit == "percent" else 1.0)
        return _upright(edges, self.seen_as, self.turn) if self.turned else edges


def _upright(
    edges: np.ndarray[tuple[int], np.dtype[np.float64]], stored: tuple[int, int], turn: int
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a box of a stored picture in the upright one, for the four orientations that exchange the axes."""
    x0, y0, x1, y1 = edges
    width, height = stored
    return np.array(
        {
            5: (y0, x0, y1, x1),
            6: (height - y1, x0, height - y0, x1),
            7: (height - y1, width - x1, height - y0, width - x0),
            8: (y0, width - x1, y1, width - x0),
        }[turn]
    )


def _boxes(
    one: RawPicture, fit: _Fit, classes: Sequence[str], names: dict[str, str], rejected: list[Rejected]
) -> Boxes:
    edges, labels, crowd = [], [], []
    limit = np.tile(np.array(fit.size, dtype=np.float64), 2)
    for box in one.boxes:

        def note(reason: Message, box: RawBox = box, *, clipped: bool = False) -> None:
            rejected.append(Rejected(box.file, box.line, one.name, reason, clipped))

        name = names.get(box.label, box.label) if box.label is not None else None
        if name != IGNORE and name not in classes:
            note(message("boxes.class_unknown", label=str(box.label)[:80]) if box.label else message("boxes.no_class"))
            continue
        if (fault := _faulty(box)) is not None:
            note(fault)
            continue
        placed = fit.edges(box)
        inside = np.clip(placed, 0, limit)
        if (placed[2:] <= 0).any() or (placed[:2] >= limit[:2]).any():
            note(message("boxes.outside", width=fit.size[0], height=fit.size[1]))
            continue
        if (inside[2:] - inside[:2] < LEAST).any():
            note(message("boxes.small"))
            continue
        label = -1 if name == IGNORE else classes.index(name)
        if np.abs(placed - inside).max() > 1e-6 * max(fit.size):
            note(message("boxes.clipped", width=fit.size[0], height=fit.size[1]), clipped=True)
        edges.append(inside)
        labels.append(label)
        crowd.append(box.crowd or label < 0)
    return Boxes(
        np.array(edges, dtype=np.float64).reshape(-1, 4), np.array(labels, dtype=np.int64), np.array(crowd, dtype=bool)
    )


def _faulty(box: RawBox) -> Message | None:
    """Return what is wrong with the numbers of a box as written, or None."""
    x0, y0, x1, y1 = box.edges
    if not all(map(math.isfinite, box.edges)):
        return message("boxes.not_numbers")
    if x1 <= x0 or y1 <= y0:
        return message("boxes.no_area", width=x1 - x0, height=y1 - y0)
    most = max(map(abs, box.edges))
    if box.unit == "shares" and most > _SHARE:
        return message("boxes.not_shares")
    if box.unit == "percent" and most > _PERCENT:
        return message("boxes.not_percent")
    if box.unit == "pixels" and most <= _SHARE and len({edge for edge in box.edges if edge % 1}) > 1:
        return message("boxes.not_pixels")
    return None
