"""Samples that a detector learns from: windows of pictures at changing scale, and whole pictures, with their targets.

Small objects are learned from windows of the picture around an object, at about the scale at which it is met in
serving; large ones from whole pictures, of which windows show only parts. A window is cut and scaled from the picture
in one step. What a row holds is drawn from the seed, the epoch and its number alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.kinds.image.reading.decode import Picture, upright
from limbeck.kinds.image.whole.letterbox import FILTER, GREY, fitted, pixels_of
from limbeck.networks.detect.centre_map import STRIDE as CELL
from limbeck.recipe import Training
from limbeck.tasks.detect.boxes import Boxes, Labelled
from limbeck.training.detect.colours import coloured
from limbeck.training.detect.targets import targets
from limbeck.training.detect.teacher import HeatTeacher

KEPT = 2**29  # bytes of decoded pictures that are kept
LEAST = 3.0  # pixels of a side under which nothing is learned of a box
_VISIBLE = 0.5  # share of a box inside the window from which on it is learned
_NEAR_OBJECT = 0.8  # share of windows that are laid around an object
_COST = 4096


@dataclass(frozen=True)
class Windows:
    """The samples of one epoch: N draws of pictures.

    Attributes
    ----------
    pictures
        int64 [N], numbers of pictures.
    whole
        bool [N], whether the sample is the whole picture.
    epoch
        Counted from 0.
    """

    pictures: NDArray[np.int64]
    whole: NDArray[np.bool_]
    epoch: int
    lengths: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, rows: NDArray[np.int64]) -> Windows:
        """Return the given rows, in the given order."""
        return Windows(self.pictures[rows], self.whole[rows], self.epoch, self.lengths[rows])


class WindowInput:
    """Cuts samples and draws their targets, batch by batch.

    Parameters
    ----------
    pictures
        The training pictures.
    box
        The letterbox (width, height) of serving.
    classes
        How many there are.
    settings
        The ``[training]`` section of the recipe.
    teacher
        What the loss ``centre-distil`` learns from, or None.
    """

    wide = None

    def __init__(
        self, pictures: list[Labelled], box: tuple[int, int], classes: int, settings: Training,
        teacher: HeatTeacher | None = None,
    ) -> None:  # fmt: skip
        self.pictures, self.box, self.classes, self.settings, self.teacher = pictures, box, classes, settings, teacher
        self._kept: dict[int, Image.Image] = {}
        self._bytes = 0

    def rows(self, epoch: int) -> Windows:
        """Return the samples of an epoch; all pictures are drawn once before one is drawn again."""
        asked, count = self.settings.windows, len(self.pictures)
        places = np.arange(epoch * asked.samples, (epoch + 1) * asked.samples)
        rounds = np.unique(places // count).tolist()
        orders = {one: np.random.default_rng((self.settings.seed, one, 5)).permutation(count) for one in rounds}
        numbers = np.array([orders[int(at // count)][at % count] for at in places], dtype=np.int64)
        draws = np.random.default_rng((self.settings.seed, epoch, 7)).random(len(numbers))
        whole = draws < asked.whole
        costs = np.where(whole, self.box[0] * self.box[1], asked.size**2) // _COST
        return Windows(numbers, whole, epoch, costs.astype(np.int64))

    def batch(self, rows: Windows, which: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return ``pixels`` float32 [B, 3, H, W], and ``heat``, ``sides`` and ``share`` on a quarter of that grid."""
        made = [self.sample(rows, int(at)) for at in which]
        height = max(canvas.shape[0] for canvas, _ in made)
        width = max(canvas.shape[1] for canvas, _ in made)
        pixels = np.full((len(made), height, width, 3), GREY, dtype=np.uint8)
        maps = []
        for at, (canvas, boxes) in enumerate(made):
            pixels[at, : canvas.shape[0], : canvas.shape[1]] = canvas
            maps.append(targets(boxes, self.classes, height // CELL, width // CELL))
        heat, sides, share = (np.stack(planes) for planes in zip(*maps, strict=True))
        return {"pixels": pixels_of(pixels), "heat": heat, "sides": sides, "share": share}

    def sample(self, rows: Windows, at: int) -> tuple[NDArray[np.uint8], Boxes]:
        """Return one canvas uint8 [H, W, 3] and the boxes on it."""
        random = np.random.default_rng((self.settings.seed, rows.epoch, at, 11))
        number, whole = int(rows.pictures[at]), bool(rows.whole[at])
        one, asked = self.pictures[number], self.settings.windows
        canvas = self.box if whole else (asked.size, asked.size)
        inside = fitted(one.size, self.box)
        low, high = (0.8, 1.15) if whole else asked.scale
        zoom = float(np.exp(random.uniform(np.log(low), np.log(high))))
        squeeze = float(np.exp(random.uniform(-0.1, 0.1)))
        scale = np.array([inside[0] / one.size[0] * zoom * squeeze, inside[1] / one.size[1] * zoom / squeeze])
        corner = self._corner(random, one, scale, canvas, whole)
        pixels, moved = cut(self._image(number), one.boxes, corner, scale, canvas)
        changes = self.settings.pictures
        if random.random() < changes.flip:
            pixels, moved = pixels[:, ::-1], mirrored(moved, canvas[0])
        return coloured(pixels, random, changes), moved

    def _corner(
        self, random: np.random.Generator, one: Labelled, scale: NDArray[np.float64], canvas: tuple[int, int],
        whole: bool,
    ) -> NDArray[np.float64]:  # fmt: skip
        """Return the upper left of the window, in scaled pixels of the picture."""
        free = np.array(one.size) * scale - canvas  # negative where the picture is smaller than the window
        learned = np.flatnonzero(~one.boxes.crowd)
        if not whole and len(learned) and random.random() < _NEAR_OBJECT:
            edges = one.boxes.edges[random.choice(learned)].reshape(2, 2) * scale
            # Anywhere between the object at the lower right of the window and at the upper left.
            corner = random.uniform(np.minimum(edges[1] - canvas, edges[0]), np.maximum(edges[1] - canvas, edges[0]))
        else:
            corner = random.uniform(np.minimum(free, 0), np.maximum(free, 0))
        return np.asarray(np.clip(corner, np.minimum(free, 0), np.maximum(free, 0)))

    def _image(self, number: int) -> Image.Image:
        found = self._kept.get(number)
        if found is None:
            found = upright(Picture(self.pictures[number].file, name=self.pictures[number].name))
            size = 3 * found.size[0] * found.size[1]
            if self._bytes + size <= KEPT:
                self._kept[number] = found
                self._bytes += size
        return found


def cut(
    image: Image.Image, boxes: Boxes, corner: NDArray[np.float64], scale: NDArray[np.float64], canvas: tuple[int, int]
) -> tuple[NDArray[np.uint8], Boxes]:
    """Return a window of a picture, uint8 [H, W, 3], and the boxes in it.

    Parameters
    ----------
    corner
        Upper left of the window in scaled pixels of the picture; negative where grey stands before it.
    scale
        Pixels of the window for one of the picture, across and down.
    canvas
        Width and height of the window.
    """
    out = np.full((canvas[1], canvas[0], 3), GREY, dtype=np.uint8)
    size = np.array(image.size)
    first = np.maximum(np.ceil(-corner), 0).astype(int)  # where the picture begins on the canvas
    last = np.minimum(np.floor(size * scale - corner), canvas).astype(int)
    if (last > first).all():
        low = np.clip((first + corner) / scale, 0, size)
        high = np.clip((last + corner) / scale, 0, size)
        source = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        part = image.resize((int(last[0] - first[0]), int(last[1] - first[1])), FILTER, box=source)
        out[first[1] : last[1], first[0] : last[0]] = np.asarray(part)
    return out, _moved(boxes, corner, scale, canvas)


def _moved(boxes: Boxes, corner: NDArray[np.float64], scale: NDArray[np.float64], canvas: tuple[int, int]) -> Boxes:
    edges = boxes.edges * np.tile(scale, 2) - np.tile(corner, 2)
    clipped = np.clip(edges, 0, np.tile(np.array(canvas, dtype=np.float64), 2))
    whole, seen = _areas(edges), _areas(clipped)
    sides = clipped[:, 2:] - clipped[:, :2]
    small = (sides < LEAST).any(axis=1) | (seen < _VISIBLE * whole)
    kept = (seen > 0) & (sides >= 1).all(axis=1)
    return Boxes(clipped, boxes.labels, boxes.crowd | small).take(kept)


def mirrored(boxes: Boxes, width: int) -> Boxes:
    """Return the boxes of a canvas of ``width`` pixels once left and right are exchanged."""
    edges = boxes.edges.copy()
    edges[:, [0, 2]] = width - boxes.edges[:, [2, 0]]
    return Boxes(edges, boxes.labels, boxes.crowd)


def _areas(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.prod(np.maximum(edges[:, 2:] - edges[:, :2], 0), axis=1))
