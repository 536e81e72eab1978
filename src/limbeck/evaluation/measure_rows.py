"""Answers to labelled rows become metrics, weak slices, the worst errors, and what a detector finds strangest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.classifier import Classifier
from limbeck.data.tables.rows import text_column
from limbeck.messages.message import Message
from limbeck.metrics.measure import measure
from limbeck.metrics.slices import worst_rows, worst_slices
from limbeck.recipe import Attacks
from limbeck.tasks.classify.attack_rows import judge_attacks

WORST, STRANGEST = 24, 12  # rows of a report's lists


@dataclass(frozen=True)
class RowFigures:
    """Metrics of one classifier on labelled rows, and what the report shows beside them.

    ``worst`` are the errors, the most confident first, ``strangest`` the rows most likely positive, right or wrong.
    """

    metrics: dict[str, Any]
    slices: list[dict[str, Any]]
    worst: list[dict[str, Any]]
    strangest: list[dict[str, Any]]
    findings: list[Message]

    def pictured(self, frame: pl.DataFrame, classifier: Classifier) -> RowFigures:
        """Return it with small pictures of those rows; ``frame`` holds the rows evaluated."""
        shown = classifier.kind.load("gallery").with_thumbnails
        strangest = shown(self.strangest, frame, classifier) if classifier.mapped else []
        return replace(self, worst=shown(self.worst, frame, classifier), strangest=strangest)


def measure_rows(
    y: np.ndarray,
    p: np.ndarray,
    decided: np.ndarray,
    classes: Sequence[str],
    *,
    positive: int,
    threshold: float,
    texts: Sequence[str],
    numbers: np.ndarray,
    columns: Mapping[str, Sequence[str | None]],
    groups: Sequence[Any] | None = None,
    bootstrap: int = 1000,
    by_length: bool = True,
    attacks: Attacks | None = None,
    frame: pl.DataFrame | None = None,
) -> RowFigures:
    """Measure answers p float[N, C], decided int64[N], against labels y int64[N].

    ``by_length`` looks for weak slices by the length of ``texts`` too: of no use where they are paths of pictures. With
    ``attacks`` the metrics hold those of `limbeck.metrics.presentation_attacks` too, species from ``frame``.
    """
    one = positive if len(classes) == 2 else None
    metrics = measure(y, p, classes, positive=one, threshold=threshold, bootstrap=bootstrap, groups=groups)
    findings: list[Message] = []
    if attacks is not None and frame is not None:
        found, findings = judge_attacks(
            attacks, frame, y, p, classes, positive=positive, threshold=threshold, bootstrap=bootstrap, groups=groups
        )
        metrics["confidence_intervals"] |= found.pop("confidence_intervals")
        metrics |= found
    lengths = np.array([len(text) for text in texts]) if by_length else None
    slices = worst_slices(y, decided, columns, lengths)

    def cases(chosen: np.ndarray) -> list[dict[str, Any]]:
        return [
            {
                "at": int(index),
                "row": int(numbers[index]),
                "text": texts[index],
                "true": classes[y[index]],
                "predicted": classes[decided[index]],
                "probability": float(p[index, decided[index]]),
            }
            for index in chosen
        ]

    worst = cases(worst_rows(y, p, WORST, threshold=threshold, positive=one))
    strangest = cases(np.argsort(-p[:, positive], kind="stable")[:STRANGEST])
    return RowFigures(metrics, slices, worst, strangest, findings)


def groups_of(frame: pl.DataFrame, column: str | None) -> list[str] | None:
    """Return the group of each row, None without a column; a row whose cell is empty is a group of its own."""
    if column is None:
        return None
    return [f"\0{at}" if cell is None else cell for at, cell in enumerate(text_column(frame[column]).to_list())]
