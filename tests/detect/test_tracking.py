"""Objects keep their number through a video: with noise, gaps, crossings and boxes of low score."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from limbeck.bundle.detect.found import Detections
from limbeck.bundle.detect.tracking import LOST, Tracker

CLASSES = ("sign", "car")


def frame_of(edges: list[list[float]], scores: list[float], labels: list[int]) -> Detections:
    shaped = np.array(edges, dtype=np.float32).reshape(-1, 4)
    kinds = np.array(labels, dtype=np.int64)
    return Detections(shaped, np.array(scores, dtype=np.float32), kinds, CLASSES, (640, 384))


def tracker() -> Tracker:
    return Tracker(dict.fromkeys(CLASSES, 0.5), CLASSES)


def moving(signs: int, frames: int, seed: int) -> list[tuple[Detections, list[int]]]:
    """Return frames of signs that come nearer, with noise, misses and low scores, and which sign each box is."""
    random = np.random.default_rng(seed)
    start = np.array([(80 * (at % 8) + 20, 90 * (at // 8) + 40) for at in range(signs)], dtype=np.float64)
    speed = random.uniform(-1.5, 1.5, (signs, 2))
    sizes = random.uniform(12, 30, signs)
    made = []
    for time in range(frames):
        middle = start + speed * time
        side = sizes * 1.01**time
        noise = random.normal(0, 0.04, (signs, 4)) * side[:, None]
        edges = np.concatenate([middle - side[:, None] / 2, middle + side[:, None] / 2], axis=1) + noise
        kept = np.flatnonzero(random.random(signs) > 0.08)
        scores = np.where(random.random(signs) < 0.15, 0.3, 0.8)
        found = frame_of(edges[kept].tolist(), scores[kept].tolist(), [0] * len(kept))
        made.append((found, kept.tolist()))
    return made


def test_twenty_signs_keep_their_numbers_but_for_one_switch_a_track_at_most() -> None:
    following = tracker()
    numbers: dict[int, list[int]] = {}
    for found, which in moving(20, 60, seed=1):
        answered = following.step(found)
        for box, number in zip(answered.edges, answered.tracks.tolist(), strict=True):
            at = int(np.abs(found.edges - box).sum(axis=1).argmin())
            numbers.setdefault(which[at], []).append(number)
    switches = [sum(one != other for one, other in pairwise(own)) for own in numbers.values()]
    assert len(numbers) == 20
    assert max(switches) <= 1
    assert sum(switches) <= 2


def test_a_box_of_low_score_goes_on_with_a_track_and_begins_none() -> None:
    following = tracker()
    first = following.step(frame_of([[10, 10, 40, 40]], [0.9], [0]))
    second = following.step(frame_of([[11, 10, 41, 40], [200, 200, 230, 230]], [0.3, 0.3], [0, 0]))
    assert first.tracks.tolist() == second.tracks.tolist() == [1]
    assert second.edges[0].tolist() == [11, 10, 41, 40]


def test_a_track_outlives_a_gap_and_is_forgotten_after_a_long_one() -> None:
    following = tracker()
    nothing = frame_of([], [], [])
    for time in range(5):
        following.step(frame_of([[10 + 2 * time, 10, 40 + 2 * time, 40]], [0.9], [0]))
    for _ in range(4):
        following.step(nothing)
    assert following.step(frame_of([[28, 10, 58, 40]], [0.9], [0])).tracks.tolist() == [1]
    for _ in range(LOST + 1):
        following.step(nothing)
    assert following.step(frame_of([[28, 10, 58, 40]], [0.9], [0])).tracks.tolist() == [2]


def test_objects_of_two_classes_in_one_place_are_two_tracks() -> None:
    following = tracker()
    following.step(frame_of([[10, 10, 40, 40]], [0.9], [0]))
    assert following.step(frame_of([[10, 10, 40, 40]], [0.9], [1])).tracks.tolist() == [2]


@pytest.mark.parametrize("threshold", [0.2, 0.95])
def test_one_threshold_stands_for_those_of_the_classes(threshold: float) -> None:
    found = tracker().step(frame_of([[10, 10, 40, 40]], [0.6], [0]), threshold)
    assert len(found) == (threshold < 0.6)
