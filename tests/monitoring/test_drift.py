"""Drift is told where rows have changed, and rarely where they have not, whatever the size of the window."""

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.monitoring.changed_words import changed_words
from limbeck.monitoring.histograms import jensen_shannon, psi, shift
from limbeck.monitoring.two_samples import _areas, two_samples


def test_distances_counted_by_hand():
    assert psi([50, 50], [50, 50]) == 0
    assert psi([9.5, 4.5], [4.5, 9.5]) == pytest.approx(2 * (10 - 5) / 15 * np.log(2))
    assert jensen_shannon([1e9, 0], [0, 1e9]) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("size", [40, 400])
def test_unchanged_windows_rarely_give_an_alarm(size):
    rng, shares = np.random.default_rng(0), np.array([0.6, 0.2, 0.1, 0.06, 0.04])
    alarms = [shift(rng.multinomial(500, shares), rng.multinomial(size, shares)).drifted for _ in range(120)]
    assert np.mean(alarms) <= 0.11  # 0.05 and three standard errors


def test_a_small_shift_of_many_rows_is_found_though_the_index_is_far_below_the_usual_rule():
    found = shift([5000, 5000], [4600, 5400])
    assert found.drifted
    assert found.psi_threshold < found.psi < 0.02


def test_areas_counted_by_hand():
    scores = np.array([[0.1], [0.4], [0.35], [0.8]])
    assert _areas(scores, np.array([[0.0], [0.0], [1.0], [1.0]]))[0] == 0.75


def test_a_moved_cloud_is_told_apart_and_the_same_one_rarely():
    rng = np.random.default_rng(0)
    old = rng.normal(size=(300, 20))
    assert two_samples(old, rng.normal(size=(150, 20)) + 0.3).drifted
    alarms = [two_samples(old[:150], rng.normal(size=(60, 20)), seed=seed).drifted for seed in range(40)]
    assert np.mean(alarms) <= 0.15
    with pytest.raises(LimbeckError, match="10 vectors"):
        two_samples(old, old[:5])


def test_the_words_that_changed_are_named_and_no_others():
    rng = np.random.default_rng(0)
    common = [f"w{number}" for number in range(50)]

    def text(*more: str) -> list[str]:
        return [*rng.choice(common, 10).tolist(), *more]

    old = [text("屏幕") if at % 3 else text() for at in range(300)]
    new = [text("房间") if at % 2 else text() for at in range(200)]
    named = changed_words(old, new)
    assert {word.word for word in named} == {"房间", "屏幕"}
    assert named[0].word == "房间" or named[0].word == "屏幕"
    assert next(word.z for word in named if word.word == "房间") > 0 > next(w.z for w in named if w.word == "屏幕")
    assert changed_words(old, [text("屏幕") if at % 3 else text() for at in range(300)]) == []
