"""Boxes survive the letterbox, windows and the centre map: what goes in comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from detect.scenes import scene
from limbeck.kinds.image.whole.letterbox import GREY, fitted, letterbox_for, letterboxed
from limbeck.metrics.boxes.overlap import overlaps, suppressed
from limbeck.networks.detect.centre_map import STRIDE, CentreMap, decoded
from limbeck.objectives import OBJECTIVES, Step
from limbeck.objectives.centre import generalised_iou
from limbeck.recipe import Objective, Training
from limbeck.tasks.detect.boxes import Boxes, Labelled
from limbeck.training.detect.targets import targets
from limbeck.training.detect.windows import WindowInput, cut


def boxes(*edges: tuple[float, float, float, float], labels: tuple[int, ...] = ()) -> Boxes:
    kinds = np.array(labels or [0] * len(edges), dtype=np.int64)
    return Boxes(np.array(edges, dtype=np.float64), kinds, kinds < 0)


@pytest.mark.parametrize("size", [(1360, 800), (33, 700), (640, 384), (5, 5)])
def test_a_letterbox_scales_to_fit_and_is_grey_at_the_right_and_below(size: tuple[int, int]) -> None:
    out = letterboxed(Image.new("RGB", size, (200, 10, 10)), (640, 384))
    width, height = fitted(size, (640, 384))
    assert out.shape == (384, 640, 3)
    assert width == 640 or height == 384
    assert (out[:height, :width, 0] == 200).all()
    assert (out[height:] == GREY).all()
    assert (out[:, width:] == GREY).all()


def test_the_letterbox_has_the_shape_of_most_pictures() -> None:
    assert letterbox_for([(960, 565)] * 5 + [(100, 900)], 640) == (640, 384)
    assert letterbox_for([(640, 480)], 640) == (640, 480)
    assert letterbox_for([(480, 640)], 640) == (480, 640)
    assert letterbox_for([(500, 500)], 320) == (320, 320)


def test_perfect_maps_decode_to_the_boxes_they_were_made_of() -> None:
    true = boxes((8, 8, 20, 18), (40, 30, 120, 90), (100, 4, 109, 12), labels=(0, 1, 0))
    heat, sides, _ = targets(true, 2, 24, 40)
    found = decoded(torch.from_numpy(heat)[None], torch.from_numpy(sides)[None], 10)[0].numpy()
    found = found[found[:, 4] == 1.0]
    assert len(found) == 3
    shared = overlaps(found[:, :4].astype(np.float64), true.edges)
    assert (shared.max(axis=0) > 0.999).all()
    assert found[:, 5].tolist() == true.labels[shared.argmax(axis=1)].tolist()


def test_every_box_weighs_the_same_and_an_ignored_region_nothing() -> None:
    true = boxes((8, 8, 16, 16), (40, 10, 130, 90), (140, 10, 158, 90), labels=(0, 1, -1))
    heat, _, share = targets(true, 2, 24, 40)
    assert share.sum() == pytest.approx(2.0, abs=1e-4)
    assert (heat == 1).sum() == 2
    assert (heat[:, 4:20, 36:39] > 0.999).all()


def test_windows_move_boxes_with_the_pixels() -> None:
    image = Image.new("RGB", (200, 120), (90, 90, 90))
    image.paste((250, 0, 0), (60, 40, 100, 70))
    canvas, moved = cut(image, boxes((60, 40, 100, 70)), np.array([30.0, -8.0]), np.array([0.8, 0.9]), (96, 96))
    x0, y0, x1, y1 = moved.edges[0].round().astype(int)
    assert (canvas[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2, 0] > 240).all()
    assert (canvas[: y0 - 2, :, 0] < 130).all()
    assert (canvas[y1 + 2 :, :, 0] < 130).all()
    assert (canvas[:7] == GREY).all()


def test_a_box_of_which_little_is_left_is_a_region_that_does_not_count() -> None:
    image = Image.new("RGB", (200, 120))
    _, moved = cut(image, boxes((60, 40, 100, 70), (120, 10, 190, 60)), np.array([85.0, 0.0]), np.ones(2), (96, 96))
    assert moved.crowd.tolist() == [True, False]


def test_samples_depend_on_seed_epoch_and_row_alone(tmp_path: Path) -> None:
    scene(3)[0].save(tmp_path / "a.png")
    picture = Labelled("a.png", tmp_path / "a.png", (160, 96), boxes((10, 10, 40, 40)), "train")
    settings = Training(windows={"size": 64, "samples": 6})
    one, other = (WindowInput([picture], (160, 96), 1, settings) for _ in range(2))
    rows = one.rows(2)
    assert (one.sample(rows, 4)[0] == other.sample(other.rows(2), 4)[0]).all()
    assert (one.sample(rows, 4)[0] != one.sample(one.rows(3), 4)[0]).any()


def test_what_is_left_out_overlaps_a_higher_box_of_its_class_and_nothing_that_stays_does() -> None:
    random = np.random.default_rng(3)
    corners = random.uniform(0, 300, (200, 2))
    edges = np.concatenate([corners, corners + random.uniform(5, 90, (200, 2))], axis=1)
    scores, labels = random.random(200).round(1), random.integers(0, 2, 200)
    kept = suppressed(edges, scores, labels, 0.3)
    near = (overlaps(edges, edges) > 0.3) & (labels[:, None] == labels[None, :]) & ~np.eye(200, dtype=bool)
    assert not near[np.ix_(kept, kept)].any()
    assert (np.diff(scores[kept]) <= 0).all()
    for at in np.setdiff1d(np.arange(200), kept):
        assert scores[kept][near[at, kept]].max() >= scores[at]


def test_generalised_iou_is_one_for_equal_boxes_and_below_zero_for_a_sliver() -> None:
    one = torch.tensor([[2.0, 2.0, 2.0, 2.0], [1.0, 9.0, 1.0, 9.0]])
    assert generalised_iou(one, one).tolist() == pytest.approx([1.0, 1.0])
    assert generalised_iou(one[:1], one[1:]).item() < 0.2


def test_folding_and_taking_over_folded_weights_change_no_answer() -> None:
    torch.manual_seed(0)
    network = CentreMap(CentreMap.Options(width=8), None, 2)
    pixels = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        network.train()
        network.dense(pixels)
        before = network.eval().dense(pixels)
        network.fold()
        after = network.dense(pixels)
        fresh = CentreMap(CentreMap.Options(width=8), None, 2).eval()
        fresh.take_folded(network.state_dict())
        taken = fresh.dense(pixels)
    for one, other, third in zip(before, after, taken, strict=True):
        assert torch.allclose(one, other, atol=1e-4)
        assert torch.allclose(one, third, atol=1e-3)
    assert before[0].shape[2:] == (64 // STRIDE, 96 // STRIDE)


@pytest.mark.parametrize("name", ["centre", "centre-distil"])
def test_both_losses_of_detectors_reach_every_weight(name: str, tmp_path: Path) -> None:
    scene(3)[0].save(tmp_path / "a.png")
    picture = Labelled("a.png", tmp_path / "a.png", (160, 96), boxes((10, 10, 40, 40)), "train")
    reader = WindowInput([picture], (160, 96), 1, Training(windows={"size": 64, "samples": 4}))
    network = CentreMap(CentreMap.Options(width=8), None, 1)
    larger = CentreMap(CentreMap.Options(width=16), None, 1).eval()
    reader.teacher = lambda pixels: (torch.sigmoid(larger.dense(pixels)[0]) * 0 + 0.5, larger.dense(pixels)[1])
    batch = {key: torch.from_numpy(value) for key, value in reader.batch(reader.rows(0), np.arange(4)).items()}
    loss = OBJECTIVES[name](Objective(losses={name: 1.0}), network, reader, ("a",))
    loss(Step(network, batch, torch.zeros(4), 0)).backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in network.parameters())
