"""The regions of a picture that drove its answer.

Each of 7 by 7 overlapping squares, a quarter of the side long, is blurred and drawn half-way to the mean colour; the
answer's log-odds fall by what it was worth (occlusion, Zeiler and Fergus 2014). So the model is asked 50 times for one
picture. A detector that gives a map is asked once, and its map is read on the same squares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.kinds.explanation import Floats, Ints, Model, Part, apart, heaviest, log_odds
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.kinds.image.reading.decode import Box, Picture, reduced, upright
from limbeck.kinds.image.reading.files import quiet_pillow

GRID = 8  # steps a side
SQUARE = 2  # steps that a square is long
_COARSE = 4  # pixels a side that a blur leaves
STRANGE = 1  # number of the class that a detector's map speaks for
Edges = tuple[int, int, int, int]


def explained(model: Model, pictures: Sequence[Picture], decided: Ints, top: int) -> list[tuple[Part, ...]]:
    """Return of N pictures the ``top`` boxes that drove the answer; ``decided`` int64 [N] are class numbers."""
    encoder: ImageInput = model.encoder
    rows: Pictures = model.encode(pictures)
    squares = _squares()
    overlaps = np.array([[_overlap(one, other) for other in squares] for one in squares])
    weights = _mapped(model, rows, squares, decided) if model.mapped else _occluded(model, rows, squares, decided)
    out = []
    for picture, row in zip(pictures, weights, strict=True):
        looked = _looked(picture, encoder.settings.margin)
        chosen = apart(row, overlaps, top)
        out.append(heaviest([Part("box", _scaled(squares[at], looked), float(row[at])) for at in chosen], top))
    return out


def removed(encoder: ImageInput, pictures: Sequence[Picture], parts: Sequence[Sequence[Part]]) -> list[Picture]:
    """Return N pictures in memory, their boxes put out of sight."""
    out = []
    for picture, row in zip(pictures, parts, strict=True):
        with quiet_pillow():
            whole = np.asarray(upright(picture)).copy()
        left, top, right, bottom = _looked(picture, encoder.settings.margin)
        hidden = whole.copy()
        hidden[top:bottom, left:right] = _hidden(whole[top:bottom, left:right])
        for part in row:
            x0, y0, x1, y1 = cast("Edges", part.where)
            whole[y0:y1, x0:x1] = hidden[y0:y1, x0:x1]
        out.append(replace(picture, source=whole, name=picture.where))
    return out


def _squares() -> list[Edges]:
    """Return left, top, right and bottom of the squares, in steps."""
    starts = range(GRID - SQUARE + 1)
    return [(left, top, left + SQUARE, top + SQUARE) for top in starts for left in starts]


def _overlap(one: Edges, other: Edges) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _scaled(square: Edges, looked: Edges) -> Edges:
    """Return a square as pixels of the picture whose part ``looked`` the grid lies over."""
    left, top, right, bottom = looked
    across, down = (right - left) / GRID, (bottom - top) / GRID
    edges = [left + across * square[0], top + down * square[1], left + across * square[2], top + down * square[3]]
    x0, y0, x1, y1 = (int(np.floor(edge + 0.5)) for edge in edges)
    return x0, y0, max(x1, min(x0 + 1, right)), max(y1, min(y0 + 1, bottom))


def _looked(picture: Picture, margin: float) -> Edges:
    """Return the part of an upright picture that the bundle looks at, in pixels."""
    with quiet_pillow():
        width, height = reduced(replace(picture, box=None), lambda image: image.size)
    box = picture.box or Box(0, 0, width, height)
    return box.edges((width, height), margin if picture.box else 0.0)


def _hidden(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 [H, W, 3] of which shapes are gone and half of what its colours differ from their mean.

    A blur alone would leave large areas of colour as they are, which some classes are known by. The mean colour alone
    has edges of its own, which move an answer wherever it is put.
    """
    image = Image.fromarray(pixels)
    coarse = image.resize((_COARSE, _COARSE), Image.Resampling.BOX).resize(image.size, Image.Resampling.BICUBIC)
    half = 0.5 * np.asarray(coarse, dtype=np.float32) + 0.5 * pixels.mean(axis=(0, 1), dtype=np.float32)
    return np.asarray(half.round(), dtype=np.uint8)


def _occluded(model: Model, rows: Pictures, squares: Sequence[Edges], decided: Ints) -> Floats:
    """Return float64 [N, W], what the answers' log-odds lose without each square."""
    side = rows.pixels.shape[1]
    whole = log_odds(model.submit(rows).result(), decided)
    out = np.zeros((len(rows), len(squares)))
    hidden = np.stack([_hidden(pixels) for pixels in rows.pixels]) if len(rows) else rows.pixels
    for at, square in enumerate(squares):
        left, top, right, bottom = _scaled(square, (0, 0, side, side))
        changed = rows.pixels.copy()
        changed[:, top:bottom, left:right] = hidden[:, top:bottom, left:right]
        out[:, at] = whole - log_odds(model.submit(Pictures(changed)).result(), decided)
    return out


def _mapped(model: Model, rows: Pictures, squares: Sequence[Edges], decided: Ints) -> Floats:
    """Return float64 [N, W], the mean of a detector's map in each square; with a minus where the answer is normal."""
    maps = model.maps_of(rows)
    height, width = maps.shape[1:]
    out = np.zeros((len(rows), len(squares)))
    for at, square in enumerate(squares):
        left, _, right, _ = _scaled(square, (0, 0, width, width))
        _, top, _, bottom = _scaled(square, (0, 0, height, height))
        out[:, at] = maps[:, top:bottom, left:right].mean(axis=(1, 2))
    return out * np.where(decided == STRANGE, 1.0, -1.0)[:, None]
