"""The picture of the trust report: a row per teacher, its expected accuracy as a dot on its 95% interval."""

from __future__ import annotations

import math

from limbeck.evaluation.report.trust import Teacher, Trust
from limbeck.messages import svg
from limbeck.messages.escape import shorten

_LEFT, _RIGHT, _TOP = 150.0, 52.0, 44.0
_FEW = 16  # teachers up to which rows are tall and letters large


def teachers(trust: Trust) -> str:
    """Return one row per teacher, the most trusted first, with the relevance at the right.

    The dashed line is the expected accuracy of their joined answer; a ring is an accuracy measured with labels.
    """
    rows = trust.by_relevance()
    few = len(rows) <= _FEW
    step, size, columns = (25.0, "tick", 14) if few else (15.0, "small", 17)
    ticks = _ticks(trust)
    bottom = _TOP + step * len(rows) + 4

    def x(value: float) -> float:
        share = (min(max(value, ticks[0]), 1.0) - ticks[0]) / (1.0 - ticks[0])
        return _LEFT + share * (svg.WIDTH - _LEFT - _RIGHT)

    body = [svg.words(svg.WIDTH - 6, 16, "relevance", "label", "end")]
    body.append(svg.words(_LEFT - 4, 16, "expected_accuracy", "label", "start"))
    for tick in ticks:
        body.append(svg.line(x(tick), _TOP - 4, x(tick), bottom, "grid"))
        # A tall picture is scaled at both ends: nobody should have to scroll back to read it.
        places = (_TOP - 9,) if few else (_TOP - 9, bottom + 15)
        body += [svg.text(x(tick), y, f"{100 * tick:.0f}%", size) for y in places]
    for at, teacher in enumerate(rows):
        y = _TOP + step * (at + 0.5)
        body.append(svg.line(_LEFT, y, svg.WIDTH - _RIGHT, y, "grid"))
        body.append(svg.text(_LEFT - 8, y + 4, svg.escape(shorten(teacher.name, columns)), size, "end"))
        known = "–" if teacher.relevance is None else f"{teacher.relevance:.2f}".replace("-", "−")
        body.append(svg.text(svg.WIDTH - 6, y + 4, known, size, "end"))
    if trust.expected_accuracy is not None:
        joined = x(trust.expected_accuracy)
        body.append(svg.line(joined, _TOP - 4, joined, bottom, "chance"))
    for at, teacher in enumerate(rows):
        y = _TOP + step * (at + 0.5)
        low, high = teacher.interval
        if low is not None and high is not None:
            body.append(svg.line(x(low), y, x(high), y, "whisker"))
        if teacher.accuracy is not None:
            body.append(svg.circle(x(teacher.accuracy), y, "dot", 4.5 if few else 3.5))
        if teacher.measured_accuracy is not None:
            body.append(svg.circle(x(teacher.measured_accuracy), y, "ring", 6 if few else 5))
    return svg.picture("trust_picture", _told(rows), body, bottom + (8 if few else 22))


def _ticks(trust: Trust) -> list[float]:
    """Return round shares that end at 1 and enclose every dot, ring and interval."""
    ends = [
        value
        for teacher in trust.teachers
        for value in (*teacher.interval, teacher.accuracy, teacher.measured_accuracy)
        if value is not None
    ]
    lowest = min([*ends, trust.expected_accuracy or 1.0, 0.8])
    if lowest < 0.2:
        return [0.0, 0.25, 0.5, 0.75, 1.0]  # more would touch
    tenths = math.floor(10 * lowest) // 2 * 2
    return [at / 10 for at in range(tenths, 11, 1 if tenths >= 8 else 2)]


def _told(rows: list[Teacher]) -> tuple[str, str]:
    known = [teacher for teacher in rows if teacher.accuracy is not None]
    if not known:
        return f"{len(rows)} teachers", f"{len(rows)} 个教师模型"
    best, worst = (choose(known, key=lambda one: one.accuracy or 0.0) for choose in (max, min))
    ends = [(shorten(one.name, 40), 100 * (one.accuracy or 0.0)) for one in (best, worst)]
    (high, top), (low, least) = ends
    return (
        f"{len(rows)} teachers, expected to be right on {least:.0f}% ({low}) to {top:.0f}% ({high}) of rows",
        f"{len(rows)} 个教师模型，预期准确率从 {least:.0f}%（{low}）到 {top:.0f}%（{high}）",
    )
