"""A few reviewed labels: a plain classifier of them joins the cold start's answer, by as much as they support it.

With k labels one can refit the cold start's threshold, learn a plain classifier, or both. The joined log-odds are

    a * (cold start) + c * (plain classifier) + b

with normal priors that hold a to 1 and c and b to 0, so that no label leaves the cold start as it was. The plain
classifier answers reviewed rows out of fold (stacking, Wolpert 1992), as it knows their labels by heart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from limbeck.data.split import folds as deal
from limbeck.metrics.logits import softmax
from limbeck.relevance.models.logistic import minimise
from limbeck.relevance.probabilities import Floats, Ints

FOLDS, FEWEST = 5, 4  # folds, and labels of a class without which no plain classifier is learned
_HOLD = (1.0, 0.3, 1.0)  # precision of the priors of a, c and b
_MOST = 8.0  # log-odds of an answer at most, so that no sure answer drowns the labels


def joined_with_labels(
    answer: Floats,
    frame: pl.DataFrame,
    rows: Ints,
    labels: Ints,
    fit: Callable[[pl.DataFrame, Ints], Any],
    *,
    seed: int = 0,
) -> Floats:
    """Return the joined answer float64[N, C]; reviewed rows are their label for certain.

    Parameters
    ----------
    answer, frame
        The cold start's answer float64[N, C], and the input columns of the rows.
    rows, labels
        Which rows are reviewed, and their classes, int64[k] each.
    fit
        Learns a plain classifier of a frame and labels: an object with ``classes_`` and ``predict_proba``.
    """
    cold = _centred(answer)
    plain = _plain(frame, rows, labels, answer.shape[1], fit, seed)
    both = cold[rows], None if plain is None else plain[0]
    weights, shift = _stacked(*both, labels)
    z = weights[0] * cold + shift
    if plain is not None:
        z = z + weights[1] * plain[1]
    out: Floats = softmax(z)
    out[rows] = np.eye(answer.shape[1])[labels]
    return out


def _plain(
    frame: pl.DataFrame, rows: Ints, labels: Ints, C: int, fit: Callable[[pl.DataFrame, Ints], Any], seed: int
) -> tuple[Floats, Floats] | None:
    """Return a plain classifier's log-odds of reviewed rows, out of fold, and of all rows; None with too few labels."""
    count = np.bincount(labels, minlength=C)
    if (count[count > 0] < FEWEST).any() or (count > 0).sum() < 2:
        return None
    known = frame[rows]
    fold = deal(len(rows), min(FOLDS, int(count[count > 0].min())), labels=labels, seed=seed)
    out = np.zeros((len(rows), C))
    for number in np.unique(fold):
        seen, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        out[held] = _answers(fit(known[seen], labels[seen]), known[held], C)
    return _centred(out), _centred(_answers(fit(known, labels), frame, C))


def _answers(model: Any, frame: pl.DataFrame, C: int) -> Floats:
    out = np.full((frame.height, C), 1e-3)
    out[:, model.classes_] += model.predict_proba(frame)
    return np.asarray(out / out.sum(axis=1, keepdims=True))


def _stacked(cold: Floats, plain: Floats | None, labels: Ints) -> tuple[Floats, Floats]:
    """Return the weights (a, c) and the shift float64[C]."""
    C = cold.shape[1]
    truth = np.eye(C)[labels]
    parts = [cold] if plain is None else [cold, plain]
    middle = np.array([1.0, 0.0])[: len(parts)]
    hold = np.array(_HOLD[:2])[: len(parts)]

    def loss(v: Floats) -> tuple[float, Floats]:
        weights, shift = v[: len(parts)], v[len(parts) :]
        q = softmax(sum((w * z for w, z in zip(weights, parts, strict=True)), start=np.zeros_like(cold)) + shift)
        away = weights - middle
        value = -float(np.log(np.maximum((q * truth).sum(axis=1), 1e-300)).sum())
        value += float((hold * away * away).sum() + _HOLD[2] * (shift @ shift)) / 2
        pull = q - truth
        by_weight = np.array([(pull * z).sum() for z in parts]) + hold * away
        return value, np.append(by_weight, pull.sum(axis=0) + _HOLD[2] * shift)

    found = minimise(loss, np.append(middle, np.zeros(C)))
    return np.append(found[: len(parts)], 0.0)[:2], found[len(parts) :]


def _centred(probabilities: Floats) -> Floats:
    z = np.log(np.maximum(probabilities, 1e-6))
    z = z - z.mean(axis=1, keepdims=True)
    return np.asarray(np.clip(z, -_MOST / 2, _MOST / 2))
