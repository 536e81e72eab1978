"""The attack stays within its bound and raises the loss; training against it makes a student that holds."""

import numpy as np
import pytest
import torch
from torch import nn

from limbeck.kinds.image.encode import ImageInput
from limbeck.networks import NETWORKS
from limbeck.networks.image.base import PictureNetwork
from limbeck.objectives.adversarial import Bounds, attacked
from limbeck.recipe import Adversary, Input, Objective
from limbeck.training.fit.learner import Learner

SIZE = 16


class Linear(PictureNetwork):
    """Two classes by a linear map of the pixels: the worst picture within a bound is known in closed form."""

    def __init__(self, seed=0):
        super().__init__(None, None, 2)
        torch.manual_seed(seed)
        self.head = nn.Linear(3 * SIZE * SIZE, 2)

    def maps(self, pixels):
        return pixels

    def pool(self, maps):
        return maps.flatten(1)


def pictures(convention, rows=6, seed=0):
    encoder = ImageInput(Input(size=SIZE, convention=convention))
    bytes_ = np.random.default_rng(seed).integers(0, 256, (rows, SIZE, SIZE, 3), dtype=np.uint8)
    return encoder, torch.from_numpy(encoder.normalised(bytes_))


@pytest.mark.parametrize("convention", ["zero-one", "imagenet", "caffe"])
def test_bounds_are_black_white_and_one_level_of_255(convention):
    encoder, _ = pictures(convention)
    bounds = Bounds.of(encoder)
    for level, expected in ((0, bounds.low), (255, bounds.high), (1, bounds.low + bounds.unit)):
        flat = torch.from_numpy(encoder.normalised(np.full((1, SIZE, SIZE, 3), level, dtype=np.uint8)))[0]
        torch.testing.assert_close(flat, expected.expand_as(flat), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("convention", ["zero-one", "caffe"])
@pytest.mark.parametrize("steps", [1, 10])
def test_on_a_linear_student_it_finds_the_worst_picture_there_is(convention, steps):
    encoder, pixels = pictures(convention)
    network, labels, bounds = Linear(), torch.tensor([0, 1, 0, 1, 0, 1]), Bounds.of(encoder)
    with torch.no_grad():
        network.head.weight /= bounds.unit.max() * 255  # logits of one size whatever a normalised pixel is
    moved = attacked(network, pixels, labels, Adversary(epsilon=4, steps=steps), bounds)
    slope = network.head.weight[1] - network.head.weight[0]
    towards = torch.where(labels == 0, 1.0, -1.0)[:, None] * slope.sign()
    worst = pixels + 4 * bounds.unit * towards.reshape(pixels.shape)
    worst = torch.maximum(torch.minimum(worst, bounds.high), bounds.low)
    torch.testing.assert_close(moved, worst.detach(), atol=1e-4, rtol=1e-4)


def test_no_pixel_leaves_the_bound_and_the_student_is_left_as_it_was():
    encoder, pixels = pictures("zero-one")
    network = NETWORKS["minifas"](NETWORKS["minifas"].parse({"width": 0.25}), encoder, 2).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    moved = attacked(
        network, pixels, torch.zeros(6, dtype=torch.int64), Adversary(epsilon=8, steps=3), Bounds.of(encoder)
    )
    assert (moved - pixels).abs().max() <= 8 / 255 + 1e-6
    assert 0 <= moved.min() <= moved.max() <= 1
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(weight.grad is None for weight in network.parameters())


def test_training_against_it_makes_a_student_that_holds():
    """Two classes that differ by much in their light, and by a faint pattern that alone is without noise."""
    encoder, _ = pictures("zero-one")
    random = np.random.default_rng(0)
    labels = torch.from_numpy(random.integers(0, 2, 400))
    checker = torch.from_numpy(np.indices((SIZE, SIZE)).sum(0) % 2 * 2.0 - 1).float()
    light = torch.from_numpy(random.normal(0.0, 0.08, 400)).float() + (labels - 0.5) * 0.2
    sign = (labels * 2.0 - 1)[:, None, None] * checker * 0.008
    pixels = (0.5 + light[:, None, None] + sign)[:, None].expand(-1, 3, -1, -1).contiguous()
    held = {}
    for loss in ("hard", "adversarial"):
        network = Linear()
        nn.init.zeros_(network.head.weight)
        learner = Learner(network, Objective(losses={loss: 1.0}, adversary=Adversary(epsilon=4)), encoder, ("a", "b"))
        optimizer = torch.optim.Adam(learner.parameters(), 1e-2)
        for _ in range(150):
            total = learner({"pixels": pixels}, labels, None, 0)[0]
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        bounds = Bounds.of(encoder)
        moved = attacked(learner.network, pixels, labels, Adversary(epsilon=4, steps=10), bounds)
        held[loss] = float((learner.network(moved).argmax(dim=1) == labels).float().mean())
    assert held["adversarial"] > 0.7
    assert held["adversarial"] > 2 * held["hard"]


def test_unlabelled_rows_cost_nothing():
    encoder, pixels = pictures("zero-one")
    learner = Learner(Linear(), Objective(losses={"adversarial": 1.0}), encoder, ("a", "b"))
    assert learner({"pixels": pixels}, torch.full((6,), -1), None, 0)[0].item() == 0.0
