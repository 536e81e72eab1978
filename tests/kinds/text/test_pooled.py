"""Classifiers of several scenarios' texts together, and each with one scenario left out."""

import numpy as np
import polars as pl
import pytest

from limbeck.kinds.text.pooled import FAMILIES, Pool

CHINESE = (["很好", "喜欢", "满意", "推荐"], ["很差", "失望", "退货", "糟糕"])
ENGLISH = (["good ", "lovely ", "great ", "works "], ["bad ", "awful ", "broken ", "never "])
THINGS = ("房间", "屏幕", "苹果")


def scenario(rng, words, thing: str, rate: float = 0.5, count: int = 150):
    labels = (rng.random(count) < rate).astype(np.int64)
    texts = [
        thing + "".join(rng.choice(words[0] if label else words[1], 3)) + str(rng.integers(99)) for label in labels
    ]
    return pl.DataFrame({"text": texts}), labels


def scenarios(words, seed: int = 0, **more):
    rng = np.random.default_rng(seed)
    found = [scenario(rng, words, thing, **more) for thing in THINGS]
    return [frame for frame, _ in found], [labels for _, labels in found]


@pytest.mark.parametrize("words", [CHINESE, ENGLISH], ids=["zh", "en"])
def test_a_scenario_that_is_left_out_is_told_by_the_others(words):
    frames, labels = scenarios(words)
    pool = Pool(frames, labels, 2)
    for k, (frame, own) in enumerate(zip(frames, labels, strict=True)):
        P = pool.left_out("pooled", k, frame)
        assert P.shape == (len(own), 2) and P.sum(axis=1) == pytest.approx(np.ones(len(own)))
        assert (P.argmax(axis=1) == own).mean() > 0.95
    assert (pool.predict(frames[0]).argmax(axis=1) == labels[0]).mean() > 0.95


def test_what_is_left_out_is_not_learned():
    """Labels of one scenario turned round: its own left-out classifier does not know, the one of all does."""
    frames, labels = scenarios(CHINESE)
    turned = [labels[0], labels[1], 1 - labels[2]]
    pool = Pool(frames, turned, 2)
    assert (pool.left_out("pooled", 2, frames[2]).argmax(axis=1) == labels[2]).mean() > 0.95
    assert (pool.left_out("pooled", 0, frames[0]).argmax(axis=1) == labels[0]).mean() < 0.95


def test_spaced_words_may_stand_alone_and_unspaced_ones_never_do():
    assert Pool(*scenarios(CHINESE), 2).family == FAMILIES[0]
    assert Pool(*scenarios(ENGLISH), 2).family in FAMILIES


def test_class_rates_of_scenarios_are_no_news():
    """A scenario of few good rows does not make its words bad ones: rows without a sign stay near even."""
    rng = np.random.default_rng(1)
    one, two = scenario(rng, CHINESE, "房间", 0.1, 400), scenario(rng, CHINESE, "屏幕", 0.9, 400)
    pool = Pool([one[0], two[0]], [one[1], two[1]], 2)
    P = pool.predict(pl.DataFrame({"text": ["房间", "屏幕"]}))
    assert np.abs(P[:, 1] - 0.5).max() < 0.25


def test_three_classes_and_empty_texts():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 3, 120)
    frame = pl.DataFrame({"text": [["红", "绿", "蓝"][one] + str(at) for at, one in enumerate(labels)]})
    pool = Pool([frame, frame], [labels, labels], 3)
    P = pool.predict(pl.DataFrame({"text": ["红", "", None]}))
    assert P.shape == (3, 3) and np.isfinite(P).all() and P[0].argmax() == 0
