"""Single metrics against scikit-learn, the whole dict, and intervals that cover what they claim."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk

from limbeck.errors import LimbeckError
from limbeck.metrics import measure as metrics
from limbeck.metrics.measure import measure

REQUIRED = [
    "n", "accuracy", "precision", "recall", "f1", "macro_f1", "fpr", "roc_auc", "eer", "pr_auc", "ap", "ece",
    "brier", "log_loss", "balanced_accuracy", "mcc", "threshold", "confidence_intervals", "confusion",
    "per_class", "classes", "positive",
]  # fmt: skip


def draw(n, c, seed=0, strength=1.5, tied=False):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, c, n)
    logits = rng.normal(size=(n, c))
    logits[np.arange(n), y] += strength
    if tied:
        logits = np.round(logits)
    p = np.exp(logits)
    return y, p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("positive", [0, 1])
def test_two_classes_are_scikit_learns(tied, threshold, positive):
    y, p = draw(500, 2, tied=tied)
    m = measure(y, p, ("a", "b"), positive=positive, threshold=threshold, bootstrap=0)
    said = np.where(p[:, positive] >= threshold, positive, 1 - positive)
    tn, fp, _, _ = sk.confusion_matrix(y == positive, said == positive).ravel()
    expected = {
        "accuracy": sk.accuracy_score(y, said),
        "precision": sk.precision_score(y, said, pos_label=positive),
        "recall": sk.recall_score(y, said, pos_label=positive),
        "f1": sk.f1_score(y, said, pos_label=positive),
        "macro_f1": sk.f1_score(y, said, average="macro"),
        "fpr": fp / (fp + tn),
        "roc_auc": sk.roc_auc_score(y == positive, p[:, positive]),
        "ap": sk.average_precision_score(y == positive, p[:, positive]),
        "brier": sk.brier_score_loss(y == positive, p[:, positive]),
        "log_loss": sk.log_loss(y, p),
        "balanced_accuracy": sk.balanced_accuracy_score(y, said),
        "mcc": sk.matthews_corrcoef(y, said),
    }
    assert {k: m[k] for k in expected} == pytest.approx(expected)
    assert m["confusion"] == sk.confusion_matrix(y, said).tolist()
    assert m["positive"] == "ab"[positive]
    assert m["confidence_intervals"] == {}
    assert set(REQUIRED) <= set(m)


@pytest.mark.parametrize("tied", [False, True])
def test_more_classes_are_scikit_learns_macro_averages(tied):
    y, p = draw(600, 4, tied=tied)
    m = measure(y, p, tuple("abcd"), bootstrap=0)
    said = p.argmax(axis=1)
    one_hot = np.eye(4)[y]
    expected = {
        "precision": sk.precision_score(y, said, average="macro"),
        "recall": sk.recall_score(y, said, average="macro"),
        "f1": sk.f1_score(y, said, average="macro"),
        "macro_f1": sk.f1_score(y, said, average="macro"),
        "roc_auc": sk.roc_auc_score(y, p, multi_class="ovr", average="macro"),
        "ap": sk.average_precision_score(one_hot, p, average="macro"),
        "brier": sk.brier_score_loss(y, p),
        "log_loss": sk.log_loss(y, p),
        "mcc": sk.matthews_corrcoef(y, said),
        "fpr": np.mean([((said == k) & (y != k)).sum() / (y != k).sum() for k in range(4)]),
    }
    assert {k: m[k] for k in expected} == pytest.approx(expected)
    assert m["positive"] is None
    named = measure(y, p, tuple("abcd"), positive=2, bootstrap=0)
    assert named["roc_auc"] == pytest.approx(sk.roc_auc_score(y == 2, p[:, 2]))
    assert named["f1"] == pytest.approx(m["f1"])
    report = sk.classification_report(y, said, output_dict=True)
    for k, name in enumerate("abcd"):
        assert m["per_class"][name]["f1"] == pytest.approx(report[str(k)]["f1-score"])
        assert m["per_class"][name]["support"] == report[str(k)]["support"]


def test_renaming_the_classes_changes_no_average():
    y, p = draw(300, 4)
    turn = np.array([2, 0, 3, 1])
    one = measure(y, p, tuple("abcd"), bootstrap=0)
    other = measure(np.argsort(turn)[y], p[:, turn], tuple("cadb"), bootstrap=0)
    for name in metrics.NAMES:
        assert one[name] == pytest.approx(other[name])


def test_degenerate_rows_give_none_and_never_crash():
    p = np.array([[0.9, 0.1]] * 5)
    for y in (np.zeros(0, int), np.zeros(5, int), np.ones(5, int)):
        m = measure(y, p[: len(y)], ("a", "b"), bootstrap=50)
        assert m["roc_auc"] is None
        assert m["eer"] is None
        json.dumps(m, allow_nan=False)
    assert measure(np.zeros(5, int), p, ("a", "b"))["precision"] is None
    absent = measure(np.array([0, 1, 0]), np.eye(3)[[0, 1, 1]], ("a", "b", "never"), bootstrap=20)
    assert absent["per_class"]["never"]["recall"] is None
    assert absent["roc_auc"] is not None
    assert absent["macro_f1"] == pytest.approx(2 / 3)


def test_what_does_not_fit_is_refused():
    with pytest.raises(LimbeckError, match="3 labels for 2 rows"):
        measure([0, 1, 0], np.eye(2), ("a", "b"))
    with pytest.raises(LimbeckError, match="row 1: a probability is not a number"):
        measure([0, 1], np.array([[1, 0], [np.nan, 1]]), ("a", "b"))
    with pytest.raises(LimbeckError, match="outside"):
        measure([0, 2], np.eye(2), ("a", "b"))
    with pytest.raises(LimbeckError, match="fit 3"):
        measure([0, 1], np.eye(2), ("a", "b", "c"))


def test_calibration_error_of_known_gaps():
    p = np.repeat([[0.3, 0.7], [0.1, 0.9]], 100, axis=0)
    y = np.concatenate([np.arange(100) < 70, np.arange(100) < 60]).astype(int)
    assert metrics.expected_calibration_error(y, p) == pytest.approx((0 + 0.3) / 2)
    shuffled = np.random.default_rng(0).permutation(200)
    assert metrics.expected_calibration_error(y[shuffled], p[shuffled]) == pytest.approx(0.15)


def test_calibrated_rows_have_a_small_calibration_error():
    rng = np.random.default_rng(0)
    s = rng.random(20_000)
    y = (rng.random(20_000) < s).astype(int)
    assert metrics.expected_calibration_error(y, np.stack([1 - s, s], axis=1)) < 0.01


def test_intervals_cover_the_truth_about_as_often_as_they_claim():
    big_y, big_p = draw(200_000, 2, seed=99)
    big = measure(big_y, big_p, ("a", "b"), bootstrap=0)
    covered = dict.fromkeys(("accuracy", "roc_auc", "macro_f1", "ap", "eer", "log_loss"), 0)
    for seed in range(80):
        m = measure(*draw(250, 2, seed=seed), ("a", "b"), bootstrap=200)
        for name in covered:
            low, high = m["confidence_intervals"][name]
            covered[name] += low <= big[name] <= high
    # 80 trials at 95 %: fewer than 68 has a chance of about 1 in 2,000 for an exact interval.
    assert min(covered.values()) >= 68, covered


def test_the_point_lies_in_its_interval_and_a_seed_repeats_it():
    y, p = draw(400, 3)
    m = measure(y, p, tuple("abc"), bootstrap=300, seed=5)
    assert set(m["confidence_intervals"]) == set(metrics.NAMES)
    for name, (low, high) in m["confidence_intervals"].items():
        assert low <= m[name] <= high, name
    assert m == measure(y, p, tuple("abc"), bootstrap=300, seed=5)


def test_whole_groups_widen_the_interval_when_their_rows_repeat_each_other():
    y, p = draw(60, 2)
    y, p, groups = np.repeat(y, 10), np.repeat(p, 10, axis=0), np.repeat([f"g{k}" for k in range(60)], 10)
    alone = measure(y, p, ("a", "b"))["confidence_intervals"]["accuracy"]
    grouped = measure(y, p, ("a", "b"), groups=groups)["confidence_intervals"]["accuracy"]
    assert grouped[1] - grouped[0] > 2 * (alone[1] - alone[0])


def test_decide_reaches_the_threshold_or_takes_the_likeliest():
    p = np.array([[0.4, 0.6], [0.5, 0.5], [0.7, 0.3]])
    assert metrics.decide(p, 0.5, 1).tolist() == [1, 1, 0]
    assert metrics.decide(p, 0.7, 0).tolist() == [1, 1, 0]
    assert metrics.decide(np.eye(3), 0.99, 0).tolist() == [0, 1, 2]


@pytest.mark.timeout(120)  # a guard against work without end, not a measurement
def test_twelve_thousand_rows_take_seconds():
    y, p = draw(12_000, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure(y, p, ("a", "b"))["n"] == 12_000


def test_one_group_alone_gives_no_intervals():
    y, p = np.array([0, 1] * 10), np.tile([[0.8, 0.2], [0.3, 0.7]], (10, 1))
    assert measure(y, p, ("a", "b"), bootstrap=50, groups=["x"] * 20)["confidence_intervals"] == {}
    assert measure(y, p, ("a", "b"), bootstrap=50, groups=["x", "x", "y", "y"] * 5)["confidence_intervals"]


@pytest.mark.parametrize(("n", "low"), [(3, 0.4385), (30, 0.8865), (300, 0.9873)])
def test_that_all_rows_are_right_does_not_make_the_accuracy_certain(n, low):
    y = np.arange(n) % 2
    found = measure(y, np.eye(2)[y] * 0.8 + 0.1, ("a", "b"), bootstrap=50)
    assert found["accuracy"] == 1.0
    assert found["confidence_intervals"]["accuracy"] == pytest.approx([low, 1.0], abs=1e-4)  # Wilson
    groups = measure(y, np.eye(2)[y], ("a", "b"), bootstrap=50, groups=[k // 3 for k in range(n)])
    if n > 3:  # as many as there are groups
        assert groups["confidence_intervals"]["accuracy"][0] < low
