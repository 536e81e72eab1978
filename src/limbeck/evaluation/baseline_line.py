"""What baselines share: their line of the report, and scikit-learn's gradient boosting behind two of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.errors import missing_extra
from limbeck.evaluation.metrics import measure

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

    ``more`` names further metrics of `limbeck.evaluation.metrics.measure`.
    """
    found = measure(y, p, classes, positive=positive, bootstrap=0)
    return {"name": name, **{key: found[key] for key in (*SHOWN, *more)}, "n_train": learned, "seconds": seconds}


def fit_boosting(train: NDArray[np.float32], y: ArrayLike, purpose: str) -> Any:
    """Fit histogram gradient boosting (Ke et al. 2017) on train float32[N, F]; return scikit-learn's model.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError as error:
        raise missing_extra("scikit-learn", "train", purpose) from error
    return HistGradientBoostingClassifier(random_state=0).fit(train, np.asarray(y))


def spread_out(model: Any, rows: NDArray[np.float32], classes: int) -> NDArray[np.float64]:
    """Return float64[M, C] of rows float32[M, F]; a class that the model has not met gets 0."""
    p = np.zeros((len(rows), classes))
    p[:, model.classes_] = model.predict_proba(rows)
    return p


def boosted(
    train: NDArray[np.float32], y: ArrayLike, test: NDArray[np.float32], classes: int, purpose: str
) -> NDArray[np.float64]:
    """Fit boosting on train float32[N, F] and return float64[M, C] of test; see `fit_boosting`."""
    return spread_out(fit_boosting(train, y, purpose), test, classes)
