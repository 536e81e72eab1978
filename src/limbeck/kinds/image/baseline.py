"""The honest baseline of pictures: logistic regression on features that need no network.

A small grey thumbnail of even light (what is where), a histogram of each colour, and the log-spectrum along rings and
sectors of frequency (grain, screens and print rasters: what recaptured pictures give away). Whatever a small network
learns beyond these is its own merit. Needs scikit-learn, imported only when used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError, needing
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.files import pictures_of, quiet_pillow
from limbeck.kinds.image.reading.kept_squares import SIDE, keeping, small_square
from limbeck.metrics.baselines.baseline_row import line
from limbeck.process.cores import each
from limbeck.recipe import Input, Recipe

kept = keeping  # what of the rows stays in memory for the baseline while a student is trained

NAME = "colour, thumbnail, spectrum + logistic regression"
MOST = 5_000  # pictures that it is trained on
SMALL, BINS, RINGS, SECTORS = 16, 8, 32, 12
WIDTH = SMALL**2 + 3 * BINS + RINGS + SECTORS


def features(pictures: Sequence[Picture], settings: Input) -> NDArray[np.float32]:
    """Return float32 [N, WIDTH] of pictures, cropped as the recipe's ``[input]`` says; their scale is their own.

    Raises
    ------
    LimbeckError
        For the first that cannot be read.
    """
    found = np.empty((len(pictures), WIDTH), dtype=np.float32)

    def one(at: int) -> None:
        found[at] = features_of(small_square(pictures[at], settings.margin))

    with quiet_pillow():
        each(one, len(pictures))
    return found


def features_of(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 [WIDTH] of one picture uint8 [SIDE, SIDE, 3]."""
    small = np.asarray(Image.fromarray(pixels).convert("L").resize((SMALL, SMALL), Image.Resampling.BOX)) / 255.0
    small = (small - small.mean()) / (small.std() + 0.02)  # the light of a picture is in its colours
    colours = [np.bincount(pixels[..., c].ravel() >> 5, minlength=BINS) / SIDE**2 for c in range(3)]
    grey = pixels @ np.array([0.299, 0.587, 0.114])
    window = np.hanning(SIDE)
    # Without its mean, and faded to the edges: a frame is no grain.
    power = np.abs(np.fft.rfft2((grey - grey.mean()) * window[:, None] * window)) ** 2
    ring, sector = _places()
    level = np.log1p(power).ravel()
    spectrum = [np.bincount(at, level)[:-1] / np.bincount(at)[:-1] for at in (ring, sector)]
    return np.concatenate([small.ravel(), *colours, *spectrum]).astype(np.float32)


def fit_and_measure(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],
    positive: int | None, *, steady: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the baseline's line of the report; see ``baseline`` in `limbeck.kinds.kind.Kind`."""
    seen, new = pictures_of(train.frame[learned], recipe.task), pictures_of(evaluated.frame[asked], recipe.task)
    return picture_baseline_row(
        seen, train.labels[learned], new, evaluated.labels[asked], train.classes, positive,
        settings=recipe.input, seed=recipe.training.seed, steady=steady,
    )  # fmt: skip


def picture_baseline_row(
    train: Sequence[Picture],
    train_y: ArrayLike,
    test: Sequence[Picture],
    test_y: ArrayLike,
    classes: Sequence[str],
    positive: int | None = None,
    *,
    settings: Input,
    seed: int = 0,
    steady: bool = False,
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, eer, n_train, seconds.

    It learns from at most `MOST` of the training pictures, drawn by ``seed`` with every class among them;
    ``steady`` regularises more.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed, a picture cannot be read, or there are fewer than two classes to learn.
    """
    with needing("scikit-learn", "train", "the picture baseline"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
    start = time.perf_counter()
    y = np.asarray(train_y, dtype=np.int64)
    if len(np.unique(y)) < 2:
        raise LimbeckError("the picture baseline needs training rows of at least two classes")
    chosen = some_of_each(y, MOST, seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01 if steady else 1.0, max_iter=300))
    model.fit(features([train[row] for row in chosen], settings), y[chosen])
    p = np.zeros((len(test), len(classes)))
    if len(test):
        p[:, model.classes_] = model.predict_proba(features(test, settings))
    seconds = time.perf_counter() - start
    return line(NAME, test_y, p, classes, positive, learned=len(chosen), seconds=seconds, more=["eer"])


def some_of_each(y: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Return at most ``most`` rows, rising, of labels int64[N], drawn at random with the first of each class kept."""
    order = np.random.default_rng(seed).permutation(len(y))
    first = np.unique(y[order], return_index=True)[1]
    rest = np.setdiff1d(np.arange(len(y)), first)
    return np.sort(order[np.concatenate([first, rest])[:most]])


@cache
def _places() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return ring and sector of each frequency of `numpy.fft.rfft2`; those beyond the last ring are in none."""
    down, across = np.fft.fftfreq(SIDE)[:, None], np.fft.rfftfreq(SIDE)[None, :]
    radius = np.hypot(down, across)
    ring = np.minimum((radius / 0.5 * RINGS).astype(np.int64), RINGS)
    sector = ((np.arctan2(down, across) / np.pi + 0.5) * SECTORS).astype(np.int64) % SECTORS
    return ring.ravel(), np.where(ring < RINGS, sector, SECTORS).ravel()
