"""Paired tests against exact computation, and verdicts that are right about as often as they claim."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from limbeck.metrics import exact_tests as exact
from limbeck.metrics.paired import compare, mcnemar
from limbeck.metrics.slices import worst_rows, worst_slices


def decisions(only_a, only_b, both=50):
    y = np.zeros(only_a + only_b + both, dtype=int)
    a, b = y.copy(), y.copy()
    b[:only_a] = 1
    a[only_a : only_a + only_b] = 1
    return y, a, b


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (3, 9), (12, 12), (0, 5), (10, 40), (700, 800), (30, 30)])
def test_mcnemar_is_the_exact_binomial_or_its_mid_p(only_a, only_b):
    n = only_a + only_b
    statistic, p = mcnemar(*decisions(only_a, only_b))
    if not n:
        assert (statistic, p) == (0.0, 1.0)
        return
    expected = stats.binomtest(only_a, n).pvalue
    if n >= 25:
        expected = min(1.0, expected - stats.binom.pmf(only_a, n, 0.5))
        expected = 1.0 if only_a == only_b else expected
    assert p == pytest.approx(expected)
    assert statistic == pytest.approx((only_a - only_b) ** 2 / n)


def test_exact_helpers_are_scipys():
    tail = exact.hypergeometric_tail(7, 40, 30, 200)
    assert tail == pytest.approx(stats.hypergeom.sf(6, 200, 30, 40))
    interval = stats.binomtest(83, 100).proportion_ci(method="wilson")
    assert exact.wilson(83, 100) == pytest.approx((interval.low, interval.high))
    assert exact.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert exact.holm([]) == []
    assert math.isclose(exact.binomial_half(100_000, 200_000)[0], stats.binom.cdf(100_000, 200_000, 0.5), rel_tol=1e-6)


def models(n=1500, seed=0, noise=1.0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    good = rng.normal(size=n) + 3 * y - 1.5
    bad = good + noise * rng.normal(size=n)
    p = {k: 1 / (1 + np.exp(-s)) for k, s in {"old": bad, "new": good}.items()}
    return y, {k: np.stack([1 - s, s], axis=1) for k, s in p.items()}


def test_a_better_model_is_named_with_its_interval():
    y, ps = models(noise=2.0)
    found = compare(y, ps, {}, ("a", "b"), 1)
    pair = found["pairs"][0]
    gain = pair["differences"]["accuracy"]
    assert pair["better"] == "new"
    assert pair["verdict"].startswith("new is better: +")
    assert pair["verdict_zh"].startswith("new 更好：准确率 +")
    assert gain["difference"] == pytest.approx(found["models"]["new"]["accuracy"] - found["models"]["old"]["accuracy"])
    assert 0 < gain["low"] < gain["difference"] < gain["high"]
    turned = compare(y, dict(reversed(ps.items())), {}, ("a", "b"), 1)["pairs"][0]
    assert turned["better"] == "new"
    assert turned["verdict"] == pair["verdict"]
    assert turned["differences"]["roc_auc"]["low"] == pytest.approx(-pair["differences"]["roc_auc"]["high"])


def test_the_same_model_twice_is_no_difference():
    y, ps = models()
    pair = compare(y, {"a": ps["old"], "b": ps["old"]}, {}, ("a", "b"), 1)["pairs"][0]
    assert pair["p"] == 1.0
    assert pair["better"] is None
    assert pair["verdict"].startswith("no evidence of a difference")
    assert pair["differences"]["accuracy"] == {"difference": 0.0, "low": 0.0, "high": 0.0}


def test_models_of_equal_worth_are_seldom_told_apart():
    wrong = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        y = rng.integers(0, 2, 300)
        ps = {}
        for name in "ab":
            s = 1 / (1 + np.exp(-rng.normal(size=300) - 2 * y + 1))
            ps[name] = np.stack([1 - s, s], axis=1)
        wrong += compare(y, ps, {}, ("x", "y"), 1, bootstrap=0)["pairs"][0]["better"] is not None
    assert wrong <= 8  # 3 expected


def test_three_models_are_corrected_for_three_looks():
    y, ps = models()
    ps["third"] = ps["old"][:, ::-1]
    pairs = compare(y, ps, {"old": 0.4}, ("a", "b"), 1, bootstrap=50)["pairs"]
    assert [(pair["a"], pair["b"]) for pair in pairs] == [("old", "new"), ("old", "third"), ("new", "third")]
    assert [pair["p_holm"] for pair in pairs] == pytest.approx(exact.holm([pair["p"] for pair in pairs]))


def test_repeated_rows_of_one_group_are_no_further_evidence():
    y, ps = models(n=60, seed=4, noise=1.2)
    y10 = np.repeat(y, 10)
    ps10 = {k: np.repeat(p, 10, axis=0) for k, p in ps.items()}
    groups = np.repeat(np.arange(60), 10)
    alone = compare(y, ps, {}, ("a", "b"), 1, bootstrap=0)["pairs"][0]
    grouped = compare(y10, ps10, {}, ("a", "b"), 1, bootstrap=100, groups=groups)["pairs"][0]
    assert grouped["test"] == "group permutation"
    assert grouped["p"] == pytest.approx(alone["p"], abs=0.03)
    assert grouped["mcnemar"]["p"] < alone["p"] or alone["p"] == 1


def test_no_rows_and_more_classes_are_fine():
    empty = compare([], {"a": np.zeros((0, 2)), "b": np.zeros((0, 2))}, {}, ("x", "y"))
    assert empty["pairs"][0]["better"] is None
    y = np.arange(90) % 3
    many = compare(y, {"a": np.eye(3)[y], "b": np.eye(3)[(y + (np.arange(90) < 20)) % 3]}, {}, tuple("xyz"))
    assert many["pairs"][0]["better"] == "a"
    assert many["models"]["a"]["roc_auc"] == 1.0


def test_a_bad_slice_is_found_and_marked_and_chance_is_not():
    rng = np.random.default_rng(0)
    y = np.zeros(2000, dtype=int)
    domain = rng.choice(["hotel", "fruit", "phone"], 2000).astype(object)
    pred = (rng.random(2000) < np.where(domain == "hotel", 0.25, 0.08)).astype(int)
    domain[:50] = None
    other = [str(k) for k in rng.integers(0, 8, 2000)]
    found = worst_slices(y, pred, {"domain": list(domain), "day": other}, rng.integers(1, 300, 2000))
    assert (found[0]["column"], found[0]["value"], found[0]["below"]) == ("domain", "hotel", True)
    assert [row["below"] for row in found].count(True) == 1
    assert {row["value"] for row in found if row["column"] == "domain"} == {
        "hotel",
        "fruit",
        "phone",
        "(missing)",
    }
    lengths = [row for row in found if row["column"] == "length"]
    assert sum(row["n"] for row in lengths) == 2000
    assert len(lengths) == 5
    accuracies = [row["accuracy"] for row in found]
    assert accuracies == sorted(accuracies)
    for row in found:
        assert row["low"] <= row["accuracy"] <= row["high"]


def test_small_or_whole_slices_are_left_out():
    assert worst_slices([0] * 40, [0] * 40, {"same": ["x"] * 40}, [5] * 40) == []
    assert worst_slices([0] * 40, [0] * 40, {"own": [str(k) for k in range(40)]}) == []
    assert worst_slices([], [], {"none": []}, []) == []
    with pytest.raises(ValueError, match="column 'x' has 1 values for 2 rows"):
        worst_slices([0, 1], [0, 1], {"x": ["a"]})


def test_the_most_confidently_wrong_rows_come_first():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.99, 0.01]])
    assert worst_rows([1, 1, 0, 1], p).tolist() == [3, 0, 2]
    assert worst_rows([1, 1, 0, 1], p, k=1).tolist() == [3]
    assert worst_rows([0, 1, 1, 0], p).tolist() == []
