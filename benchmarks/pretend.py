"""Synthetic anomalies on normal pictures, by which the settings of detectors are chosen without a label of test.

Four kinds, none of them taken from the anomalies that are to be found: a patch of another picture pasted in (CutPaste,
Li et al. 2021), a soft bright cloud (the look of an opacity in general, drawn by random blobs), a patch whose grain is
blurred away, and a haze over most of the picture, which takes its contrast. A setting is measured by how well it ranks
them above the normal pictures that they were made from.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

KINDS = ("paste", "cloud", "blur", "haze")


def spoiled(pixels: np.ndarray, kind: str, seed: int = 0) -> np.ndarray:
    """Return uint8 [N, H, W, 3] with one synthetic anomaly of a kind in each picture."""
    out = pixels.copy()
    for row in range(len(pixels)):
        random = np.random.default_rng((seed, KINDS.index(kind), row))
        other = pixels[(row + int(random.integers(1, len(pixels)))) % len(pixels)]
        own = pixels[row].astype(np.float32)
        made = _paste(own, other, random) if kind == "paste" else _PLAIN[kind](own, random)
        out[row] = made.clip(0, 255)
    return out


def _place(side: int, random: np.random.Generator, least: float, most: float) -> tuple[int, int, int, int]:
    height, width = (int(side * random.uniform(least, most)) for _ in range(2))
    top, left = (int(random.uniform(0.15, 0.85) * side - length / 2) for length in (height, width))
    return max(top, 0), max(left, 0), min(top + height, side), min(left + width, side)


def _paste(picture: np.ndarray, other: np.ndarray, random: np.random.Generator) -> np.ndarray:
    top, left, bottom, right = _place(len(picture), random, 0.12, 0.3)
    down, across = (int(random.integers(0, len(picture) - length)) for length in (bottom - top, right - left))
    picture[top:bottom, left:right] = other[down : down + bottom - top, across : across + right - left]
    return picture


def _cloud(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    side = len(picture)
    rows, columns = np.mgrid[0:side, 0:side] / side
    alpha = np.zeros((side, side))
    centres = random.uniform(0.25, 0.75, (int(random.integers(1, 3)), 2))
    for blob in range(8):
        place, sigma = centres[blob % len(centres)] + random.normal(0, 0.07, 2), random.uniform(0.04, 0.12)
        alpha = np.maximum(alpha, np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / (2 * sigma**2)))
    coarse = random.normal(0, 8, (side // 3, side // 3)).astype(np.float32)
    grain = np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))
    bright = np.percentile(picture, random.uniform(75, 92)) + grain
    alpha = alpha[..., None] * random.uniform(0.4, 0.9)
    return picture * (1 - alpha) + np.maximum(bright[..., None], picture) * alpha


def _blur(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    top, left, bottom, right = _place(len(picture), random, 0.25, 0.5)
    soft = Image.fromarray(picture.astype(np.uint8)).filter(ImageFilter.GaussianBlur(len(picture) / 60))
    picture[top:bottom, left:right] = np.asarray(soft)[top:bottom, left:right]
    return picture


def _haze(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    side = len(picture)
    rows, columns = np.mgrid[0:side, 0:side] / side
    centre, radii = random.uniform(0.4, 0.6, 2), random.uniform(0.25, 0.4, 2)
    away = ((rows - centre[0]) / radii[0]) ** 2 + ((columns - centre[1]) / radii[1]) ** 2
    alpha = (np.exp(-(away**2) / 2) * random.uniform(0.4, 0.7))[..., None]
    return picture * (1 - alpha) + np.percentile(picture, random.uniform(60, 85)) * alpha


_PLAIN = {"cloud": _cloud, "blur": _blur, "haze": _haze}
