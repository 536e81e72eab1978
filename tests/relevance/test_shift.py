"""Class rates under label shift: the right rates where scores mean the same, and honest intervals where they do not."""

import numpy as np
import pytest

from limbeck.metrics.logits import softmax
from limbeck.relevance.class_rates.shift import Rates, ShiftModel, calibrate, cut_at, learn
from limbeck.relevance.replay.scene import at_rate


def scenario(rng, rate: float, count: int = 800, *, bias: float = 0.0, slope: float = 1.0, strength: float = 1.5):
    """Scores [count, 2] whose log-odds are normal about ± strength, shifted by a bias, and labels."""
    labels = (rng.random(count) < rate).astype(np.int64)
    odds = slope * (2 * strength * (2 * labels - 1) * strength / 1.0 + 2 * strength * rng.normal(size=count)) + bias
    return np.stack([-odds / 2, odds / 2], axis=1), labels


def known(rng, scenarios: int, *, spread: float = 0.0, slope: float = 1.0):
    found = [scenario(rng, 0.5, bias=spread * rng.normal(), slope=slope) for _ in range(scenarios)]
    return [scores for scores, _ in found], [labels for _, labels in found]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.8, 0.95])
def test_rates_are_found_where_scores_mean_the_same(rate):
    rng = np.random.default_rng(0)
    model = learn(*known(rng, 6, slope=0.4))
    scores, labels = scenario(rng, rate, slope=0.4)
    found = model.estimate(scores)
    assert abs(found.rates[1] - labels.mean()) < 0.03
    assert found.low[1] < labels.mean() < found.high[1]
    assert found.rates.sum() == pytest.approx(1)


def test_no_rate_is_pulled_to_even():
    rng = np.random.default_rng(1)
    model = learn(*known(rng, 6))
    off = []
    for seed in range(12):
        scores, labels = scenario(np.random.default_rng(seed), 0.15)
        off.append(model.estimate(scores).rates[1] - labels.mean())
    assert abs(np.mean(off)) < 0.01


def test_intervals_cover_scenarios_that_are_unlike_each_other():
    """Scores of each scenario have a zero of their own; the interval has to know by how much."""
    covered, narrow = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        model = learn(*known(rng, 8, spread=1.0))
        scores, labels = scenario(rng, rng.uniform(0.1, 0.9), bias=rng.normal())
        found = model.estimate(scores)
        covered.append(found.low[1] <= labels.mean() <= found.high[1])
        narrow.append(found.high[1] - found.low[1])
    assert np.mean(covered) >= 0.9
    assert np.mean(narrow) < 0.9


def test_where_two_ways_disagree_the_interval_is_wider():
    rng = np.random.default_rng(3)
    scores, labels = known(rng, 8, spread=0.1)
    # The second way is off by as much as the first, and more: their distance tells the error.
    shifts = rng.normal(size=8)
    first = [z + 0.5 * shift * np.array([-1, 1]) for z, shift in zip(scores, shifts, strict=True)]
    second = [z + 1.5 * shift * np.array([-1, 1]) for z, shift in zip(scores, shifts, strict=True)]
    model = learn(first, labels, None, second)
    assert model.doubt > 0
    one, _ = scenario(rng, 0.5)
    near = model.estimate(one, None, one)
    far = model.estimate(one, None, one + np.array([-1.5, 1.5]))
    assert far.high[1] - far.low[1] > near.high[1] - near.low[1] + 0.05


def test_swapping_the_classes_swaps_the_rates():
    rng = np.random.default_rng(4)
    scores, labels = known(rng, 5, spread=0.4)
    one, _ = scenario(rng, 0.25)
    found = learn(scores, labels).estimate(one)
    swapped = learn([z[:, ::-1] for z in scores], [1 - own for own in labels]).estimate(one[:, ::-1])
    assert swapped.rates[::-1] == pytest.approx(found.rates, abs=0.03)


def test_three_classes():
    rng = np.random.default_rng(5)

    def drawn(rates):
        labels = rng.choice(3, 1500, p=rates)
        return 3 * np.eye(3)[labels] + rng.normal(size=(1500, 3)), labels

    found = [drawn([1 / 3, 1 / 3, 1 / 3]) for _ in range(4)]
    model = learn([z for z, _ in found], [own for _, own in found])
    scores, labels = drawn([0.6, 0.3, 0.1])
    rates = model.estimate(scores)
    true = np.bincount(labels, minlength=3) / len(labels)
    assert np.abs(rates.rates - true).max() < 0.05
    assert (rates.low <= true + 0.02).all() and (rates.high >= true - 0.02).all()


@pytest.mark.parametrize("rates", [[0.2, 0.8], [0.5, 0.5], [0.97, 0.03], [0.1, 0.3, 0.6]])
def test_answers_have_the_class_rates_that_they_are_cut_at(rates):
    scores = np.random.default_rng(6).normal(size=(500, len(rates))) * 2
    found = cut_at(scores, 1.5, np.array(rates))
    assert found.mean(axis=0) == pytest.approx(rates, abs=1e-3)
    assert found.sum(axis=1) == pytest.approx(np.ones(500))
    order = np.argsort(scores[:, 1] - scores[:, 0])
    assert len(rates) > 2 or (np.diff(found[order, 1]) >= 0).all()


def test_the_slope_is_that_of_calibrated_scores_whatever_the_zero_of_each_scenario():
    rng = np.random.default_rng(7)
    found = [scenario(rng, rate, 4000, bias=bias, slope=0.5) for rate, bias in ((0.2, 1), (0.7, -1), (0.5, 0.3))]
    slope, _ = calibrate([z for z, _ in found], [own for _, own in found])
    assert slope == pytest.approx(2.0, rel=0.15)


def test_without_scenarios_that_can_play_nothing_fails():
    scores = np.zeros((40, 2))
    model = learn([scores], [np.zeros(40, dtype=np.int64)])
    found = model.estimate(scores)
    assert isinstance(model, ShiftModel) and isinstance(found, Rates)
    assert np.isfinite([*found.rates, *found.low, *found.high]).all()
    assert np.isfinite(softmax(scores)).all()


def test_rows_at_a_rate_are_drawn_once_each():
    labels = np.array([0] * 300 + [1] * 100)
    rng = np.random.default_rng(0)
    rows = at_rate(labels, 0.5, 1000, rng)
    assert len(rows) == 200 == len(set(rows.tolist())) and labels[rows].mean() == 0.5
    assert labels[at_rate(labels, 0.1, 150, rng)].mean() == pytest.approx(0.1)
    assert not len(at_rate(np.array([0] * 300 + [1] * 5), 0.5, 1000, rng))
