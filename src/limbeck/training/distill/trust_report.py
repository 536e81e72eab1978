"""The trust report of a distillation as plain data: what `trust.json` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import relevance
from limbeck.messages.message import Message, as_json, stored
from limbeck.training.distill.panel import Panel


def trust_of(
    panel: Panel,
    P: NDArray[np.float32],
    fused: relevance.Fused,
    answer: NDArray[np.float64],
    notes: Sequence[str],
    classes: tuple[str, ...],
    measured: Sequence[float | None] | None = None,
    unanswered: int = 0,
) -> dict[str, Any]:
    """Return the trust report: for each teacher relevance, interval, recall by class, rows decided, drop-one effect.

    ``measured`` are the teachers' accuracies on labelled test rows, where there are any. ``unanswered`` rows were asked
    about as well and got no answer; they are no part of P. Of one teacher alone nothing is estimated: its own
    confidence is no evidence.
    """
    several = len(P) > 1
    joined = relevance.Fused(answer, fused.relevance)
    estimate, by_class = relevance.accuracy_estimate(P, joined), relevance.accuracy_by_class(P, joined)
    calibration = relevance.calibration_estimate(P, joined)
    pushed = relevance.decided(P, fused.relevance)
    whole = relevance.top_shares(relevance.fixed(P, np.maximum(_mean_relevance(fused), 1e-9)).probabilities)
    teachers = []
    for k, name in enumerate(panel.names):
        without = np.delete(np.arange(len(P)), k)
        changed = None
        if len(without):
            rest = relevance.fixed(P[without], np.maximum(_mean_relevance(fused)[without], 1e-9)).probabilities
            same = (relevance.top_shares(rest) * whole).sum(axis=1) / np.square(whole).sum(axis=1)
            # A row that nobody else answers is lost without it.
            lost = relevance.answered(P) & ~relevance.answered(P[without])
            changed = float(np.where(lost, 1.0, 1.0 - np.minimum(same, 1.0)).mean())
        teachers.append(
            {
                "name": name,
                "relevance": float(_mean_relevance(fused)[k]),
                "accuracy": float(estimate.estimate[k]) if several else None,
                "interval": [float(estimate.low[k]), float(estimate.high[k])] if several else [None, None],
                "recall": {label: float(by_class[k, at]) if several else None for at, label in enumerate(classes)},
                "calibration": float(calibration[k]) if several else None,
                "decided": int(pushed[k]),
                "flips_without": changed,
                **({} if measured is None else {"measured_accuracy": measured[k]}),
            }
        )
    return {
        "rows": P.shape[1] + unanswered,
        "unanswered": unanswered,
        "teachers": teachers,
        "expected_accuracy": relevance.expected_accuracy(answer) if several else None,
        "class_rates": dict(zip(classes, map(float, relevance.class_shares(answer)), strict=True)),
        "notes": list(notes),
        "messages": stored(notes),
    }


def add_note(trust: dict[str, Any], note: Message) -> None:
    """Add a note to a trust report, and its code and values."""
    trust["notes"].append(note)
    trust["messages"].append(as_json(note))


def _mean_relevance(fused: relevance.Fused) -> NDArray[np.float64]:
    return np.asarray(fused.relevance if fused.relevance.ndim == 1 else np.nanmean(fused.relevance, axis=1))
