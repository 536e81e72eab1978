"""The metrics of boxes are those of pycocotools: on random scenes with crowds, empty pictures and regions to ignore."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np
import pytest

from limbeck.metrics.boxes.coco import Found, Truth, coco_metrics

CLASSES = ("a", "b", "c")
NAMES = (
    "ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium",
    "ar_large",
)  # fmt: skip


def scene(seed: int, pictures: int = 12) -> tuple[list[Truth], list[Found]]:
    """Return true boxes, some of them crowds or of every class, and boxes found near them or anywhere."""
    random = np.random.default_rng(seed)
    true, found = [], []
    for _ in range(pictures):
        many = int(random.integers(0, 9))
        sizes = np.exp(random.uniform(np.log(6), np.log(200), (many, 2)))
        corners = random.uniform(0, 400, (many, 2))
        edges = np.concatenate([corners, corners + sizes], axis=1).round(int(random.integers(0, 3)))
        labels = random.integers(0, 2 + seed % 2, many)  # of even seeds one class has no object
        labels[random.random(many) < 0.1] = -1
        true.append(Truth(edges, labels, (random.random(many) < 0.15) | (labels < 0)))
        near = np.repeat(edges, 2, axis=0) + random.normal(0, 5, (2 * many, 4)).round()
        low = random.uniform(0, 400, (6, 2))
        every = np.concatenate([near, edges, np.concatenate([low, low + random.uniform(5, 90, (6, 2))], axis=1)])
        every = every[(every[:, 2] > every[:, 0]) & (every[:, 3] > every[:, 1])]
        kinds = random.integers(0, 3, len(every))
        found.append(Found(every, random.random(len(every)).round(2), kinds))  # rounded: equal scores
    return true, found


def of_pycocotools(true: list[Truth], found: list[Found]) -> list[float]:
    """Return the twelve figures that pycocotools gives."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is not installed")
    from pycocotools.cocoeval import COCOeval

    def boxed(edges: Any) -> list[float]:
        return [*map(float, edges[:2]), float(edges[2] - edges[0]), float(edges[3] - edges[1])]

    rows: list[dict[str, Any]] = []
    for number, one in enumerate(true):
        for edges, label, crowd in zip(one.edges, one.labels, one.crowd, strict=True):
            box = boxed(edges)
            rows += [
                {
                    "id": len(rows) + 1 + more, "image_id": number, "category_id": kind, "bbox": box,
                    "area": box[2] * box[3], "iscrowd": int(crowd),
                }
                for more, kind in enumerate(range(3) if label < 0 else [int(label)])
            ]  # fmt: skip
    answers = [
        {"image_id": number, "category_id": int(label), "bbox": boxed(edges), "score": float(score)}
        for number, one in enumerate(found)
        for edges, score, label in zip(one.edges, one.scores, one.labels, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco.COCO()
        images = [{"id": number, "width": 640, "height": 480} for number in range(len(true))]
        names = [{"id": kind, "name": name} for kind, name in enumerate(CLASSES)]
        truth.dataset = {"images": images, "annotations": rows, "categories": names}
        truth.createIndex()
        run = COCOeval(truth, truth.loadRes(answers), "bbox")
        run.evaluate()
        run.accumulate()
        run.summarize()
    return list(run.stats)


@pytest.mark.parametrize("seed", range(6))
def test_all_twelve_figures_equal_those_of_pycocotools(seed: int) -> None:
    true, found = scene(seed)
    ours = coco_metrics(true, found, CLASSES)
    wanted = of_pycocotools(true, found)
    got = [-1.0 if ours[name] is None else ours[name] for name in NAMES]
    assert np.allclose(got, wanted, rtol=0, atol=1e-6), dict(zip(NAMES, zip(got, wanted, strict=True), strict=True))


def test_nothing_found_is_zero_and_nothing_there_is_none() -> None:
    none = Found(np.empty((0, 4)), np.empty(0), np.empty(0, dtype=np.int64))
    empty = Truth(np.empty((0, 4)), np.empty(0, dtype=np.int64), np.empty(0, dtype=bool))
    one = Truth(np.array([[0.0, 0, 10, 10]]), np.array([1]), np.array([False]))
    assert coco_metrics([one, empty], [none, none], CLASSES)["ap"] == 0.0
    found = coco_metrics([empty], [none], CLASSES)
    assert found["ap"] is None
    assert found["per_class"]["a"]["objects"] == 0


def test_what_is_found_in_a_crowd_or_an_ignored_region_does_not_count() -> None:
    true = Truth(np.array([[0.0, 0, 20, 20], [100.0, 100, 300, 300]]), np.array([0, -1]), np.array([False, True]))
    edges = np.array([[0.0, 0, 20, 20], [150.0, 150, 170, 170], [200.0, 200, 240, 240]])
    found = Found(edges, np.array([0.5, 0.9, 0.8]), np.zeros(3, dtype=np.int64))
    assert coco_metrics([true], [found], CLASSES)["ap"] == pytest.approx(1.0)
