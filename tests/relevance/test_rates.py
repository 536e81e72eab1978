"""Class rates calibrated on scenarios that play the target."""

from __future__ import annotations

import numpy as np
import pytest

from limbeck.relevance import Samples, calibrated_prior, class_prior
from limbeck.relevance.class_rates.calibrated import calibrate

K, LEAN = 6, 1.5


def scenario(rate: float, count: int, lean: float, seed: int):
    """Rows whose classes are seen in two features, and K teachers that all lean the same way."""
    rng = np.random.default_rng(seed)
    y = (rng.random(count) < rate).astype(int)
    features = rng.normal(size=(count, 6)) + 1.6 * (2 * y[:, None] - 1) * (np.arange(6) < 2)
    odds = rng.normal(0, 1.2, (K, count)) + 1.4 * (2 * y - 1) + lean
    return np.stack([1 / (1 + np.exp(odds)), 1 / (1 + np.exp(-odds))], axis=2), features, y


def samples(lean: float = LEAN) -> Samples:
    parts = [scenario(0.5, 700, lean, seed) for seed in range(1, K + 1)]
    return Samples([part[1] for part in parts], [part[2] for part in parts], [part[0] for part in parts])


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.75])
def test_rates_are_nearer_than_what_leaning_teachers_tell(rate):
    P, features, y = scenario(rate, 1500, LEAN, seed=0)
    told, found = class_prior(P)[1], calibrated_prior(P, features, samples())[1]
    assert abs(told - y.mean()) > 0.1
    assert abs(found - y.mean()) < min(0.1, abs(told - y.mean()))


def test_the_signs_follow_the_rates_that_scenarios_play():
    signs = calibrate(samples())
    assert signs is not None
    assert signs.slope > 0
    assert signs.bent > 0.3


def test_swapping_the_classes_swaps_the_rates():
    P, features, _ = scenario(0.3, 800, 0.5, seed=0)
    played = samples(0.5)
    swapped = Samples(
        played.features, [1 - np.asarray(y) for y in played.labels], [np.asarray(a)[:, :, ::-1] for a in played.answers]
    )
    one, other = calibrated_prior(P, features, played), calibrated_prior(P[:, :, ::-1], features, swapped)
    assert one[0] == pytest.approx(other[1], abs=0.05)


@pytest.mark.parametrize("lacks", ["labels", "scenarios", "classes", "teachers"])
def test_what_cannot_be_calibrated_is_estimated_as_before(lacks):
    P, features, _ = scenario(0.4, 300, 0.5, seed=0)
    played, which = samples(0.5), None
    if lacks == "labels":
        played = Samples(played.features)
    elif lacks == "scenarios":
        which = [0]
    elif lacks == "classes":
        played = Samples(played.features, [np.zeros(700, dtype=int)] * K, played.answers)
    else:
        P = P[:2]
    np.testing.assert_array_equal(calibrated_prior(P, features, played, scenarios=which), class_prior(P, features))
