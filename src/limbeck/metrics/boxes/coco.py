"""The metrics of COCO (Lin et al. 2014; https://cocodataset.org/#detection-eval), equal to those of pycocotools.

Precision is the mean over 101 recalls and, unless the name says otherwise, over ten thresholds of IoU from 0.5 to 0.95.
Objects are small below 32 x 32 pixels, large above 96 x 96. A region that is a crowd counts neither as found nor as
missed; what is found in it is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.metrics.boxes.overlap import Edges, areas, overlaps

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)
SIZES = {"all": (0.0, 1e10), "small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
MOST = (1, 10, 100)  # boxes of a picture and class that count
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Truth:
    """The true boxes of one picture: edges float64 [N, 4], labels int64 [N] (-1: of every class), crowd bool [N]."""

    edges: Edges
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]

    def of(self, kind: int) -> tuple[Edges, NDArray[np.bool_]]:
        """Return edges and crowds of one class; a region of every class is a crowd of each."""
        own = (self.labels == kind) | (self.labels < 0)
        return self.edges[own], self.crowd[own] | (self.labels[own] < 0)


@dataclass(frozen=True)
class Found:
    """The found boxes of one picture: edges float64 [N, 4], scores float64 [N], labels int64 [N]."""

    edges: Edges
    scores: Floats
    labels: NDArray[np.int64]

    def of(self, kind: int) -> tuple[Edges, Floats]:
        """Return edges and scores of one class, the highest scores first, at most the last of `MOST`."""
        own = np.flatnonzero(self.labels == kind)
        own = own[np.argsort(-self.scores[own], kind="mergesort")][: MOST[-1]]
        return self.edges[own], self.scores[own]


@dataclass(frozen=True)
class Matched:
    """The found boxes of a picture and class, matched at T thresholds: hits and boxes that do not count, bool [T, D].

    ``objects`` are the true boxes that count.
    """

    scores: Floats
    hit: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    objects: int


def matched(found: Edges, scores: Floats, true: Edges, crowd: NDArray[np.bool_], size: tuple[float, float]) -> Matched:
    """Match found boxes, highest first, each to the free true box that it overlaps most, at each threshold.

    As ``COCOeval.evaluateImg``: true boxes that count come first; a crowd takes any number of boxes.
    """
    area = areas(true)
    aside = crowd | (area < size[0]) | (area > size[1])
    order = np.argsort(aside, kind="mergesort")
    true, crowd, aside = true[order], crowd[order], aside[order]
    shared = overlaps(found, true, crowd)
    hit = np.zeros((len(THRESHOLDS), len(found)), dtype=bool)
    ignored = np.zeros_like(hit)
    taken = np.zeros((len(THRESHOLDS), len(true)), dtype=bool)
    least = np.minimum(THRESHOLDS, 1 - 1e-10)[:, None]
    steps = np.arange(len(THRESHOLDS))
    # Boxes that overlap nothing enough change nothing: they are most.
    for at in np.flatnonzero(shared.max(axis=1, initial=0.0) >= THRESHOLDS[0]).tolist():
        fits = (~taken | crowd[None, :]) & (shared[at][None, :] >= least)
        # Of equal overlaps the last one wins there; looking from the back, the first maximum is the last.
        best = np.full(len(THRESHOLDS), -1)
        for group in (aside, ~aside):  # boxes that count override those that do not
            values = np.where(fits & group[None, :], shared[at][None, :], -1.0)[:, ::-1]
            place = values.argmax(axis=1)
            some = values[steps, place] >= 0
            best[some] = len(true) - 1 - place[some]
        some = best >= 0
        hit[some, at] = True
        ignored[some, at] = aside[best[some]]
        taken[steps[some], best[some]] = True
    own = areas(found)
    ignored |= ~hit & ((own < size[0]) | (own > size[1]))[None, :]
    return Matched(scores, hit, ignored, int((~aside).sum()))


@dataclass(frozen=True)
class Curves:
    """Precision at 101 recalls float64 [T, 101], and the largest recall float64 [T], of one class and size."""

    precision: Floats
    recall: Floats
    scores: Floats


def curves(parts: Sequence[Matched], most: int) -> Curves | None:
    """Return precision over recall of all pictures, as ``COCOeval.accumulate``; None where no object counts."""
    objects = sum(part.objects for part in parts)
    if not objects:
        return None
    scores = np.concatenate([part.scores[:most] for part in parts])
    order = np.argsort(-scores, kind="mergesort")
    hit = np.concatenate([part.hit[:, :most] for part in parts], axis=1)[:, order]
    aside = np.concatenate([part.ignored[:, :most] for part in parts], axis=1)[:, order]
    right = np.cumsum(hit & ~aside, axis=1).astype(np.float64)
    wrong = np.cumsum(~hit & ~aside, axis=1).astype(np.float64)
    recall = right / objects
    precision = right / (right + wrong + np.spacing(1))
    steps = len(THRESHOLDS)
    out, reached, at_score = np.zeros((steps, len(RECALLS))), np.zeros(steps), np.zeros((steps, len(RECALLS)))
    for step in range(steps if len(order) else 0):
        falling = np.maximum.accumulate(precision[step][::-1])[::-1]
        places = np.searchsorted(recall[step], RECALLS, side="left")
        there = places < len(falling)
        out[step, there] = falling[places[there]]
        at_score[step, there] = scores[order][places[there]]
        reached[step] = recall[step, -1]
    return Curves(out, reached, at_score)


def coco_metrics(true: Sequence[Truth], found: Sequence[Found], classes: Sequence[str]) -> dict[str, Any]:
    """Return the twelve figures of COCO and those of each class; None where there is nothing to count.

    Returns
    -------
    dict
        ``ap, ap50, ap75, ap_small, ap_medium, ap_large, ar_1, ar_10, ar_100, ar_small, ar_medium, ar_large``;
        ``per_class``: class -> ``ap, ap50, ap75, objects``; ``curves``: class -> `Curves` at all sizes.
    """
    of_class: dict[str, dict[str, Curves | None]] = {}
    few: dict[str, list[Curves | None]] = {}
    objects = {}
    for kind, name in enumerate(classes):
        pairs = [(one.of(kind), other.of(kind)) for one, other in zip(found, true, strict=True)]
        pairs = [pair for pair in pairs if len(pair[0][0]) or len(pair[1][0])]
        by_size = {size: [matched(*one, *other, span) for one, other in pairs] for size, span in SIZES.items()}
        of_class[name] = {size: curves(parts, MOST[-1]) for size, parts in by_size.items()}
        few[name] = [curves(by_size["all"], most) for most in MOST[:-1]]
        objects[name] = sum(part.objects for part in by_size["all"])

    def mean(values: Sequence[Floats]) -> float | None:
        return float(np.mean(np.stack(values))) if len(values) else None

    def precision(size: str, step: int | None = None) -> float | None:
        every = [one for name in classes if (one := of_class[name][size]) is not None]
        return mean([one.precision if step is None else one.precision[step] for one in every])

    def recall(size: str) -> float | None:
        return mean([one.recall for name in classes if (one := of_class[name][size]) is not None])

    metrics: dict[str, Any] = {"ap": precision("all"), "ap50": precision("all", 0), "ap75": precision("all", 5)}
    metrics |= {f"ap_{size}": precision(size) for size in ("small", "medium", "large")}
    metrics |= {f"ap50_{size}": precision(size, 0) for size in ("small", "medium", "large")}
    for at, most in enumerate(MOST[:-1]):
        metrics[f"ar_{most}"] = mean([one.recall for name in classes if (one := few[name][at]) is not None])
    metrics["ar_100"] = recall("all")
    metrics |= {f"ar_{size}": recall(size) for size in ("small", "medium", "large")}
    metrics["per_class"] = {
        name: {
            **_of_class(of_class[name]["all"]),
            **{f"ap_{size}": _of_class(of_class[name][size])["ap"] for size in ("small", "medium", "large")},
            "objects": objects[name],
        }
        for name in classes
    }
    metrics["curves"] = {name: of_class[name]["all"] for name in classes}
    return metrics


def _of_class(one: Curves | None) -> dict[str, float | None]:
    if one is None:
        return {"ap": None, "ap50": None, "ap75": None}
    steps = one.precision.mean(axis=1)
    return {"ap": float(steps.mean()), "ap50": float(steps[0]), "ap75": float(steps[5])}
