"""The cold start's choices are made by replaying it on known scenarios, and do no harm where these tell nothing."""

import numpy as np
import pytest

from limbeck.metrics.logits import sigmoid
from limbeck.relevance import METHODS
from limbeck.relevance.replay.candidates import CANDIDATES, scores_of
from limbeck.relevance.replay.scene import Scene
from limbeck.training.distill.replay import answer_of, choose

SHAPE = 12  # features of a row


def panel(
    rng, count: int, *, rows: int = 200, pooled: float = 1.0, skill: float = 1.0, rate: float = 0.5, target=False
):
    """Scenes whose rows have one direction of truth; teachers see it dimly, a pooled classifier as well as asked."""
    direction = rng.normal(size=SHAPE)
    scenes = []
    for k in range(count + target):
        last = k == count
        labels = (rng.random(rows) < (rate if last else 0.5)).astype(np.int64)
        X = rng.normal(size=(rows, SHAPE)) + np.outer(2 * labels - 1, direction) * 0.5
        signal = (2 * labels - 1) * skill
        odds = np.array([signal + rng.normal(size=rows) * 2 for _ in range(count)])
        both = signal * pooled + rng.normal(size=rows)
        answers = np.stack([sigmoid(-odds), sigmoid(odds)], axis=2)
        together = {"pooled": np.stack([sigmoid(-both), sigmoid(both)], axis=1)}
        scenes.append(Scene(answers, X, X, None if last else k, together, None if last else labels))
        truth = labels
    return (scenes[:-1], scenes[-1], truth) if target else scenes


def test_every_method_of_relevance_is_tried():
    """What the table of methods holds competes in the replay, but for what needs a person's weights or labels."""
    tried = {"domain": {"resemblance", "right"}}
    for name in set(METHODS) - {"fixed", "reviewed"}:
        assert tried.get(name, {name}) <= set(CANDIDATES)
    scenes = panel(np.random.default_rng(0), 5)
    found = scores_of(scenes[0], scenes[1:])
    assert {*CANDIDATES, "pooled", "together"} == set(found)
    assert {row.name.partition("+")[0] for row in choose(scenes, rounds=0).tried} == set(found)


def test_the_better_of_the_safe_ways_is_the_reference():
    strong = choose(panel(np.random.default_rng(1), 4, pooled=3.0, skill=0.3), rounds=0)
    assert strong.name in ("pooled", "together")
    weak = choose(panel(np.random.default_rng(1), 4, pooled=0.0, skill=1.0), rounds=0)
    assert weak.name not in ("pooled", "together")


def test_another_way_needs_more_than_its_standard_error():
    for seed in range(3):
        chosen = choose(panel(np.random.default_rng(seed), 4), rounds=0)
        gains = {row.name: (row.gain, row.error) for row in chosen.tried}
        gain, error = gains[chosen.name]
        assert gain == 0 or gain > error


def test_a_student_votes_where_it_helps():
    """Rows tell the truth far better than their teachers: the rounds win; where features are noise they do not."""
    scenes, target, truth = panel(np.random.default_rng(2), 4, rows=300, skill=0.5, pooled=0.8, target=True)
    chosen = choose(scenes, rounds=2)
    assert chosen.rounds
    answer, _ = answer_of(chosen, target, scenes, rounds=2)
    plain = choose(scenes, rounds=0)
    before, _ = answer_of(plain, target, scenes, rounds=0)
    assert (answer.argmax(axis=1) == truth).mean() > (before.argmax(axis=1) == truth).mean() + 0.02
    rng = np.random.default_rng(3)
    noise = [Scene(s.answers, rng.normal(size=s.features.shape), s.compact, s.own, s.pooled, s.labels) for s in scenes]
    assert not choose(noise, rounds=2).rounds


@pytest.mark.parametrize("rate", [0.2, 0.75])
def test_the_answer_has_the_estimated_class_rates_and_stated_ones_stand_for_them(rate):
    scenes, target, truth = panel(np.random.default_rng(4), 4, rows=500, pooled=2.0, rate=rate, target=True)
    chosen = choose(scenes, rounds=0)
    answer, rates = answer_of(chosen, target, scenes, rounds=0)
    assert answer.mean(axis=0) == pytest.approx(rates.rates, abs=1e-3)
    assert abs(rates.rates[1] - truth.mean()) < 0.08
    stated, _ = answer_of(chosen, target, scenes, rounds=0, stated=np.array([0.9, 0.1]))
    assert stated[:, 1].mean() == pytest.approx(0.1, abs=1e-3)


def test_labels_of_the_target_are_not_there_and_the_order_of_scenes_does_not_matter():
    scenes, target, _ = panel(np.random.default_rng(5), 3, target=True)
    assert target.labels is None
    one, other = choose(scenes, rounds=0), choose(scenes[::-1], rounds=0)
    assert one.name == other.name
    assert {row.name for row in one.tried} == {row.name for row in other.tried}


def test_two_scenes_are_enough_and_scenes_of_three_classes_work():
    assert choose(panel(np.random.default_rng(6), 2), rounds=1).name
    rng = np.random.default_rng(7)
    scenes = []
    for k in range(4):
        labels = rng.integers(0, 3, 300)
        z = 2 * np.eye(3)[labels] + rng.normal(size=(4, 300, 3))
        P = np.exp(z) / np.exp(z).sum(axis=2, keepdims=True)
        X = np.eye(3)[labels] + rng.normal(size=(300, 3))
        scenes.append(Scene(P, X, X, k, {"pooled": P.mean(axis=0)}, labels))
    chosen = choose(scenes, rounds=1)
    target = Scene(scenes[0].answers, scenes[0].features, scenes[0].compact, None, scenes[0].pooled)
    answer, rates = answer_of(chosen, target, scenes, rounds=1)
    assert (answer.argmax(axis=1) == scenes[0].labels).mean() > 0.8
    assert rates.rates.sum() == pytest.approx(1)


def test_the_order_of_teachers_is_known_only_where_the_replay_finds_it():
    rng = np.random.default_rng(8)
    scenes = panel(rng, 4, rows=300)
    alike = choose(scenes, rounds=0)
    graded = []
    for scene in scenes:
        signal = 2 * scene.labels - 1
        odds = np.array([signal * skill + rng.normal(size=len(signal)) for skill in (0.1, 0.7, 1.3, 2.0)])
        P = np.stack([sigmoid(-odds), sigmoid(odds)], axis=2)
        graded.append(Scene(P, scene.features, scene.compact, scene.own, scene.pooled, scene.labels))
    clear = choose(graded, rounds=0)
    assert clear.order_known and np.mean(clear.order) > 0.8
    assert np.mean(alike.order) < np.mean(clear.order)
