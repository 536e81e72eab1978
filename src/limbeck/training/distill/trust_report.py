"""The trust report of a distillation as plain data: what `trust.json` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck import relevance
from limbeck.messages.message import Message, as_json, stored
from limbeck.training.distill.cold_start import Replayed
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
    replayed: Replayed | None = None,
) -> dict[str, Any]:
    """Return the trust report: for each teacher relevance, interval, recall by class, rows decided, drop-one effect.

    ``measured`` are the teachers' accuracies on labelled test rows, where there are any. ``unanswered`` rows were asked
    about as well and got no answer; they are no part of P. Of one teacher alone nothing is estimated: its own
    confidence is no evidence.
    """
    several = len(P) > 1
    joined = relevance.Fused(answer, fused.relevance)
    estimate, by_class = relevance.accuracy_estimate(P, joined), relevance.accuracy_by_class(P, joined)
    if replayed is not None:
        estimate = _widened(estimate, replayed.chosen.teacher_error)
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
        "expected_accuracy": _expected(answer, replayed) if several else None,
        "class_rates": dict(zip(classes, map(float, relevance.class_shares(answer)), strict=True)),
        "notes": list(notes),
        "messages": stored(notes),
        **({} if replayed is None else _evidence(replayed, answer, classes)),
    }


def _expected(answer: NDArray[np.float64], replayed: Replayed | None) -> float:
    """Return the expected accuracy, less by how much it was too high in the replay."""
    found = relevance.expected_accuracy(answer)
    return found if replayed is None else float(np.clip(found - replayed.chosen.optimism, 1 / answer.shape[1], 1))


def _widened(estimate: relevance.Estimate, error: float) -> relevance.Estimate:
    """Return intervals as wide as the errors of the replay ask for: Student's t of few scenarios, about 2.3."""
    half = np.maximum((estimate.high - estimate.low) / 2, 2.3 * error)
    middle = estimate.estimate
    return relevance.Estimate(middle, np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1))


def _evidence(replayed: Replayed, answer: NDArray[np.float64], classes: tuple[str, ...]) -> dict[str, Any]:
    """Return what the replay chose by, and intervals of class rates and expected accuracy."""
    chosen, rates = replayed.chosen, replayed.rates
    middle = _expected(answer, replayed)
    half = 2.3 * max(chosen.spread, 0.01)
    return {
        "replay": [
            {"name": row.name, "accuracy": row.accuracy, "gain": row.gain, "error": row.error} for row in chosen.tried
        ],
        "chosen": f"{chosen.name}+{chosen.rounds}" if chosen.rounds else chosen.name,
        "expected_accuracy_interval": [max(middle - half, 0.0), min(middle + half, 1.0)],
        "class_rate_interval": {
            name: [float(low), float(high)] for name, low, high in zip(classes, rates.low, rates.high, strict=True)
        },
        "order_known": chosen.order_known,
    }


def add_note(trust: dict[str, Any], note: Message) -> None:
    """Add a note to a trust report, and its code and values."""
    trust["notes"].append(note)
    trust["messages"].append(as_json(note))


def _mean_relevance(fused: relevance.Fused) -> NDArray[np.float64]:
    return np.asarray(fused.relevance if fused.relevance.ndim == 1 else np.nanmean(fused.relevance, axis=1))
