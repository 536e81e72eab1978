"""The headline of the report, in two languages: how good, against what, how calibrated, on how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.evaluation.inert import inert
from limbeck.evaluation.named import named

# ECE up to which probabilities may be read as they stand, and up to which with care.
_WELL, _FAIR = 0.02, 0.05
ELSEWHERE = "elsewhere"  # marks the row of a baseline that was measured on other rows: nothing follows from it here


def verdict(
    metrics: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]] = (), *, detector: bool = False
) -> tuple[str, str]:
    """Return (English, Chinese) from the dict of `metrics.measure` and the rows of the baselines.

    Of a ``detector`` the order of its scores counts; its probabilities are no frequencies.
    """
    if not metrics.get("n") or metrics.get("accuracy") is None:
        return "There were no rows to judge.", "没有可供评估的样本。"
    n, accuracy = int(metrics["n"]), float(metrics["accuracy"])
    span = metrics.get("confidence_intervals", {}).get("accuracy")
    span_en = f" (95% {100 * span[0]:.1f} to {100 * span[1]:.1f})" if span else ""
    span_zh = f"（95% 区间 {100 * span[0]:.1f} 至 {100 * span[1]:.1f}）" if span else ""
    english = [f"Right on {100 * accuracy:.1f}% of {n:,} {'row' if n == 1 else 'rows'}{span_en}"]
    chinese = [f"在 {n:,} 行上判对 {100 * accuracy:.1f}%{span_zh}"]
    told = _ordered(metrics.get("roc_auc")) if detector else _calibrated(metrics.get("ece"))
    for part_en, part_zh in filter(None, (_against(accuracy, span, baselines), told)):
        english.append(part_en)
        chinese.append(part_zh)
    head, *rest = english
    return head + "".join(f"; {part}" for part in rest) + ".", "；".join(chinese) + "。"


def _against(
    accuracy: float, span: Sequence[float] | None, baselines: Sequence[Mapping[str, Any]]
) -> tuple[str, str] | None:
    known = [row for row in baselines if row.get("accuracy") is not None and not row.get(ELSEWHERE)]
    if not known:
        return None
    best = max(known, key=lambda row: float(row["accuracy"]))
    other, name = float(best["accuracy"]), inert(best.get("name", "baseline"), 60)
    name_zh = named(name)[1]
    points = 100 * (accuracy - other)
    if span and span[0] <= other <= span[1]:
        return (
            f"no clear difference from the baseline {name} ({points:+.1f} points)",
            f"与基线 {name_zh} 没有明显差别（{points:+.1f} 个百分点）",
        )
    way_en, way_zh = ("above", "高") if points >= 0 else ("below", "低")
    return (
        f"{abs(points):.1f} points {way_en} the baseline {name}",
        f"比基线 {name_zh} {way_zh} {abs(points):.1f} 个百分点",
    )


def _ordered(area: float | None) -> tuple[str, str] | None:
    if area is None:
        return None
    return (
        f"in {100 * area:.1f}% of pairs the anomaly scores above the normal row",
        f"在 {100 * area:.1f}% 的配对中，异常样本的分数高于正常样本",
    )


def _calibrated(ece: float | None) -> tuple[str, str] | None:
    if ece is None:
        return None
    off_en, off_zh = f"off by {100 * ece:.1f} points on average", f"平均偏差 {100 * ece:.1f} 个百分点"
    if ece <= _WELL:
        return f"its probabilities can be read as they stand ({off_en})", f"概率可以直接采信（{off_zh}）"
    if ece <= _FAIR:
        return f"its probabilities are fairly calibrated ({off_en})", f"概率校准尚可（{off_zh}）"
    return f"its probabilities are not to be taken at their word ({off_en})", f"概率不可直接采信（{off_zh}）"
