"""The honest baseline of signals: gradient boosting on each beat's deviation from its record, and on its rhythm."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.data.dataset import Dataset
from limbeck.kinds.signal.encode import SignalInput, Signals
from limbeck.metrics.baselines.baseline_row import boosted, line
from limbeck.recipe import Input, Recipe

NAME = "boosting on samples and RR intervals"


def features(settings: Input, frame: pl.DataFrame) -> NDArray[np.float32]:
    """Return what the trees see, float32 [N, F]: every channel's samples, then the rhythm."""
    return flat(SignalInput(settings).encode(frame))


def flat(rows: Signals) -> NDArray[np.float32]:
    """Return encoded rows as float32 [N, F]: every channel's samples, then the rhythm."""
    return np.concatenate([rows.beats.reshape(len(rows), -1), rows.rhythm], axis=1)


def fit_and_measure(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],
    positive: int | None, *, steady: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the baseline's line of the report; see ``baseline`` in `limbeck.kinds.kind.Kind`."""
    return signal_baseline_row(
        recipe.input, train.frame[learned], train.labels[learned], evaluated.frame[asked], evaluated.labels[asked],
        train.classes, positive, steady=steady,
    )  # fmt: skip


def forest_features(
    recipe: Recipe, train: pl.DataFrame, test: pl.DataFrame
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return windows as the forest of the anomaly task sees them, float32 [N, F]."""
    return features(recipe.input, train), features(recipe.input, test)


def signal_baseline(
    settings: Input,
    train: pl.DataFrame,
    train_y: ArrayLike,
    test: pl.DataFrame,
    classes: int,
    *,
    steady: bool = False,
) -> tuple[NDArray[np.float64], float]:
    """Return the baseline's probabilities float64 [N, C] of test rows, and the seconds that it took.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    start = time.perf_counter()
    seen, asked = features(settings, train), features(settings, test)
    p = boosted(seen, train_y, asked, classes, "the baseline of signals", steady=steady)
    return p, time.perf_counter() - start


def signal_baseline_row(
    settings: Input, train: pl.DataFrame, train_y: ArrayLike, test: pl.DataFrame, test_y: ArrayLike,
    classes: Sequence[str], positive: int | None = None, *, steady: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, n_train, seconds.

    ``steady`` regularises more.
    """
    p, seconds = signal_baseline(settings, train, train_y, test, len(classes), steady=steady)
    return line(NAME, test_y, p, classes, positive, learned=train.height, seconds=seconds)
