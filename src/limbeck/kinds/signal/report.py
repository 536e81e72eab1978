"""What the report of a classifier of signals shows beyond the others: operating points, and the worst beats drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from limbeck.kinds.predictor import Predictor
from limbeck.kinds.signal.beat_figures import beat_figures
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.rows import names_of
from limbeck.metrics.operating_points import sweep
from limbeck.metrics.slices import worst_rows


def pages(classifier: Predictor, frame: pl.DataFrame, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """Return ``operating`` and ``beats`` of the report; nothing where the windows are not there.

    frame holds the rows of y int64[N] and p float[N, C].
    """
    if SIGNAL not in frame.columns or not len(y):
        return {}
    decided = classifier.decide(p)
    positive = classifier.manifest.positive
    two = positive if len(classifier.classes) == 2 else None
    worst = worst_rows(y, p, threshold=classifier.threshold, positive=two).tolist()
    names = names_of(frame[worst])
    captions = {
        at: f"{name}: {classifier.classes[y[at]]} → {classifier.classes[decided[at]]}"
        for at, name in zip(worst, names, strict=True)
    }
    return {
        "operating": sweep(y, p, classifier.threshold, positive),
        "beats": beat_figures(classifier, frame, worst, decided.tolist(), captions),
    }


def figures(y: np.ndarray, p: np.ndarray, manifest: Any) -> dict[str, Any]:
    """Return ``operating`` of answers p float[N, C] to rows of y int64[N]; see `operating_points.sweep`."""
    return {"operating": sweep(y, p, manifest.threshold, manifest.positive)}
