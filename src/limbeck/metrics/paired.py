"""Is one classifier really better? Paired comparison on the same rows.

McNemar's test on the rows where only one of two is right (Dietterich 1998; mid-p after Fagerland et al.
2013), paired bootstrap intervals of the differences, and Holm's correction when there are several pairs.
With groups (patients, users, …) rows are not independent, and McNemar's test would be too sure: the verdict
then rests on its generalisation, a permutation test that swaps the two models for whole groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.messages.message import Message, message, render
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import curves
from limbeck.metrics import exact_tests as exact
from limbeck.metrics.curves import Floats
from limbeck.metrics.measure import checked, decide

METRICS = ("accuracy", "macro_f1", "roc_auc")
LEVEL = 0.05
_FEW = 25
_PERMUTATIONS = 9999


def mcnemar(y: ArrayLike, a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Return (statistic, p) for decisions a, b int64[N] on y int64[N].

    The statistic is (b - c)² / (b + c) over the b and c rows that only one of them has right. p is the exact
    two-sided binomial one for fewer than 25 such rows, else its mid-p variant; without any it is 1.
    """
    y, a, b = np.asarray(y), np.asarray(a), np.asarray(b)
    only_a, only_b = int(((a == y) & (b != y)).sum()), int(((a != y) & (b == y)).sum())
    n = only_a + only_b
    if not n:
        return 0.0, 1.0
    tail, point = exact.binomial_half(min(only_a, only_b), n)
    p = 2 * tail if n < _FEW else 2 * tail - point
    return (only_a - only_b) ** 2 / n, float(min(1.0, p))


def compare(
    y: ArrayLike,
    ps: Mapping[str, ArrayLike],
    thresholds: Mapping[str, float],
    classes: Sequence[str],
    positive: int | None = None,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> dict[str, Any]:
    """Compare classifiers ``ps`` {name: float[N, C]} on the same rows y int64[N], pair by pair.

    Returns
    -------
    dict
        ``n``; ``models`` {name: {accuracy, macro_f1, roc_auc, threshold}}; ``pairs``, one dict for each pair
        in the order given, with a, b, ``differences`` {metric: {difference, low, high}} (b minus a),
        ``mcnemar`` {statistic, p, only_a, only_b}, ``p``, ``p_holm``, ``test`` ("mcnemar" or
        "group permutation"), ``better`` (name or None), ``verdict`` and ``verdict_zh``.

    Raises
    ------
    LimbeckError
        When shapes do not fit or a probability is not a number.
    """
    one = 1 if positive is None and len(classes) == 2 else positive
    models = {name: checked(y, p, len(classes)) for name, p in ps.items()}
    truth = np.asarray(y, dtype=np.int64)
    cuts = {name: float(thresholds.get(name, 0.5)) for name in models}
    decisions = {name: decide(p, cuts[name], one) for name, (_, p) in models.items()}
    ready = {name: _Slim(truth, p, decisions[name], one) for name, (_, p) in models.items()}
    point = {name: slim.values(np.ones((1, len(truth)))) for name, slim in ready.items()}
    drawn: dict[str, list[dict[str, Floats]]] = {name: [] for name in models}
    if len(truth):
        done = 0
        for weights in summary.resamples(len(truth), groups, bootstrap, seed):
            for name, slim in ready.items():
                drawn[name].append(slim.values(weights, done, bootstrap))
            done += len(weights)
    pairs: list[dict[str, Any]] = []
    for a, b in itertools.combinations(models, 2):
        differences = {m: _difference(point, drawn, a, b, m) for m in METRICS}
        right_a, right_b = decisions[a] == truth, decisions[b] == truth
        statistic, p = mcnemar(truth, decisions[a], decisions[b])
        mc = {
            "statistic": statistic,
            "p": p,
            "only_a": int((right_a & ~right_b).sum()),
            "only_b": int((right_b & ~right_a).sum()),
        }
        if groups is not None:
            p = _swap_groups(right_b.astype(np.int64) - right_a, groups, seed)
        test = "mcnemar" if groups is None else "group permutation"
        pairs.append({"a": a, "b": b, "differences": differences, "mcnemar": mc, "p": p, "test": test})
    for pair, p in zip(pairs, exact.holm([pair["p"] for pair in pairs]), strict=True):
        pair["p_holm"] = p
        pair |= _verdict(pair)
    rows = {name: {m: _known(values[m]) for m in METRICS} | {"threshold": cuts[name]} for name, values in point.items()}
    return {"n": len(truth), "models": rows, "pairs": pairs}


class _Slim:
    """The three compared metrics of one model as a function of row weights."""

    def __init__(self, y: NDArray[np.int64], p: Floats, decided: NDArray[np.int64], one: int | None) -> None:
        self._ready = summary.prepare(y, p, decided, one)

    def values(self, weights: Floats, done: int = 0, size: int = 1) -> dict[str, Floats]:
        """Return float[B] of each; after its share of ``size`` resamples the AUC gets no more (float[0])."""
        if not self._ready.n:
            return {m: np.full(1, np.nan) for m in METRICS}
        found = summary.of_confusion(summary.tally(self._ready, weights), self._ready.positive)
        ranked = self._ready.rankings if done < summary.ranked_resamples(self._ready, size) else ()
        areas = [curves.area_roc(curves.count(ranking, weights)) for ranking in ranked]
        return {
            "accuracy": found["accuracy"],
            "macro_f1": found["macro_f1"],
            "roc_auc": summary.mean_of_defined(np.stack(areas, axis=1)) if areas else np.empty(0),
        }


def _difference(
    point: dict[str, dict[str, Floats]],
    drawn: dict[str, list[dict[str, Floats]]],
    a: str,
    b: str,
    metric: str,
) -> dict[str, float | None]:
    pieces = [vb[metric] - va[metric] for va, vb in zip(drawn[a], drawn[b], strict=True)]
    difference = _known(point[b][metric] - point[a][metric])
    span = summary.interval(np.concatenate(pieces)) if pieces and difference is not None else None
    low, high = span or (None, None)
    return {"difference": difference, "low": low, "high": high}


def _swap_groups(gain: NDArray[np.int64], groups: ArrayLike, seed: int) -> float:
    """Return the two-sided p of the summed gain when each group's sign is a fair coin."""
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.bincount(member, weights=gain)
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    rng = np.random.default_rng(seed)
    seen, extreme = abs(sums.sum()), 0
    block = max(1, 2_000_000 // len(sums))
    for start in range(0, _PERMUTATIONS, block):
        size = min(block, _PERMUTATIONS - start)
        signs = rng.integers(0, 2, size=(size, len(sums)), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ sums) >= seen - 1e-9).sum())
    return (extreme + 1) / (_PERMUTATIONS + 1)


def _verdict(pair: dict[str, Any]) -> dict[str, Any]:
    accuracy = pair["differences"]["accuracy"]
    gain, low, high = (accuracy[k] for k in ("difference", "low", "high"))
    p = "p < 0.001" if pair["p_holm"] < 0.001 else f"p = {pair['p_holm']:.3f}"
    clear = gain is not None and gain != 0 and pair["p_holm"] < LEVEL
    name = (pair["b"] if gain > 0 else pair["a"]) if clear else None
    if gain is None:
        return {"better": None, **in_both(message("compared.nothing"))}
    if name == pair["a"]:
        gain, low, high = -gain, None if high is None else -high, None if low is None else -low
    span = "" if low is None or high is None else message("compared.span", low=100 * low, high=100 * high)
    facts = {"points": 100 * gain, "span": span, "p": p}
    said = message("compared.no_evidence", **facts) if name is None else message("compared.better", name=name, **facts)
    return {"better": name, **in_both(said)}


def in_both(said: Message) -> dict[str, str]:
    """Return a verdict on a pair as its dict holds it, in English and Chinese."""
    return {"verdict": said, "verdict_zh": render(said, "zh")}


def _known(value: Floats) -> float | None:
    number = float(value[0])
    return number if np.isfinite(number) else None
