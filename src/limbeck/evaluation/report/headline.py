"""The headline of the report as one message: how good, against what, how calibrated, on how many rows.

The terminal and the model card say the same in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.messages.message import Message, message
from limbeck.metrics.baselines.majority_baseline import NAME as MAJORITY

# ECE up to which probabilities may be read as they stand, and up to which with care.
_WELL, _FAIR = 0.02, 0.05
ELSEWHERE = "elsewhere"  # marks the row of a baseline that was measured on other rows: nothing follows from it here


def verdict(
    metrics: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]] = (), *, detector: bool = False,
    seen: bool = False,
) -> Message:  # fmt: skip
    """Return the headline from the dict of `metrics.measure` and the rows of the baselines.

    Of a ``detector`` the order of its scores counts; its probabilities are no frequencies. Where it has ``seen`` some
    of the rows, the figure stands alone: neither a comparison nor calibration can be read off such rows.
    """
    if not metrics.get("n") or metrics.get("accuracy") is None:
        return message("verdict.no_rows")
    n, accuracy = int(metrics["n"]), float(metrics["accuracy"])
    span = metrics.get("confidence_intervals", {}).get("accuracy")
    among = message("verdict.some_seen") if seen else ""
    head = message("verdict.accuracy", accuracy=100 * accuracy, count=n, span=_span(span, "verdict.span"), seen=among)
    told = _ordered(metrics.get("roc_auc")) if detector else calibration(metrics)
    against = _against(metrics, accuracy, span, baselines, detector=detector)
    more = [] if seen else [part for part in (against, told) if part is not None]
    return message(
        "verdict.whole", head=reduce(lambda one, part: message("verdict.and", head=one, more=part), more, head)
    )


def calibration(metrics: Mapping[str, Any]) -> Message | None:
    """Return how far probabilities can be read as they stand; None where nothing was measured."""
    if metrics.get("ece") is None:
        return None
    ece = float(metrics["ece"])
    code = "verdict.not_calibrated"
    if ece <= _FAIR:
        code = "verdict.calibrated" if ece <= _WELL else "verdict.fairly_calibrated"
    span = metrics.get("confidence_intervals", {}).get("ece")
    return message(code, ece=100 * ece, span=_span(span, "verdict.span_within"))


def always(metrics: Mapping[str, Any]) -> tuple[str, float] | None:
    """Return the most frequent class of the rows and its share: the accuracy of always answering it."""
    support = {name: int(row["support"]) for name, row in metrics.get("per_class", {}).items()}
    if not sum(support.values()):
        return None
    most = max(support, key=support.__getitem__)
    return most, support[most] / sum(support.values())


def _against(
    metrics: Mapping[str, Any], accuracy: float, span: Sequence[float] | None, baselines: Sequence[Mapping[str, Any]],
    *, detector: bool,
) -> Message | None:  # fmt: skip
    known = [row for row in baselines if row.get("accuracy") is not None and not row.get(ELSEWHERE)]
    if detector or all(row.get("name") == MAJORITY for row in known):
        known = [row for row in known if row.get("name") != MAJORITY]
    rivals = [(float(row["accuracy"]), _baseline(row)) for row in known]
    most = None if detector else always(metrics)
    # A classifier that knows nothing is worth naming where nothing stands above it: there is nothing to praise then.
    if most and (span[0] if span else accuracy) <= most[1]:
        rivals.append((most[1], message("verdict.always", name=inert(most[0], 60))))
    if not rivals:
        return None
    other, name = max(rivals, key=lambda rival: rival[0])
    points = 100 * (accuracy - other)
    if span and span[0] <= other <= span[1]:
        return message("verdict.no_difference", name=name, points=points)
    return message("verdict.above" if points >= 0 else "verdict.below", name=name, points=abs(points))


def _baseline(row: Mapping[str, Any]) -> Message:
    if row.get("name") == MAJORITY and "class" in row:
        return message("verdict.always", name=inert(row["class"], 60))
    known = named(row.get("name", "baseline"))
    return message("verdict.baseline", name=known if isinstance(known, Message) else inert(known, 60))


def _ordered(area: float | None) -> Message | None:
    return None if area is None else message("verdict.ordered", share=100 * area)


def _span(span: Sequence[float] | None, code: str) -> str:
    return message(code, low=100 * span[0], high=100 * span[1]) if span else ""
