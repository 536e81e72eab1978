"""Boxes of a picture, and pictures with their boxes: what every reader of labels gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.messages.message import Message
from limbeck.metrics.boxes.coco import Truth

IGNORE = "ignore"  # the label of a region in which nothing is counted, of whatever class
Edges = NDArray[np.float64]


@dataclass(frozen=True)
class Boxes:
    """The N boxes of one picture.

    Attributes
    ----------
    edges
        float64 [N, 4]: left, upper, right and lower edge in pixels of the upright picture; right and lower are
        exclusive, so that width is right minus left.
    labels
        int64 [N], numbers of classes; -1 of a region in which nothing is counted, of whatever class.
    crowd
        bool [N]: a region with many objects of the class, in which findings are not counted (``iscrowd`` of COCO). It
        is true wherever the label is -1.
    """

    edges: Edges
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.edges)

    @classmethod
    def none(cls) -> Boxes:
        """Return no boxes."""
        return cls(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))

    @property
    def sizes(self) -> NDArray[np.float64]:
        """Width and height of each box, float64 [N, 2]."""
        return self.edges[:, 2:] - self.edges[:, :2]

    def take(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Boxes:
        """Return the chosen boxes."""
        return Boxes(self.edges[which], self.labels[which], self.crowd[which])


@dataclass(frozen=True)
class Labelled:
    """One picture with its boxes.

    Attributes
    ----------
    name, file
        The path as its labels write it, and the file that opens.
    size
        Width and height of the upright picture, in pixels.
    part
        train, valid or test; "" where nothing says.
    group
        What must not be on two sides of a split; "" where nothing says.
    sha256
        The hash of the file's content.
    """

    name: str
    file: Path
    size: tuple[int, int]
    boxes: Boxes
    part: str = ""
    group: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Rejected:
    """A box or a file that is not used, or not as it was written: where it stands and why."""

    file: str
    line: int | None
    picture: str
    reason: Message
    clipped: bool = False

    def row(self) -> dict[str, Any]:
        """Return file, line (None for a whole file), picture, what was done ("dropped" or "clipped") and the reason."""
        done = "clipped" if self.clipped else "dropped"
        return {"file": self.file, "line": self.line, "picture": self.picture, "done": done, "reason": str(self.reason)}


@dataclass(frozen=True)
class Annotated:
    """Pictures with boxes, ready for use.

    Attributes
    ----------
    classes
        Names in the order of the labels' numbers.
    rejected
        Every box that was dropped or clipped, and every file without its other half.
    findings
        What else there is to say.
    form
        How the labels were written: table, yolo, coco, voc or label-studio.
    """

    pictures: tuple[Labelled, ...]
    classes: tuple[str, ...]
    rejected: tuple[Rejected, ...] = ()
    findings: tuple[Message, ...] = field(default=())
    form: str = ""

    def part(self, name: str) -> list[Labelled]:
        """Return the pictures of a part, in their order."""
        return [picture for picture in self.pictures if picture.part == name]

    def left_out(self) -> dict[str, int]:
        """Return how many boxes were ``dropped`` and ``clipped``, and how many ``others``, files and pictures, left."""
        boxes = [one for one in self.rejected if one.line is not None]
        clipped = sum(one.clipped for one in boxes)
        return {"dropped": len(boxes) - clipped, "clipped": clipped, "others": len(self.rejected) - len(boxes)}

    def counts(self, part: str) -> dict[str, int]:
        """Return class -> number of its boxes in a part, without crowds."""
        found = np.zeros(len(self.classes), dtype=np.int64)
        for picture in self.part(part):
            one = picture.boxes
            found += np.bincount(one.labels[(one.labels >= 0) & ~one.crowd], minlength=len(found))
        return dict(zip(self.classes, found.tolist(), strict=True))


def truths(pictures: Sequence[Labelled]) -> list[Truth]:
    """Return the true boxes of pictures as the metrics take them."""
    return [Truth(one.boxes.edges, one.boxes.labels, one.boxes.crowd) for one in pictures]


def joined(boxes: Sequence[Boxes]) -> Boxes:
    """Return the boxes of several pictures one after the other."""
    if not boxes:
        return Boxes.none()
    return Boxes(
        np.concatenate([one.edges for one in boxes]),
        np.concatenate([one.labels for one in boxes]),
        np.concatenate([one.crowd for one in boxes]),
    )
