"""A vector for each picture: coarse colours and how rough each place is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.reading.decode import Picture

GRID, CELL = 8, 6  # places a side, and pixels a side of each
WIDTH = GRID * GRID * 4
_ROUGH = 0.02  # of full brightness: a step between neighbours below which a place counts as smooth


def vectors(encoder: ImageInput, pictures: Sequence[Picture]) -> tuple[NDArray[np.float32], dict[int, LimbeckError]]:
    """Return float32 [N, 256] of N pictures, and why those that cannot be read have none of their own.

    Of each of 8 by 8 places: mean red, green and blue, 0 to 1, then the logarithm of the mean step between neighbouring
    pixels, about 0 to 1. Pictures are cropped, and made grey, as the bundle does it.
    """
    reader = ImageInput(encoder.settings.model_copy(update={"size": GRID * CELL}))
    reader.workers = encoder.workers
    rows, bad = reader.encode_each(pictures)
    pixels = rows.pixels.astype(np.float32) / 255.0
    count = len(pixels)
    grey = pixels.mean(axis=3)
    steps = np.zeros_like(grey)
    steps[:, :, 1:] += abs(np.diff(grey, axis=2))
    steps[:, 1:, :] += abs(np.diff(grey, axis=1))
    cells = (count, GRID, CELL, GRID, CELL)
    colours = pixels.reshape(*cells, 3).mean(axis=(2, 4)).reshape(count, GRID * GRID * 3)
    rough = np.log1p(steps.reshape(cells).mean(axis=(2, 4)).reshape(count, GRID * GRID) / _ROUGH) / np.log(1.0 / _ROUGH)
    return np.concatenate([colours, rough], axis=1).astype(np.float32), bad
