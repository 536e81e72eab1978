"""Classifiers of several scenarios' texts together: linear models on hashed n-grams that are counted once.

One classifier learns from all scenarios, and for each scenario another one from all but it: what a stranger's pooled
classifier would say of its rows (see `limbeck.relevance.replay`). The n-grams fit the language: characters and words,
or, where words are spaced, whichever of that and words alone does better on scenarios left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from limbeck.events import check
from limbeck.kinds.projection import unit_rows
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encoding.ngrams import Ngrams, hashed_ngrams, word_codes
from limbeck.kinds.text.encoding.tokens import cut_words
from limbeck.metrics.fitted.logistic_fit import even_weights, fit_logistic
from limbeck.recipe import Input

Floats = NDArray[np.float64]

_BUCKETS, _LONGEST = 2**18, 2048
_READ = Input(encoder="ngrams", ngrams=(1, 3), word_ngrams=2, buckets=_BUCKETS)
_WORDS = 3  # longest n-gram where words stand alone
_SPACED = 0.08  # share of blanks among characters from which on words are spaced
_STRENGTH, _ITERATIONS = 4.0, 60
_LEFT_OUT = 2000  # rows of each scenario that the classifiers with one left out learn from
FAMILIES = ("characters and words", "words")
NAMES = ("pooled",)


class Pool:
    """Linear classifiers of K scenarios' texts.

    Parameters
    ----------
    frames, labels
        Of each scenario its texts, in the first column, and their classes int64 [M_k].
    classes
        Number of classes C.
    """

    def __init__(
        self, frames: Sequence[pl.DataFrame], labels: Sequence[NDArray[np.int64]], classes: int, seed: int = 0
    ) -> None:
        self.column, self.classes, self.seed = frames[0].columns[0], classes, seed
        self._labels = [np.asarray(one, dtype=np.int64) for one in labels]
        self._fitted: dict[int | None, _Linear] = {}
        texts = [_texts(frame, self.column) for frame in frames]
        spaced = np.mean([_blanks(rows[:500]) for rows in texts]) > _SPACED
        self.family = FAMILIES[0]
        self._counts = [_counted(rows, self.family) for rows in texts]
        if spaced and len(frames) > 1:
            self._choose_family(texts)

    def predict(self, frame: pl.DataFrame, name: str = "pooled", target: pl.DataFrame | None = None) -> Floats:
        """Return the answers float64 [N, C] of the classifier of all scenarios to the rows of a frame."""
        del name, target
        return self._answers(None, frame)

    def left_out(self, name: str, k: int, frame: pl.DataFrame) -> Floats:
        """Return the answers float64 [N, C] of the classifier of all scenarios but number ``k``."""
        del name
        return self._answers(k, frame)

    def _choose_family(self, texts: Sequence[list[str]]) -> None:
        """Keep whichever n-grams do better on the scenarios that are left out."""
        kept = {}
        for family in FAMILIES:
            self.family, self._fitted = family, {}
            self._counts = [_counted(rows, family) for rows in texts]
            right = [(self._model(k)(one[:_LEFT_OUT]).argmax(axis=1) == self._labels[k][:_LEFT_OUT]).mean()
                     for k, one in enumerate(self._counts)]  # fmt: skip
            kept[family] = (float(np.mean(right)), self._counts, self._fitted)
        self.family = max(kept, key=lambda family: kept[family][0])
        _, self._counts, self._fitted = kept[self.family]

    def _answers(self, k: int | None, frame: pl.DataFrame) -> Floats:
        model, out = self._model(k), np.empty((frame.height, self.classes))
        for start in range(0, frame.height, 20_000):
            part = frame[start : start + 20_000]
            out[start : start + 20_000] = model(_counted(_texts(part, self.column), self.family))
        return out

    def _model(self, k: int | None) -> _Linear:
        """Return the classifier of all scenarios, or of a part of the rows of all but number ``k``."""
        if k in self._fitted:
            return self._fitted[k]
        rng = np.random.default_rng(self.seed)
        rows, labels = [], []
        for j, (one, own) in enumerate(zip(self._counts, self._labels, strict=True)):
            chosen = np.sort(rng.permutation(one.shape[0])[: one.shape[0] if k is None else _LEFT_OUT])
            if j != k:
                rows.append(one[chosen])
                labels.append(own[chosen])
        self._fitted[k] = _Linear(rows, labels, self.classes)
        return self._fitted[k]


class _Linear:
    """Logistic regression on TF-IDF; in each scenario the classes weigh alike, so that no word learns its class rates.

    Several classes are told apart one against the rest.
    """

    def __init__(self, counts: Sequence[Any], labels: Sequence[NDArray[np.int64]], classes: int) -> None:
        check()
        rows, own = sparse.vstack(counts, format="csr"), np.concatenate(labels)
        seen = np.bincount(rows.indices, minlength=rows.shape[1])
        self.kept = np.flatnonzero(seen >= 2)
        self.idf = np.log((1 + rows.shape[0]) / (1 + seen[self.kept])) + 1
        X = self._scaled(rows)
        weight = np.concatenate([even_weights(one, classes) for one in labels])
        columns = [1] if classes == 2 else range(classes)
        fitted = [
            fit_logistic(X, (own == c).astype(np.float64), weight, strength=_STRENGTH, iterations=_ITERATIONS)
            for c in columns
        ]
        self.parts = np.stack(fitted, axis=1)

    def __call__(self, counts: Any) -> Floats:
        z = self._scaled(counts) @ self.parts[:-1] + self.parts[-1]
        p = 1.0 / (1.0 + np.exp(-np.clip(z, -30, 30)))
        if p.shape[1] == 1:
            return np.hstack([1 - p, p])
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def _scaled(self, counts: Any) -> Any:
        return unit_rows(counts[:, self.kept] @ sparse.diags_array(self.idf))


def _counted(texts: list[str], family: str) -> Any:
    """Return hashed n-grams of texts, sparse float64 [N, buckets + 1]: one and the logarithm of how often."""
    texts = clean_all(texts, _READ.clean)
    if family == FAMILIES[0]:
        rows = Ngrams(_READ).encode(texts, _LONGEST)
        assert rows.weights is not None
        parts = (rows.weights.astype(np.float64), rows.values, rows.offsets.astype(np.int32))
        return sparse.csr_array(parts, shape=(len(rows), _BUCKETS + 1))
    words = [[word for word in cut_words(text[:_LONGEST]) if not word.isspace()] for text in texts]
    owner = np.repeat(np.arange(len(texts)), [len(row) for row in words])
    found = hashed_ngrams(word_codes(words), owner, 1, _WORDS)
    rows_of, ids = (np.concatenate(one) for one in zip(*found, strict=True))
    ones = np.ones(len(ids))
    matrix = sparse.coo_array((ones, (rows_of, (ids % np.uint64(_BUCKETS)).astype(np.int64) + 1)),
                              shape=(len(texts), _BUCKETS + 1)).tocsr()  # fmt: skip
    matrix.sum_duplicates()
    matrix.data = 1 + np.log(matrix.data)
    return unit_rows(matrix)


def _blanks(texts: Sequence[str]) -> float:
    """Return the share of blanks among the characters of texts."""
    whole = "".join(texts)
    return whole.count(" ") / max(len(whole), 1)


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    return list(frame[column].cast(pl.String).fill_null("").to_list())
