"""The reviews and the accounts that the replays of the loop run on, and the students that learn from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix
from scipy.special import softmax
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from benchmarks.figures import Figure, over_seeds
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.kinds.text.vectors import of_clean
from limbeck.metrics.calibration import fit_temperature
from limbeck.recipe import Input

COMMAND = "make bench ONLY=loop"
WIDE = Input(encoder="ngrams", ngrams=(1, 3), buckets=2**18)


def figure(name: str, values: list[float], unit: str, better: str = "higher", **more: Any) -> Figure:
    return Figure("loop", name, unit=unit, better=better, command=COMMAND, **over_seeds(values), **more)


@dataclass(frozen=True)
class Texts:
    """The reviews: bags of n-grams, vectors, labels, domains and parts."""

    bags: csr_matrix
    vectors: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray
    domains: np.ndarray
    split: np.ndarray

    @classmethod
    def read(cls, file: Path, some: int | None) -> Texts:
        """Read the reviews, or some of them."""
        frame = pl.read_csv(file).filter(pl.col("text").is_not_null())
        if some is not None:
            frame = frame.sample(some, seed=0)
        texts = frame["text"].to_list()
        return cls(
            weighted(texts), of_clean(texts), np.array([float(len(text)) for text in texts]), frame["label"].to_numpy(),
            frame["domain"].to_numpy(), frame["split"].to_numpy(),
        )  # fmt: skip


def weighted(texts: list[str]) -> csr_matrix:
    """Return TF-IDF of hashed n-grams, rows of length one."""
    found = Ngrams(WIDE).encode(texts, 4096)
    places = np.r_[0, np.cumsum(found.lengths)]
    X = csr_matrix((found.weights.astype(np.float64), found.values, places), shape=(len(texts), WIDE.buckets + 1))
    count = np.bincount(X.indices, minlength=X.shape[1])
    X.data *= np.log(len(texts) / np.maximum(count, 1))[X.indices]
    X.data /= np.repeat(np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel()).clip(1e-9), np.diff(X.indptr))
    return X


@dataclass(frozen=True)
class Accounts:
    """The accounts of all scenarios."""

    cells: np.ndarray
    labels: np.ndarray

    @classmethod
    def read(cls, data: Path) -> Accounts:
        """Read the accounts."""
        frame = pl.read_csv(data / "accounts" / "accounts.csv").filter(pl.col("label").is_not_null())
        cells = frame.drop("label", "scenario").cast(pl.Float64, strict=False).to_numpy()
        return cls(cells, frame["label"].to_numpy().astype(np.int64))


def logistic(X: Any, y: np.ndarray) -> Any:
    return LogisticRegression(C=10, max_iter=200).fit(X, y)


def trees(X: Any, y: np.ndarray) -> Any:
    return HistGradientBoostingClassifier(max_iter=60, l2_regularization=1.0, min_samples_leaf=30, random_state=0).fit(
        X, y
    )


def calibrated(texts: Texts, learned: np.ndarray, valid: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Fit a linear student on rows, calibrate it on others; return what gives probabilities float[M, 2] of rows."""
    model = logistic(texts.bags[learned], texts.labels[learned])

    def logits(rows: np.ndarray) -> np.ndarray:
        z = model.decision_function(texts.bags[rows])
        return np.c_[np.zeros(len(z)), z]

    temperature = fit_temperature(logits(valid), texts.labels[valid])
    return lambda rows: softmax(logits(rows) / temperature, axis=1)
