"""Operating points: the threshold that misses little enough, and the table of what each threshold finds."""

import numpy as np
import pytest

from limbeck.metrics.calibration import choose_threshold
from limbeck.metrics.operating_points import for_sensitivity, sweep
from limbeck.recipe import Sensitivity, parse_recipe


def scores(seed=0, count=400):
    random = np.random.default_rng(seed)
    y = (random.random(count) < 0.3).astype(np.int64)
    score = 1 / (1 + np.exp(-(1.5 * y + random.standard_normal(count) - 0.7)))
    return y, np.stack([1 - score, score], axis=1)


@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.95, 0.99])
def test_the_threshold_finds_just_the_share_that_is_wanted(wanted):
    y, p = scores()
    threshold = choose_threshold(y, p, Sensitivity(sensitivity=wanted))
    found = (p[y == 1, 1] >= threshold).mean()
    assert found >= wanted
    assert found - wanted <= 1 / (y == 1).sum()  # the highest that does: one positive row fewer would not
    negative = choose_threshold(1 - y, p[:, ::-1], Sensitivity(sensitivity=wanted), positive=0)
    assert 0 <= negative <= 1


def test_one_class_or_three_have_no_such_threshold():
    y, p = scores()
    assert for_sensitivity(np.zeros(5, dtype=int), p[:5], 0.9) == 0.5
    assert for_sensitivity(y, np.full((len(y), 3), 1 / 3), 0.9) == 0.5


def test_the_table_counts_what_its_words_say():
    y, p = scores()
    rows = sweep(y, p, 0.5)
    assert sum(row["used"] for row in rows) == 1
    assert [row["threshold"] for row in rows] == sorted(row["threshold"] for row in rows)
    for row in rows:
        called = p[:, 1] >= row["threshold"] - 1e-12
        assert row["sensitivity"] == pytest.approx(called[y == 1].mean())
        assert row["specificity"] == pytest.approx((~called)[y == 0].mean())
        assert row["ppv"] is None or row["ppv"] == pytest.approx(y[called].mean())
        assert row["npv"] is None or row["npv"] == pytest.approx(1 - y[~called].mean())
    assert any(row["sensitivity"] >= 0.95 for row in rows)
    assert any(row["specificity"] >= 0.95 for row in rows)
    assert sweep(y, np.full((len(y), 3), 1 / 3), 0.5) == []


def test_the_recipe_takes_a_sensitivity():
    raw = {"task": {"kind": "text"}, "data": {"train": "a.csv"}, "student": {"network": "ngram"}}
    recipe = parse_recipe({**raw, "evaluation": {"threshold": {"sensitivity": 0.95}}})
    assert recipe.evaluation.threshold == Sensitivity(sensitivity=0.95)
