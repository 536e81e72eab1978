"""The headline of the report, in two languages: how good, against what, how calibrated, on how many rows.

The terminal and the model card say the same in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.metrics.majority_baseline import NAME as MAJORITY

# ECE up to which probabilities may be read as they stand, and up to which with care.
_WELL, _FAIR = 0.02, 0.05
ELSEWHERE = "elsewhere"  # marks the row of a baseline that was measured on other rows: nothing follows from it here


def verdict(
    metrics: Mapping[str, Any], baselines: Sequence[Mapping[str, Any]] = (), *, detector: bool = False,
    seen: bool = False,
) -> tuple[str, str]:  # fmt: skip
    """Return (English, Chinese) from the dict of `metrics.measure` and the rows of the baselines.

    Of a ``detector`` the order of its scores counts; its probabilities are no frequencies. Where it has ``seen`` some
    of the rows, the figure stands alone: neither a comparison nor calibration can be read off such rows.
    """
    if not metrics.get("n") or metrics.get("accuracy") is None:
        return "There were no rows to judge.", "没有可供评估的样本。"
    n, accuracy = int(metrics["n"]), float(metrics["accuracy"])
    span = metrics.get("confidence_intervals", {}).get("accuracy")
    among_en, among_zh = (", some of which it learned from", "（其中部分已学习过）") if seen else ("", "")
    rows = "row" if n == 1 else "rows"
    english = [f"Accuracy {100 * accuracy:.1f}% on {n:,} {rows}{_span(span)[0]}{among_en}"]
    chinese = [f"在 {n:,} 行上准确率为 {100 * accuracy:.1f}%{_span(span)[1]}{among_zh}"]
    told = _ordered(metrics.get("roc_auc")) if detector else calibration(metrics)
    against = _against(metrics, accuracy, span, baselines, detector=detector)
    for part in filter(None, () if seen else (against, told)):
        english.append(part[0])
        chinese.append(part[1])
    head, *rest = english
    return head + "".join(f"; {part}" for part in rest) + ".", "；".join(chinese) + "。"


def calibration(metrics: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return in (English, Chinese) how far probabilities can be read as they stand; None where nothing was measured."""
    if metrics.get("ece") is None:
        return None
    ece = float(metrics["ece"])
    span_en, span_zh = _span(metrics.get("confidence_intervals", {}).get("ece"), ", 95% {0:.1f} to {1:.1f}")
    off_en = f"off by {100 * ece:.1f} points on average{span_en}"
    off_zh = f"平均偏差 {100 * ece:.1f} 个百分点{span_zh}"
    if ece <= _WELL:
        return f"its probabilities can be read as they stand ({off_en})", f"概率可以直接采信（{off_zh}）"
    if ece <= _FAIR:
        return f"its probabilities are fairly calibrated ({off_en})", f"概率校准尚可（{off_zh}）"
    return f"its probabilities are not calibrated ({off_en})", f"概率未校准，不可直接采信（{off_zh}）"


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
) -> tuple[str, str] | None:  # fmt: skip
    known = [row for row in baselines if row.get("accuracy") is not None and not row.get(ELSEWHERE)]
    if detector or all(row.get("name") == MAJORITY for row in known):
        known = [row for row in known if row.get("name") != MAJORITY]
    rivals = [(float(row["accuracy"]), *_baseline(row)) for row in known]
    most = None if detector else always(metrics)
    # A classifier that knows nothing is worth naming where nothing stands above it: there is nothing to praise then.
    if most and (span[0] if span else accuracy) <= most[1]:
        name = inert(most[0], 60)
        rivals.append((most[1], f"always answering “{name}”", f"一律回答“{name}”"))
    if not rivals:
        return None
    other, name_en, name_zh = max(rivals, key=lambda rival: rival[0])
    points = 100 * (accuracy - other)
    if span and span[0] <= other <= span[1]:
        return (
            f"no clear difference from {name_en} ({points:+.1f} points)",
            f"与{name_zh}没有明显差别（{points:+.1f} 个百分点）",
        )
    way_en, way_zh = ("above", "高") if points >= 0 else ("below", "低")
    return f"{abs(points):.1f} points {way_en} {name_en}", f"比{name_zh}{way_zh} {abs(points):.1f} 个百分点"


def _baseline(row: Mapping[str, Any]) -> tuple[str, str]:
    if row.get("name") == MAJORITY and "class" in row:
        only = inert(row["class"], 60)
        return f"always answering “{only}”", f"一律回答“{only}”"
    name = inert(row.get("name", "baseline"), 60)
    return f"the baseline {name}", f"基线 {named(name)[1]} "


def _ordered(area: float | None) -> tuple[str, str] | None:
    if area is None:
        return None
    return (
        f"in {100 * area:.1f}% of pairs the anomaly scores above the normal row",
        f"在 {100 * area:.1f}% 的配对中，异常样本的分数高于正常样本",
    )


def _span(span: Sequence[float] | None, english: str = " (95% {0:.1f} to {1:.1f})") -> tuple[str, str]:
    if not span:
        return "", ""
    low, high = 100 * span[0], 100 * span[1]
    chinese = "，95% 区间 {0:.1f} 至 {1:.1f}" if english.startswith(",") else "（95% 区间 {0:.1f} 至 {1:.1f}）"
    return english.format(low, high), chinese.format(low, high)
