"""A picture in, a square of pixels out: cropped, scaled and normalised by the same code in training and serving.

The square is made by Pillow's bicubic filter (`FILTER`), which widens with the reduction and so keeps fine grain from
folding into coarse, in one step from the full size (no ``draft``, no ``reducing_gap``): the same file gives the same
bytes at every door. Rows stay bytes; what a network's convention wants of them is worked out batch by batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.kept_squares import FILTER, beside
from limbeck.kinds.image.reading.picture_input import PictureInput
from limbeck.kinds.kind import Shapes, largest_batch
from limbeck.kinds.text.encoding.ragged import arrays_beside, taken_beside
from limbeck.recipe import Input

_WINDOW, _BYTES = 1024, 32 * 2**20  # pictures of a window at most, and bytes of their pixels
_COST = 64  # pixels that count as one token where batches are cut

# Convention -> whether blue comes first, what a pixel of 0-255 is divided by, then lowered by and divided by.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CONVENTIONS: dict[str, tuple[bool, float, tuple[float, ...], tuple[float, ...]]] = {
    "zero-one": (False, 255.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": (False, 255.0, _MEAN, _DEVIATION),  # torchvision's
    "caffe": (True, 1.0, (104.0, 117.0, 123.0), (1.0, 1.0, 1.0)),
}


def _cost(height: int, width: int) -> int:
    return max(1, height * width // _COST)


@dataclass(frozen=True)
class Pictures:
    """N encoded pictures, with the same few operations as `Ragged` and `Dense`.

    Attributes
    ----------
    pixels
        uint8 [N, H, W, 3], RGB; of grey pictures all three are alike.
    offset, target, hidden
        float32 [N, …], what training gives beside them, or None; see `Dense`.
    view
        The same rows changed, or None.
    """

    pixels: NDArray[np.uint8]
    offset: NDArray[np.float32] | None = None
    target: NDArray[np.float32] | None = None
    hidden: NDArray[np.float32] | None = None
    view: Pictures | None = None

    @property
    def padded(self) -> bool:
        """Whether a row is padded to the longest of its batch: never."""
        return False

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The cost of each row, int64 [N], all alike: batches of large pictures are small."""
        return np.full(len(self), _cost(self.pixels.shape[1], self.pixels.shape[2]), dtype=np.int64)

    def take(self, rows: NDArray[np.int64]) -> Pictures:
        """Return the given rows, in the given order."""
        return Pictures(self.pixels[rows], **taken_beside(self, rows))


class ImageInput(PictureInput[Pictures]):
    """Decoding, cropping, scaling and normalising; see the module's lines.

    Parameters
    ----------
    settings
        The ``[input]`` section of the recipe.
    """

    most = 256  # rows of a batch

    def __init__(self, settings: Input) -> None:
        super().__init__(settings)
        swap, scale, mean, deviation = CONVENTIONS[settings.convention]
        self._order = [2, 1, 0] if swap else [0, 1, 2]
        # One look-up for each of 256 values, so that every machine rounds alike.
        values = np.arange(256, dtype=np.float64)[None, :] / scale
        shifted = (values - np.array(mean)[:, None]) / np.array(deviation)[:, None]
        self._table: NDArray[np.float32] = shifted.astype(np.float32)

    @property
    def size(self) -> int:
        """Side of the square, in pixels."""
        return self.settings.size

    @property
    def cost(self) -> int:
        """The length of each encoded picture, see `Pictures.lengths`."""
        return _cost(self.size, self.size)

    @property
    def window(self) -> int:
        """Rows that are encoded together."""
        return max(1, min(_WINDOW, _BYTES // (3 * self.size**2)))

    def largest(self, rows: Pictures, one: Mapping[str, NDArray[Any]], tokens: int) -> list[Shapes]:
        """Return array name -> shape for the batches that can take most; see `largest_batch`."""
        return largest_batch(rows, one, tokens, self.most)

    def black(self, count: int) -> Pictures:
        """Return the rows of so many black pictures."""
        return Pictures(np.zeros((count, self.size, self.size, 3), dtype=np.uint8))

    def put(self, rows: Pictures, at: int, picture: Picture) -> None:
        """Encode one picture into row ``at``."""
        rows.pixels[at] = self.square(picture)

    def square(self, picture: Picture) -> NDArray[np.uint8]:
        """Return one picture, uint8 [size, size, 3], or [size, size, 1] where colour is not wanted."""

        def scaled(image: Image.Image) -> NDArray[np.uint8]:
            if self.settings.colour == "grey":
                image = image.convert("L")
            return np.asarray(image.resize((self.settings.size, self.settings.size), FILTER))

        array = beside(picture, scaled, self.settings.margin)
        return array if array.ndim == 3 else array[..., None]

    def affine(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return scale and shift float64 [3], by which a channel of 0 to 1 becomes what the network gets."""
        _, scale, mean, deviation = CONVENTIONS[self.settings.convention]
        return 255.0 / (scale * np.array(deviation)), -np.array(mean) / np.array(deviation)

    def batch(self, rows: Pictures, which: NDArray[np.int64]) -> dict[str, np.ndarray]:
        """Return ``pixels`` float32 [B, 3, H, W] of the chosen rows, normalised, and what stands beside them."""
        batch: dict[str, np.ndarray] = {"pixels": self.normalised(rows.pixels[which])}
        if rows.view is not None:
            batch["view_pixels"] = self.normalised(rows.view.pixels[which])
        return batch | arrays_beside(rows, which)

    def normalised(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return float32 [B, 3, H, W] of uint8 RGB [B, H, W, 3]."""
        out = np.empty((len(pixels), 3, *pixels.shape[1:3]), dtype=np.float32)
        for at, channel in enumerate(self._order):
            np.take(self._table[at], pixels[..., channel], out=out[:, at])
        return out
