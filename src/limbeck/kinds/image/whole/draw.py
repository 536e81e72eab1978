"""Boxes drawn into a picture, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

# Colours that are told apart by most people (Okabe & Ito 2008); further classes begin anew.
COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
WHITE = (255, 255, 255)


def drawn(
    image: Image.Image, edges: ArrayLike, captions: Sequence[str], colours: Sequence[tuple[int, int, int]]
) -> Image.Image:
    """Return a copy of an RGB picture with boxes float [N, 4], each with a caption above it."""
    out = image.copy()
    pen = ImageDraw.Draw(out)
    line = max(1, round(max(image.size) / 400))
    font = ImageFont.load_default(size=max(10, round(max(image.size) / 60)))
    for box, caption, colour in zip(np.asarray(edges, dtype=np.float64).reshape(-1, 4), captions, colours, strict=True):
        x0, y0, x1, y1 = box.tolist()
        pen.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=colour, width=line)
        if caption:
            left, top, right, bottom = pen.textbbox((0, 0), caption, font=font)
            y = y0 - (bottom - top) - 4 if y0 > bottom - top + 4 else y1
            pen.rectangle((x0, y, x0 + right - left + 4, y + bottom - top + 4), fill=colour)
            pen.text((x0 + 2 - left, y + 2 - top), caption, fill=(0, 0, 0), font=font)
    return out


def colour_of(place: int) -> tuple[int, int, int]:
    """Return the colour of a class, or of a track, by its number."""
    return COLOURS[place % len(COLOURS)]
