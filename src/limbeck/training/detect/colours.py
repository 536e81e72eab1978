"""Random light and colour of a canvas, by the same keys as for classifiers: ``training.pictures``."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck.recipe import Pictures

_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # luma of ITU-R BT.601


def coloured(pixels: NDArray[np.uint8], random: np.random.Generator, changes: Pictures) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] with other brightness, contrast, saturation, white balance and noise."""
    gain = 1 + random.uniform(-1, 1) * changes.brightness
    spread = 1 + random.uniform(-1, 1) * changes.contrast
    colour = 1 + random.uniform(-1, 1) * changes.colour
    tint = np.exp(random.uniform(-1, 1, 3) * changes.tint)
    sigma = random.uniform(0, 1) * changes.noise
    if not (changes.brightness or changes.contrast or changes.colour or changes.tint or changes.noise):
        return np.ascontiguousarray(pixels)
    # All of it is linear: one matrix and one shift for each pixel.
    middle = float(pixels.mean())
    matrix = (colour * np.eye(3, dtype=np.float32) + (1 - colour) * _GREY[None, :]) * (tint * gain * spread)[:, None]
    shift = (tint * middle * (1 - spread)).astype(np.float32)
    out = pixels.reshape(-1, 3).astype(np.float32) @ matrix.T.astype(np.float32) + shift
    if sigma:
        out += random.standard_normal(out.shape, dtype=np.float32) * np.float32(255 * sigma)
    return np.clip(out, 0, 255).astype(np.uint8).reshape(pixels.shape)
