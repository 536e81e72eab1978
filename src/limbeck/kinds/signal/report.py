"""What the report of a classifier of signals shows beyond the others: the worst beats drawn."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.kinds.predictor import Predictor
from limbeck.kinds.signal.beat_figures import beat_figures, on_paper
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.kinds.signal.encode import windows_of
from limbeck.kinds.signal.reading.read import read_source
from limbeck.kinds.signal.rows import names_of
from limbeck.metrics.slices import worst_rows
from limbeck.recipe import Task
from limbeck.recipe.signal import Signal


def pages(classifier: Predictor, frame: pl.DataFrame, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """Return ``beats`` of the report; nothing where the windows are not there.

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
    return {"beats": beat_figures(classifier, frame, worst, decided.tolist(), captions)}


def drawing(file: Path, number: int, manifest: Any) -> str | None:
    """Return one row of a file of signals as inline SVG on the standard grid; None where the file has no such row.

    ``number`` counts the beats of the file from 1, as ``row`` of a prediction does.
    """
    settings = manifest.input.signal
    task_and_settings = manifest.task.model_dump_json(), settings.model_dump_json()
    frame, numbers = _read(file, file.stat().st_mtime_ns, *task_and_settings)
    places = np.flatnonzero(numbers == number)
    if not len(places):
        return None
    row = frame[int(places[0]) : int(places[0]) + 1]
    window = windows_of(row, (len(settings.leads), settings.samples))[0]
    return on_paper(window, settings.rate, names_of(row)[0])


@lru_cache(maxsize=4)
def _read(file: Path, _changed: int, task: str, settings: str) -> tuple[pl.DataFrame, np.ndarray]:
    """Return the rows of a file and their numbers: reviewers look at many beats of one record."""
    found = read_source(file, Task.model_validate_json(task), Signal.model_validate_json(settings), labelled=False)
    return found.frame, found.numbers
