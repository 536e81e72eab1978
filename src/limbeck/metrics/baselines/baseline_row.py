"""What baselines share: their line of the report, and scikit-learn's gradient boosting behind two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import needing
from limbeck.metrics.measure import measure

CHECKED = 5_000  # training rows
_STEADY = {"l2_regularization": 1.0}
LEFT_OUT = "left_out"  # in place of figures: why a baseline has none
SHOWN = ("accuracy", "macro_f1", "roc_auc")


def line(
    name: str,
    y: ArrayLike,
    p: ArrayLike,
    classes: Sequence[str],
    positive: int | None,
    *,
    learned: int,
    seconds: float,
    more: Sequence[str] = (),
) -> dict[str, Any]:
    """Return name, accuracy, macro_f1, roc_auc, n_train and seconds of answers p float[N, C] to labels y int64[N].

    ``more`` names further metrics of `limbeck.metrics.measure.measure`.
    """
    found = measure(y, p, classes, positive=positive, bootstrap=0)
    return {"name": name, **{key: found[key] for key in (*SHOWN, *more)}, "n_train": learned, "seconds": seconds}


def fit_boosting(
    train: NDArray[np.float32],
    y: ArrayLike,
    purpose: str,
    *,
    steady: bool = False,
    weight: NDArray[np.float64] | None = None,
    **options: Any,
) -> Any:
    """Fit histogram gradient boosting (Ke et al. 2017) on train float32[N, F]; return scikit-learn's model.

    Where a class has a handful of rows, leaves full of rows that are sure of other classes have next to no curvature,
    and Newton's step runs away: the loss on the training rows themselves ends above that of their class shares. Such a
    fit is thrown away for one whose steps are held back.

    Parameters
    ----------
    steady
        Hold steps back at once.
    weight
        float64[N], of the rows.
    options
        Of scikit-learn's model.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    with needing("scikit-learn", "train", purpose):
        from sklearn.ensemble import HistGradientBoostingClassifier
    labels, options = np.asarray(y), {"random_state": 0, **options}
    if not steady:
        model = HistGradientBoostingClassifier(**options).fit(train, labels, sample_weight=weight)
        if learned_something(model, train, labels):
            return model
    return HistGradientBoostingClassifier(**{**options, **_STEADY}).fit(train, labels, sample_weight=weight)


def learned_something(model: Any, train: NDArray[np.float32], y: NDArray[Any]) -> bool:
    """Return whether a model's log loss on (at most `CHECKED` of) its training rows is below that of class shares."""
    rows = np.random.default_rng(0).permutation(len(y))[:CHECKED]
    place = np.searchsorted(model.classes_, y[rows])
    told = model.predict_proba(train[rows])[np.arange(len(rows)), place]
    shares = np.bincount(place, minlength=len(model.classes_)) / len(rows)
    return bool(-np.log(np.maximum(told, 1e-15)).mean() <= -np.log(shares[place]).mean() + 1e-9)


def spread_out(model: Any, rows: NDArray[np.float32], classes: int) -> NDArray[np.float64]:
    """Return float64[M, C] of rows float32[M, F]; a class that the model has not met gets 0."""
    p = np.zeros((len(rows), classes))
    p[:, model.classes_] = model.predict_proba(rows)
    return p


def boosted(
    train: NDArray[np.float32],
    y: ArrayLike,
    test: NDArray[np.float32],
    classes: int,
    purpose: str,
    *,
    steady: bool = False,
) -> NDArray[np.float64]:
    """Fit boosting on train float32[N, F] and return float64[M, C] of test; see `fit_boosting`."""
    return spread_out(fit_boosting(train, y, purpose, steady=steady), test, classes)
