"""Descriptors of pictures: gradients by hand, filters that are centres of patches, and a graph that answers alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.networks.image.descriptors import Descriptors, Gradients, Options, spherical_means
from limbeck.recipe import Input, parse_recipe
from networks.pictures import check_export, check_lone_row
from pictures import class_folders

SIZE = 32


def encoder(size: int = SIZE) -> ImageInput:
    return ImageInput(Input(size=size))


def rows(count: int, size: int = SIZE, seed: int = 0) -> Pictures:
    random = np.random.default_rng(seed)
    return Pictures(random.integers(0, 256, (count, size, size, 3)).astype(np.uint8))


def pixels(given: np.ndarray, size: int = SIZE) -> torch.Tensor:
    """Return the input of a network for pictures uint8 [N, H, W, 3]."""
    return torch.from_numpy(encoder(size).batch(Pictures(given), np.arange(len(given)))["pixels"])


def test_a_ramp_votes_for_its_own_direction_in_every_cell():
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[None, :, None] * 6, (SIZE, SIZE, 3))
    found = Gradients(encoder(), 4, 9)(pixels(np.stack([ramp, ramp[:, ::-1], ramp.transpose(1, 0, 2)])))
    found = found.reshape(3, 27, 4, 4)[:, :, 1:3, 1:3]  # the cells inside: at the edges a gradient is not known
    for row, direction in enumerate((0, 9, 4)):  # to the right, to the left, and down, which lies between two
        strongest = found[row, :18].mean(dim=(1, 2)).argmax()
        assert int(strongest) in ({direction} if row < 2 else {4, 5})
    torch.testing.assert_close(found[0, 18:], found[1, 18:])  # the last third does not tell a rise from a fall
    assert found.max() <= 0.4


def test_twice_the_contrast_has_the_same_histograms():
    random = np.random.default_rng(0)
    plain = random.integers(100, 150, (1, SIZE, SIZE, 3)).astype(np.uint8)
    stronger = (2 * (plain.astype(int) - 100) + 20).astype(np.uint8)
    one, two = (Gradients(encoder(), 8, 9)(pixels(given)) for given in (plain, stronger))
    assert float((one - two).abs().max()) < 0.05 < float(one.max())


def test_centres_are_the_directions_that_points_have():
    random = np.random.default_rng(1)
    truth = np.eye(4)[:3]
    points = truth[random.integers(3, size=600)] * 3 + random.normal(size=(600, 4)) * 0.05
    centres = spherical_means(points, 8, random)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 1.0)
    assert ((centres @ truth.T).max(axis=0) > 0.99).all()


@pytest.mark.parametrize("size", [24, 32, 45, 64])
def test_the_graph_has_the_same_features(size):
    network = Descriptors(Options(filters=16, window=6), encoder(size), 3).eval()
    network.fit_start(rows(30, size))
    check_export(network, size)
    check_lone_row(network, size)


def test_filters_do_not_see_light_and_contrast():
    network = Descriptors(Options(filters=32), encoder(), 2).eval()
    network.fit_start(rows(40))
    random = np.random.default_rng(2)
    plain = random.integers(60, 120, (1, SIZE, SIZE, 3)).astype(np.uint8)
    with torch.no_grad():
        one, two = (network.patches(pixels(given)) for given in (plain, plain + 50))
    torch.testing.assert_close(one, two, atol=1e-3, rtol=0)
    assert one.max() > 0


def test_a_student_learns_from_class_folders(tmp_path):
    recipe = parse_recipe({
        "task": {"kind": "image"}, "data": {"train": "."}, "input": {"size": 32},
        "student": {"network": "descriptors", "filters": 8}, "evaluation": {"bootstrap": 0},
    })  # fmt: skip
    found = limbeck.train(recipe, data=class_folders(tmp_path / "rows"), out=tmp_path / "bundle")
    assert found.metrics["accuracy"] == 1.0


def test_what_cannot_be_is_told():
    with pytest.raises(LimbeckError, match="is too small for descriptors, 24 is least"):
        Descriptors(Options(), encoder(16), 2)
