"""Small squares of pictures that the baseline reads, kept while a student is trained: one decode serves both.

Decoding is most of what a picture costs. While pictures are encoded for a student, a second, small square is made of
what is decoded anyway, as far as memory goes; the baseline then opens only the files that have none. A square is the
same to the bit as one from a new decode, and one of a file that has changed since is not used.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.kinds.image.reading.decode import Picture, reduced

SIDE, MOST = 96, 256 * 2**20  # pixels of a side, bytes of all squares
FILTER = Image.Resampling.BICUBIC
Square = NDArray[np.uint8]

_kept: dict[Hashable, Square] | None = None


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """Keep squares until the end; a context within another one keeps them until the end of that one."""
    global _kept
    if _kept is not None:
        yield
        return
    _kept = {}
    try:
        yield
    finally:
        _kept = None


def beside(picture: Picture, reduce: Callable[[Image.Image], Square], margin: float) -> Square:
    """Return what ``reduce`` makes of a picture, and keep its small square; see `reduced` for the errors."""
    kept = _kept
    mark = None if kept is None or len(kept) >= MOST // (3 * SIDE**2) else _mark(picture, margin)
    if kept is None or mark is None or mark in kept:
        return reduced(picture, reduce, margin)

    def both(image: Image.Image) -> Square:
        kept[mark] = _small(image)
        return reduce(image)

    return reduced(picture, both, margin)


def small_square(picture: Picture, margin: float) -> Square:
    """Return a picture as RGB, uint8 [SIDE, SIDE, 3], decoded only where no square of it is kept."""
    found = None if _kept is None else _kept.get(_mark(picture, margin))
    return beside(picture, _small, margin) if found is None else found


def _small(image: Image.Image) -> Square:
    return np.asarray(image.resize((SIDE, SIDE), FILTER))


def _mark(picture: Picture, margin: float) -> Hashable | None:
    """Return what tells this part of this state of a file from others; None of a picture in memory, or no file."""
    if not isinstance(picture.source, str | Path):
        return None
    try:
        state = Path(picture.source).stat()
    except (OSError, ValueError):
        return None
    return str(picture.source), picture.box, margin, state.st_ino, state.st_size, state.st_mtime_ns
