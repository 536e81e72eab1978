"""A whole picture in a rectangle of fixed size: scaled to fit, at the upper left, with grey at the right and below.

Training, evaluation, calibration and serving use this one function. Grey stands at the right and below only, so that a
place in the rectangle is the place in the picture times one factor for each axis, without offsets. A letterbox is
``input.letterbox``, ``[width, height]`` in pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture, reduced
from limbeck.kinds.image.reading.picture_input import PictureInput
from limbeck.kinds.kind import Shapes
from limbeck.recipe import Input

GREY = 114  # of what is beside the picture
FILTER = Image.Resampling.BILINEAR  # widened where it reduces
STRIDE = 32  # a letterbox has sides that this divides
_WINDOW, _BYTES = 64, 32 * 2**20
_COST = 4096  # pixels that count as one token where batches are cut


def fitted(size: tuple[int, int], box: tuple[int, int]) -> tuple[int, int]:
    """Return the size (width, height) of a picture of ``size`` once it is scaled to fit into ``box``."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, min(box[0], round(size[0] * scale))), max(1, min(box[1], round(size[1] * scale)))


def letterboxed(image: Image.Image, box: tuple[int, int]) -> NDArray[np.uint8]:
    """Return an RGB picture in a letterbox (width, height), uint8 [height, width, 3]."""
    inside = fitted(image.size, box)
    out = np.full((box[1], box[0], 3), GREY, dtype=np.uint8)
    out[: inside[1], : inside[0]] = np.asarray(image.resize(inside, FILTER))
    return out


def in_picture(edges: NDArray[np.floating], scale: NDArray[np.float64], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return boxes [N, 4] of a letterbox in pixels of its picture, clipped to it; see `Letterboxed`."""
    return np.asarray(np.clip(edges / np.tile(scale, 2), 0, np.tile(size, 2)), dtype=np.float64)


def letterbox_for(sizes: Sequence[tuple[int, int]], side: int) -> tuple[int, int]:
    """Return the letterbox (width, height) with ``side`` pixels at its longer side for pictures of these sizes.

    Its shape is that of most pictures: the median of height over width, rounded up to whole strides.
    """
    tall = float(np.median([height / width for width, height in sizes])) if sizes else 1.0
    other = max(STRIDE, STRIDE * int(np.ceil(side * min(tall, 1 / tall) / STRIDE - 0.25)))
    return (side, min(other, side)) if tall <= 1 else (min(other, side), side)


@dataclass(frozen=True)
class Letterboxed:
    """N pictures in letterboxes.

    Attributes
    ----------
    pixels
        uint8 [N, H, W, 3], RGB.
    sizes
        int64 [N, 2], width and height of each picture as it was.
    """

    pixels: NDArray[np.uint8]
    sizes: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The cost of each row, int64 [N]."""
        return np.full(len(self), max(1, self.pixels[0].size // 3 // _COST if len(self) else 1), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Letterboxed:
        """Return the given rows, in the given order."""
        return Letterboxed(self.pixels[rows], self.sizes[rows])

    @property
    def scales(self) -> NDArray[np.float64]:
        """Pixels of the letterbox for one of the picture, float64 [N, 2], across and down."""
        box = (self.pixels.shape[2], self.pixels.shape[1])
        inside = [fitted((int(width), int(height)), box) for width, height in self.sizes]
        return np.asarray(inside, dtype=np.float64).reshape(-1, 2) / self.sizes


class LetterboxInput(PictureInput[Letterboxed]):
    """Decoding and scaling into a letterbox.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe, whose ``letterbox`` is [width, height].
    """

    most = 8  # pictures of a batch

    def __init__(self, settings: Input) -> None:
        super().__init__(settings)
        if not isinstance(settings.letterbox, tuple):
            raise LimbeckError("input.letterbox is not settled: [width, height]", where="recipe")
        self.box: tuple[int, int] = settings.letterbox

    @property
    def window(self) -> int:
        """Pictures that are encoded together."""
        return max(1, min(_WINDOW, _BYTES // (3 * self.box[0] * self.box[1])))

    def black(self, count: int) -> Letterboxed:
        """Return the rows of so many black pictures."""
        pixels = np.zeros((count, self.box[1], self.box[0], 3), dtype=np.uint8)
        return Letterboxed(pixels, np.ones((count, 2), dtype=np.int64))

    def put(self, rows: Letterboxed, at: int, picture: Picture) -> None:
        """Encode one picture into row ``at``."""
        rows.pixels[at], rows.sizes[at] = reduced(picture, lambda image: (letterboxed(image, self.box), image.size))

    def largest(self, rows: Letterboxed, one: Mapping[str, NDArray[Any]], tokens: int) -> list[Shapes]:
        """Return array name -> shape of the largest batch."""
        return [{name: (self.most, *array.shape[1:]) for name, array in one.items()}]

    def batch(self, rows: Letterboxed, which: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Return ``pixels`` float32 [B, 3, H, W] of the chosen rows, 0 to 1."""
        return {"pixels": pixels_of(rows.pixels[which])}


def pixels_of(pictures: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 [B, 3, H, W], 0 to 1, of uint8 RGB [B, H, W, 3]."""
    planes = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return np.multiply(planes, np.float32(1 / 255), dtype=np.float32)
