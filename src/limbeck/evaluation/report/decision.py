"""The decision that a report is read for: can this model be used, with or without people, and what would help.

A rule of thumb on measured figures, with its reasons beside it; the limits stand in docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limbeck.evaluation.report.headline import ELSEWHERE, always
from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.messages.message import Message, message
from limbeck.metrics.automation import Automatic

SHIP, REVIEW, STOP, UNKNOWN = "ship", "review", "stop", "unknown"
_HEADS = {
    SHIP: message("decision.ship"), REVIEW: message("decision.review"), STOP: message("decision.stop"),
    UNKNOWN: message("decision.unknown"),
}  # fmt: skip
FEW = 50  # rows under which nothing is decided
_RIGHT = 0.95  # accuracy from which on nobody has to look
_WORTH = 0.2  # coverage at that accuracy under which a model spares too little work
_WEAK, _WEAK_ROWS = 0.5, 5  # recall under which a class counts as not learned, of classes with so many rows
_ECE = 0.1  # from which probabilities mislead
_ATTACKS = 0.1  # share of attacks of the worst species that may pass
_ORDER, _FOUND = 0.8, 0.5  # of a detector: pairs in the right order, and anomalies found at the threshold


@dataclass(frozen=True)
class Decision:
    """What to do, why, and what would help most; ``grade`` is ship, review, stop or unknown."""

    grade: str
    reasons: tuple[Message, ...]
    advice: Message

    @property
    def head(self) -> Message:
        """The grade in words."""
        return _HEADS[self.grade]

    def facts(self) -> dict[str, Any]:
        """Return it as metrics.json holds it."""
        return {
            "grade": self.grade,
            "head": str(self.head),
            "reasons": [str(one) for one in self.reasons],
            "advice": str(self.advice),
        }


def decide(
    metrics: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]], automatic: Sequence[Automatic], *,
    detector: bool = False, seen: bool = False,
) -> Decision:  # fmt: skip
    """Return the decision that follows from the dict of `metrics.measure`, the baselines and the coverage.

    Where the bundle has ``seen`` some of the rows, or there are too few of them, nothing follows.
    """
    n = int(metrics.get("n") or 0)
    if seen:
        return Decision(UNKNOWN, (message("decision.seen"),), message("decision.fresh_rows"))
    if n < FEW or metrics.get("accuracy") is None:
        return Decision(UNKNOWN, (message("decision.few_rows", count=n),), message("decision.more_rows", least=FEW))
    if detector:
        return _of_detector(metrics)
    reasons, stop = _worse_than_plain(metrics, baselines)
    weak = _weak(metrics)
    accuracy, ece = float(metrics["accuracy"]), metrics.get("ece")
    enough = next((one for one in automatic if one.target >= _RIGHT), None)
    passing = metrics.get("apcer")
    attacked = passing is not None and float(passing) > _ATTACKS
    if attacked:
        reasons.append(message("decision.attacks", share=float(passing)))  # type: ignore[arg-type]
    if accuracy >= _RIGHT:
        reasons.append(message("decision.right", accuracy=accuracy, count=n))
    elif enough is not None and enough.coverage >= _WORTH:
        reasons.append(message("decision.alone", share=enough.coverage, right=enough.accuracy, cut=enough.threshold))
    else:
        reasons.append(message("decision.little_alone", wanted=_RIGHT, share=enough.coverage if enough else 0.0))
        stop = True
    if weak is not None:
        name, recall, support = weak
        reasons.append(message("decision.weak_class", name=inert(name, 60), recall=recall, count=support))
    crooked = ece is not None and float(ece) > _ECE
    if crooked:
        reasons.append(message("decision.crooked", ece=float(ece)))  # type: ignore[arg-type]
    grade = SHIP if accuracy >= _RIGHT and weak is None and not crooked else REVIEW
    return Decision(STOP if stop or attacked else grade, tuple(reasons), _advice(metrics, weak, crooked=crooked))


def _of_detector(metrics: Mapping[str, Any]) -> Decision:
    """Return the decision on a detector of anomalies: its order, and what it finds at its threshold."""
    area, found = metrics.get("roc_auc"), metrics.get("recall")
    if area is None or found is None:
        return Decision(UNKNOWN, (message("decision.one_class"),), message("decision.both_classes"))
    alarms = float(metrics.get("fpr") or 0.0)
    finds = message("decision.finds", found=float(found), alarms=alarms)
    reasons = finds, message("decision.order", share=float(area))
    if area < _ORDER or found < _FOUND:
        advice = message("decision.threshold") if area >= _ORDER else message("decision.other_detector")
        return Decision(STOP, reasons, advice)
    return Decision(REVIEW, reasons, message("decision.watch"))


def _worse_than_plain(
    metrics: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]]
) -> tuple[list[Message], bool]:  # fmt: skip
    """Return what speaks against a model that plain means beat, and whether they do."""
    accuracy = float(metrics["accuracy"])
    low, high = metrics.get("confidence_intervals", {}).get("accuracy") or (accuracy, accuracy)
    most = always(metrics)
    if most is not None and low <= most[1]:
        return [message("decision.like_always", name=inert(most[0], 60), share=most[1])], True
    rivals = [row for row in baselines if row.get("accuracy") is not None and not row.get(ELSEWHERE)]
    best = max(rivals, key=lambda row: float(row["accuracy"]), default=None)
    if best is not None and high < float(best["accuracy"]):
        known = named(best.get("name", ""))
        name = known if isinstance(known, Message) else inert(known, 60)
        return [message("decision.below", name=name, points=100 * (float(best["accuracy"]) - accuracy))], True
    return [], False


def _weak(metrics: Mapping[str, Any]) -> tuple[str, float, int] | None:
    """Return name, recall and rows of the class that is found least, if that is seldom."""
    rows = [
        (name, float(row["recall"]), int(row["support"]))
        for name, row in metrics.get("per_class", {}).items()
        if int(row["support"]) >= _WEAK_ROWS and row.get("recall") is not None
    ]
    worst = min(rows, key=lambda row: row[1], default=None)
    return worst if worst is not None and worst[1] < _WEAK else None


def _advice(metrics: Mapping[str, Any], weak: tuple[str, float, int] | None, *, crooked: bool) -> Message:
    if weak is not None:
        return message("decision.more_of_class", name=inert(weak[0], 60))
    if crooked:
        return message("decision.recalibrate")
    if float(metrics["accuracy"]) < _RIGHT:
        return message("decision.review_worst")
    return message("decision.watch")
