"""Whether the resize of pictures throws away frequencies that tell the classes apart.

The traces that give a photographed screen or print away are fine; scaled to a small square they are gone, and no
network brings them back. So a sample of the training pictures is looked at in full size: do the rings of frequency that
`input.size` cuts off (see `limbeck.metrics.log_spectrum`) tell the classes better than those that it keeps?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import FORMATS, Picture, cropped
from limbeck.kinds.image.reading.files import pictures_of, quiet_pillow
from limbeck.messages.message import Message, message
from limbeck.metrics.log_spectrum import ring_powers, separation
from limbeck.recipe import Recipe, Split

SAMPLE = 400  # pictures looked at
FEWEST = 80  # under which the figures are chance
PIXELS = 40_000_000  # decoded at most: the check takes a second or two, whatever the pictures
WINDOW = 384  # the middle of a larger picture is looked at
CLEAR = 0.7  # AUC from which on spectra tell the classes
GAIN, ERROR = 0.02, 2 / 3  # what the lost rings have to add to it, and the share of its error that may be left then
_RINGS = 8  # rings below what is kept
_STEP = 2 ** (1 / 3)  # from one ring above it to the next, nearly


@dataclass(frozen=True)
class Lost:
    """What the lost frequencies are worth: AUC with what is kept, and with all; ``size`` would keep them."""

    kept: float
    whole: float
    size: int
    given: int

    @property
    def what(self) -> Message:
        """What was found."""
        return message("data.resize_loses", size=self.given, whole=self.whole, kept=self.kept)

    @property
    def fix(self) -> Message:
        """The size that would do."""
        return message("data.resize_keeps", size=self.size)


def doubts(recipe: Recipe, data: Dataset) -> list[tuple[Message, Message]]:
    """Return what the resize loses, and the size that would do, where it matters."""
    lost = lost_frequencies(recipe, data)
    return [] if lost is None else [(lost.what, lost.fix)]


def lost_frequencies(recipe: Recipe, data: Dataset) -> Lost | None:
    """Return what the resize loses, or None: nothing that matters, or too few pictures."""
    if recipe.task.anomaly:
        return None
    rows = data.part("train")
    rows = rows[data.labels[rows] >= 0]
    rows = np.random.default_rng(recipe.training.seed).permutation(rows)[:SAMPLE]
    with quiet_pillow():
        sample = _affordable(pictures_of(data.frame[rows], recipe.task))
        found = [_seen(picture, recipe.input.margin) for picture in sample]
    read = [at for at, grey in enumerate(found) if grey is not None]
    spectra = [grey for grey in found if grey is not None]
    if len(spectra) < FEWEST:
        return None
    labels = data.labels[rows[read]]
    least = np.bincount(labels, minlength=len(data.classes))
    common = np.isin(labels, np.flatnonzero(least >= 5))  # of rarer ones nothing can be said
    if len(np.unique(labels[common])) < 2:
        return None
    spectra = [one for one, keep in zip(spectra, common, strict=True) if keep]
    return _compared(spectra, labels[common], _groups(recipe, data, rows[read][common]), recipe.input.size)


Seen = tuple[NDArray[np.uint8], tuple[float, float]]


def _compared(seen: list[Seen], labels: NDArray[np.int64], groups: NDArray[np.int64] | None, size: int) -> Lost | None:
    sides = np.array([min(whole) for _, whole in seen])
    top = float(np.quantile(sides, 0.75)) / 2  # higher rings are empty in most pictures
    limit = size / 2
    if top < limit * _STEP:
        return None
    kept = np.geomspace(1.0, limit, _RINGS + 1)
    more = np.geomspace(limit, top, 1 + round(np.log(top / limit) / np.log(_STEP)))[1:]
    edges = [*kept, *more]
    features = np.array([ring_powers(grey, edges, whole) for grey, whole in seen])
    # The sizes of the pictures may tell the classes too; they are given to both, so that they make no difference.
    features = np.column_stack([np.log(sides), features])
    first = separation(features[:, : 1 + _RINGS], labels, groups)
    whole = separation(features, labels, groups)
    if whole < CLEAR or whole - first < GAIN or 1.0 - whole > ERROR * (1.0 - first):
        return None
    for at, edge in enumerate(more[:-1]):
        if separation(features[:, : 2 + _RINGS + at], labels, groups) >= whole - 0.02:
            return Lost(first, whole, _round(2 * edge), size)
    return Lost(first, whole, _round(2 * more[-1]), size)


def _round(size: float) -> int:
    return int(8 * np.ceil(size / 8 - 1e-6))


def _affordable(pictures: list[Picture]) -> list[Picture]:
    """Return as many of the pictures, from the first on, as can be decoded in about a second."""
    total = np.cumsum([_pixels(picture) for picture in pictures])
    return pictures[: int(np.searchsorted(total, PIXELS, side="right"))]


def _pixels(picture: Picture) -> int:
    try:
        with Image.open(picture.source, formats=FORMATS) as header:
            return header.size[0] * header.size[1]
    except Exception:  # whatever a hostile header raises: the picture is left out when it is read
        return 0


def _seen(picture: Picture, margin: float) -> Seen | None:
    """Return the grey middle of the part of a picture that counts, and its height and width; None if unreadable."""
    try:
        image = cropped(picture, margin)
    except LimbeckError:
        return None
    grey = np.asarray(image.convert("L"))
    height, width = grey.shape
    if min(height, width) < 16:
        return None
    top, left = max(0, (height - WINDOW) // 2), max(0, (width - WINDOW) // 2)
    return grey[top : top + WINDOW, left : left + WINDOW], (float(height), float(width))


def _groups(recipe: Recipe, data: Dataset, rows: NDArray[np.int64]) -> NDArray[np.int64] | None:
    split = recipe.data.split
    name = (split.group if isinstance(split, Split) else None) or recipe.evaluation.group
    if name is None or name not in data.frame.columns:
        return None
    names = [str(value) for value in data.frame[name][rows].to_list()]
    numbers: NDArray[np.int64] = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return numbers
