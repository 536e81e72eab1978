"""The pictures of the report, each a function of arrays that returns one inline SVG.

ROC after Fawcett 2006, precision-recall after Davis & Goadrich 2006, DET on normal-deviate axes after
ISO/IEC 19795-1, calibration after Guo et al. 2017 (the bins of `metrics.expected_calibration_error`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.messages import svg
from limbeck.messages.escape import shorten
from limbeck.messages.labels import pair
from limbeck.messages.svg import Axes
from limbeck.metrics import curves
from limbeck.metrics import exact_tests as exact
from limbeck.metrics import measure as metrics
from limbeck.metrics.curves import Floats

_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_DEVIATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)
_COLOURED = 3  # of the weakest classes
_NAMED = 4  # classes with a line of their own colour
_MOST_CLASSES = 60
_Curve = Callable[[NDArray[np.bool_], Floats], tuple[Floats, Floats]]


def roc(y: ArrayLike, p: ArrayLike, classes: Sequence[str], positive: int | None, threshold: float) -> str:
    """Return the ROC curve of the positive class, or of each class against the rest, and the point in use."""
    truth, scores = np.asarray(y), np.asarray(p)
    axes = Axes()
    body = [*axes.grid(_FIFTHS, _FIFTHS, "fpr", "tpr"), axes.segment(0, 0, 1, 1, "chance")]
    body += _curves(axes, truth, scores, classes, positive, lambda t, s: curves.roc_curve(t, s)[:2], (0.42, 0.34))
    if positive is not None and len(classes) == 2:
        called, t = scores[:, positive] >= threshold, truth == positive
        if t.any() and not t.all():
            body.append(axes.dot(float(called[~t].mean()), float(called[t].mean())))
    return svg.picture("roc", _told("roc_auc", _mean(curves.roc_auc, truth, scores, positive)), body)


def precision_recall(y: ArrayLike, p: ArrayLike, classes: Sequence[str], positive: int | None, threshold: float) -> str:
    """Return the precision-recall curve, with the share of positives and the point in use."""
    truth, scores = np.asarray(y), np.asarray(p)
    axes = Axes()
    body = axes.grid(_FIFTHS, _FIFTHS, "recall", "precision")

    def points(t: NDArray[np.bool_], s: Floats) -> tuple[Floats, Floats]:
        precision, recall, _ = curves.precision_recall_curve(t, s)
        return recall, precision

    if positive is not None and len(truth):
        share = float((truth == positive).mean())
        body.append(axes.segment(0, share, 1, share, "chance"))
    body += _curves(axes, truth, scores, classes, positive, points, (0.04, 0.34))
    if positive is not None and len(classes) == 2:
        called, t = scores[:, positive] >= threshold, truth == positive
        if t.any() and called.any():
            body.append(axes.dot(float(called[t].mean()), float(t[called].mean())))
    return svg.picture("pr", _told("ap", _mean(curves.average_precision, truth, scores, positive)), body)


def precision_recall_by_class(lines: Sequence[tuple[str, Floats, Floats, float]], told: tuple[str, str]) -> str:
    """Return precision over recall, a line for each class.

    Parameters
    ----------
    lines
        Name, recall, precision and average precision of each class. The first four are coloured and named, the others
        grey.
    told
        What the picture shows, in English and Chinese.
    """
    axes = Axes()
    body = axes.grid(_FIFTHS, _FIFTHS, "recall", "precision")
    body += [axes.path(recall, precision, "faint") for _, recall, precision, _ in lines[_NAMED:_MOST_CLASSES]]
    named = lines[:_NAMED]
    body += [axes.path(recall, precision, f"line c{k}") for k, (_, recall, precision, _) in enumerate(named)]
    for k, (name, _, _, area) in enumerate(named):
        y = svg.HEIGHT - svg.BOTTOM - 12 - 19 * (len(named) - 1 - k)
        body.append(svg.rect(svg.LEFT + 10, y - 8, 10, 10, f"swatch c{k}"))
        body.append(svg.text(svg.LEFT + 26, y + 1, f"{svg.escape(shorten(name, 16))} {area:.2f}", "tick", "start"))
    return svg.picture("pr", told, body)


def det(y: ArrayLike, p: ArrayLike, classes: Sequence[str], positive: int | None) -> str:
    """Return the DET curve on normal-deviate axes, with the equal error rate."""
    truth, scores = np.asarray(y), np.asarray(p)
    eer = _mean(curves.equal_error_rate, truth, scores, positive)
    low = max([0.0005, *(t for t in _DEVIATES if t <= min(0.1, (eer or 0.1) / 8))])
    high = next(t for t in _DEVIATES if t >= min(0.95, max(0.4, 1.6 * (eer or 0.0))))
    deviate = NormalDist().inv_cdf
    axes = Axes(low, high, low, high, warp=lambda v: deviate(min(max(v, 1e-9), 1 - 1e-9)))
    ticks: list[float] = []
    for t in _DEVIATES:
        if low <= t <= high and (not ticks or axes.x(t) - axes.x(ticks[-1]) > 36):
            ticks.append(t)
    body = axes.grid(ticks, ticks, "fpr", "fnr", show=_percent)
    body.append(axes.segment(low, low, high, high, "chance"))

    def inside(t: NDArray[np.bool_], s: Floats) -> tuple[Floats, Floats]:
        fpr, fnr, _ = curves.det_curve(t, s)
        # Points beyond the frame would be drawn along its edge, as if the curve ran there.
        seen = (np.minimum(fpr, fnr) >= low) & (np.maximum(fpr, fnr) <= high)
        return fpr[seen], fnr[seen]

    place = (low * 1.2, low * 3.6)
    body += _curves(axes, truth, scores, classes, positive, inside, place)
    if positive is not None and eer is not None:
        body.append(axes.dot(eer, eer, "ring", 5))
    return svg.picture("det", _told("eer", eer), body)


def calibration(y: ArrayLike, p: ArrayLike) -> str:
    """Return accuracy against confidence in equal-mass bins with Wilson intervals, over a histogram."""
    truth, scores = np.asarray(y, dtype=np.int64), np.asarray(p)
    low = 0.5 if scores.shape[1] == 2 else 0.0
    axes = Axes(low_x=low)
    ticks = [t for t in (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if t >= low and (low or t not in (0.5, 0.7, 0.9))]
    body = axes.grid(ticks, _FIFTHS, "confidence", "accuracy")
    if len(truth):
        confidence, hits, rows = metrics.reliability(truth, scores)
        edges = np.linspace(low, 1, 21)
        share = np.histogram(scores.max(axis=1), edges)[0] / len(truth)
        tallest = max(float(share.max()), 1e-9)
        body += [axes.bar(a, b, 0.25 * s / tallest) for a, b, s in zip(edges, edges[1:], share, strict=False)]
        body.append(axes.segment(low, low, 1, 1, "chance"))
        for c, h, n in zip(confidence, hits, rows, strict=True):
            bottom, top = exact.wilson(round(h * n), int(n))
            body.append(axes.segment(c, bottom, c, top, "whisker"))
        body += [
            axes.path(confidence, hits, "line"),
            *(axes.dot(c, h) for c, h in zip(confidence, hits, strict=True)),
        ]
    return svg.picture("calibration", _told("ece", metrics.expected_calibration_error(truth, scores)), body)


def confusion(table: ArrayLike, classes: Sequence[str]) -> str:
    """Return the confusion matrix int[C, C], rows the truth; counts are written out for up to 10 classes."""
    counts = np.asarray(table, dtype=np.float64)
    c = len(classes)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    named, numbered = c <= 30, c <= 10
    upright = named and c > 3
    left, top = (128.0, 116.0 if upright else 54.0) if named else (40.0, 34.0)
    side = min(svg.WIDTH - left - svg.RIGHT, 300.0) / c
    body = [
        svg.words(left + side * c / 2, 14, "predicted"),
        svg.words(14, top + side * c / 2, "true", turn=-90),
    ]
    size = "tick" if c <= 15 else "tiny"
    deepest = 0.46 if numbered else 0.96  # half a tint at most keeps the numbers legible, light and dark
    for i in range(c):
        middle = (i + 0.5) * side
        if named:
            name = svg.escape(shorten(classes[i], 12))
            body.append(svg.text(left - 7, top + middle + 4, name, size, "end"))
            anchor, turn = ("start", -90) if upright else ("middle", 0)
            body.append(svg.text(left + middle + (4 if upright else 0), top - 7, name, size, anchor, turn))
        for j in range(c):
            body.append(
                svg.rect(left + j * side, top + i * side, side - 1, side - 1, "cell", 0.04 + deepest * shares[i, j])
            )
            if numbered:
                x, y = left + (j + 0.5) * side, top + middle
                body.append(svg.text(x, y + (0 if c <= 6 else 4), f"{counts[i, j]:,.0f}", "count"))
                if c <= 6:
                    body.append(svg.text(x, y + 15, f"{100 * shares[i, j]:.1f}%", "share"))
    told = (
        f"{counts.trace():,.0f} of {counts.sum():,.0f} rows right",
        f"{counts.sum():,.0f} 行中判对 {counts.trace():,.0f} 行",
    )
    return svg.picture("confusion", told, body, top + side * c + 8)


def history(epochs: Sequence[Mapping[str, Any]], losses: bool) -> str | None:
    """Return losses, or the other validation values, by epoch; None when there are none to draw."""
    keys = [k for k in dict.fromkeys(k for e in epochs for k in e) if k != "epoch" and ("loss" in k) == losses]
    series = {
        k: [(float(e["epoch"]) + 1, float(e[k])) for e in epochs if _number(e.get(k)) and _number(e.get("epoch"))]
        for k in keys
    }
    series = {k: points for k, points in series.items() if points}
    if not losses:  # learning rates, seconds and the like have no place on an axis from 0 to 1
        series = {k: points for k, points in series.items() if all(0 <= v <= 1 for _, v in points) and "rate" not in k}
    series = dict(list(series.items())[:4])
    if not series:
        return None
    name = "history_loss" if losses else "history_score"
    xs = [x for points in series.values() for x, _ in points]
    ys = [v for points in series.values() for _, v in points]
    ticks_y = _nice(min(ys) if not losses else 0.0, max(ys))
    axes = Axes(min(xs), max(xs), ticks_y[0], ticks_y[-1])
    step = max(1, int(np.ceil((max(xs) - min(xs)) / 6)))
    ticks_x = [float(x) for x in range(int(np.ceil(min(xs))), int(max(xs)) + 1, step)]
    body = axes.grid(ticks_x, ticks_y, "epoch", "loss" if losses else "score")
    for k, (key, points) in enumerate(series.items()):
        body.append(axes.path([x for x, _ in points], [v for _, v in points], css=f"line c{k}"))
        body += [axes.dot(x, v, f"dot c{k}", 2.5) for x, v in points]
        y = svg.TOP + 16 + 19 * k if losses else svg.HEIGHT - svg.BOTTOM - 12 - 19 * k
        body.append(f'<rect x="{svg.WIDTH - svg.RIGHT - 18}" y="{y - 8}" width="10" height="10" class="swatch c{k}"/>')
        said = "valid_loss" if key == "loss" else key
        body.append(svg.words(svg.WIDTH - svg.RIGHT - 24, y + 1, said, "legend", "end"))
    last = "; ".join(f"{key} {points[-1][1]:.3f}" for key, points in series.items())
    return svg.picture(name, (last, last), body)


def _curves(
    axes: Axes, y: NDArray[Any], p: NDArray[Any], classes: Sequence[str], positive: int | None,
    points: _Curve, legend: tuple[float, float],
) -> list[str]:  # fmt: skip
    """Draw one curve, or every class's with the weakest coloured and named."""
    chosen = range(len(classes)) if positive is None else [positive]
    drawn = [k for k in chosen if (y == k).any() and (y != k).any()]
    if positive is not None:
        return [axes.path(*points(y == k, p[:, k]), css="line") for k in drawn]
    drawn.sort(key=lambda k: curves.roc_auc(y == k, p[:, k]) or 0.0)
    weakest = drawn[:_COLOURED]
    body = [axes.path(*points(y == k, p[:, k]), css="faint") for k in drawn[_COLOURED:_MOST_CLASSES]]
    body += [axes.path(*points(y == k, p[:, k]), css=f"line c{i}") for i, k in enumerate(weakest)]
    left, top = axes.x(legend[0]), axes.y(legend[1])
    if len(drawn) > _COLOURED:
        body.append(svg.words(left, top, "weakest", "tick", "start"))
    for i, k in enumerate(weakest):
        body.append(svg.rect(left, top + 8 + 19 * i, 10, 10, f"swatch c{i}"))
        body.append(svg.text(left + 16, top + 17.5 + 19 * i, svg.escape(classes[k], 24), "legend", "start"))
    return body


def _mean(
    area: Callable[[Any, Any], float | None], y: NDArray[Any], p: NDArray[Any], positive: int | None
) -> float | None:
    chosen = range(p.shape[1]) if positive is None else [positive]
    found = [value for k in chosen if (value := area(y == k, p[:, k])) is not None]
    return sum(found) / len(found) if found else None


def _told(key: str, value: float | None) -> tuple[str, str]:
    english, chinese = pair(key)
    number = "–" if value is None else f"{value:.3f}"
    return f"{english}: {number}", f"{chinese}：{number}"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and bool(np.isfinite(value))


def _percent(value: float) -> str:
    return f"{100 * value:g}%"


def _nice(low: float, high: float) -> list[float]:
    """Return four to seven round ticks that enclose [low, high]."""
    spread = max(high - low, 1e-3)
    step = next(s for e in range(-4, 8) for s in (10.0**e, 2 * 10.0**e, 5 * 10.0**e) if spread / s <= 5)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [round(k * step, 6) for k in range(first, max(last, first + 1) + 1)]
