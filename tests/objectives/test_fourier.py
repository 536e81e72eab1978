"""Fourier supervision reaches the student; the published wiring does not, and is told apart from it."""

import copy

import numpy as np
import pytest
import torch
from benchmarks.published_wiring import PublishedWiring

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput
from limbeck.networks import NETWORKS
from limbeck.objectives import OBJECTIVES, Step
from limbeck.objectives.fourier import Fourier, filters_of
from limbeck.recipe import Input, Objective, parse_recipe
from limbeck.training.doctor.losses import _finding, _reach, shaken
from limbeck.training.fit.learner import Learner
from limbeck.training.student import train_student

SIZE = 32
ENCODER = ImageInput(Input(size=SIZE))
STUDENTS = {"multiscale": {"grid": 1, "widths": [8, 8, 8]}, "minifas": {"width": 0.25}, "squeezenet": {"upto": "fire3"}}


def student(name="multiscale"):
    torch.manual_seed(0)
    kind = NETWORKS[name]
    return kind(kind.parse(STUDENTS[name]), ENCODER, 2)


def batch(rows=16):
    pixels = np.random.default_rng(0).integers(0, 256, (rows, SIZE, SIZE, 3), dtype=np.uint8)
    return {"pixels": torch.from_numpy(ENCODER.normalised(pixels))}


def learner(name="multiscale", **losses):
    return Learner(student(name), Objective(losses=losses or {"fourier": 1.0}), ENCODER, ("live", "spoof"))


@pytest.mark.parametrize("name", STUDENTS)
def test_its_gradient_reaches_every_convolution_of_the_student(name):
    made = learner(name)
    made.network.load_state_dict(shaken(made.network, 0).state_dict())  # fresh blocks are the identity
    made(batch(), torch.zeros(16, dtype=torch.int64), None, 0)[0].backward()
    silent = [key for key, w in made.network.named_parameters() if w.grad is None or not w.grad.abs().sum() > 0]
    # What fuses the maps behind them belongs to the head: this loss looks at the maps.
    behind = ("head.", "reduce", "fuse")
    assert [key for key in silent if not key.startswith(behind)] == []


def test_a_head_that_learns_foretells_the_spectrum():
    made = learner()
    rows = batch(64)
    # Pictures that differ in grain, as photos of photos do.
    for row in range(0, 64, 2):
        rows["pixels"][row] = torch.nn.functional.avg_pool2d(rows["pixels"][row], 5, 1, 2)
    optimizer = torch.optim.Adam(made.parameters(), 3e-3)
    values = []
    for _ in range(60):
        loss = made(rows, torch.zeros(64, dtype=torch.int64), None, 0)[0]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[0] > 0.9
    assert values[-1] < 0.3


def test_a_lone_row_trains_and_texts_are_refused():
    made = learner()
    value = made(batch(1), torch.zeros(1, dtype=torch.int64), None, 0)[0]
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(made.losses["fourier"].head.weight.grad).all()
    with pytest.raises(LimbeckError, match="needs a student of pictures"):
        Fourier(Objective(), torch.nn.Linear(2, 2), None, ("a", "b"))


def test_looking_for_the_filters_leaves_the_student_as_it_was():
    network = student("minifas").train()
    before = copy.deepcopy(network.state_dict())
    assert filters_of(network, SIZE) == network.maps(batch(2)["pixels"]).shape[1]
    assert network.training
    made = student("minifas")
    filters_of(made, SIZE)
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


@pytest.fixture
def published(monkeypatch):
    monkeypatch.setitem(OBJECTIVES, "published-wiring", PublishedWiring)


def faces(folder):
    from PIL import Image

    random = np.random.default_rng(1)
    for label in ("live", "spoof"):
        (folder / label).mkdir()
        for number in range(20):
            pixels = random.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
            image = Image.fromarray(pixels)
            if label == "spoof":
                image = image.resize((SIZE // 4, SIZE // 4)).resize((SIZE, SIZE))
            image.save(folder / label / f"{number}.png")
    return folder


def trained(folder, losses):
    recipe = parse_recipe(
        {
            "task": {"kind": "image"},
            "data": {"train": ".", "split": {"valid": 0.2, "test": 0.2}},
            "input": {"size": SIZE},
            "student": {"network": "minifas", "width": 0.25},
            "objective": {"losses": losses},
            "training": {"epochs": 2, "batch_size": 8, "pictures": {"rotate": 5}},
        }
    )
    return train_student(recipe, prepare(recipe, folder), folders=[folder])


def test_the_published_wiring_leaves_the_student_bit_for_bit_and_ours_does_not(tmp_path, published):
    folder = faces(tmp_path)
    plain, beside, ours = (
        trained(folder, {"hard": 1.0, **more}).network.state_dict()
        for more in ({}, {"published-wiring": 1.0}, {"fourier": 1.0})
    )
    assert all(torch.equal(value, beside[name]) for name, value in plain.items())
    assert not all(torch.equal(value, ours[name]) for name, value in plain.items())


def test_the_published_wirings_own_loss_falls_all_the_same_and_doctor_says_where_it_ends(published):
    made = learner("multiscale", **{"published-wiring": 1.0})
    step = Step(made.network, batch(), torch.arange(16) % 2, 0)
    value, norm = _reach(made, "published-wiring", step)
    found = _finding("published-wiring", value, norm)
    assert found.level == "error"
    assert "does not reach the student" in found.what
    optimizer = torch.optim.Adam(made.losses.parameters(), 1e-2)
    values = []
    for _ in range(30):
        loss = made.losses["published-wiring"](step)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[-1] < 0.5 * values[0]
