"""The network of grain sees neither light, nor colour, nor place, and is exported as it answers."""

import numpy as np
import pytest
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.networks.image.texture import Texture
from limbeck.recipe import Input
from networks.pictures import check_export, check_lone_row

SIZE = 64


def made(size=SIZE, classes=3, **options):
    torch.manual_seed(0)
    return Texture(Texture.parse(options), ImageInput(Input(size=size)), classes).eval()


def noise(size=SIZE):
    rows = np.random.default_rng(0).integers(0, 256, (4, size, size, 3), dtype=np.uint8)
    return torch.from_numpy(ImageInput(Input(size=size)).batch(Pictures(rows), np.arange(4))["pixels"])


@pytest.mark.parametrize("size", [SIZE, 70])
@pytest.mark.parametrize(("grey", "window"), [(True, 5), (False, 5), (False, 3)])
def test_one_pass_gives_answer_features_and_maps_and_is_exported(size, grey, window):
    network = made(size, grey=grey, window=window)
    assert network.layers[0][0].weight.shape == (24, 1 if grey else 3, window, window)
    logits, features, maps = network.passed(noise(size))
    torch.testing.assert_close(logits, network(noise(size)))
    torch.testing.assert_close(features, maps.mean(dim=(2, 3)))
    assert maps.shape[1:] == (24 + 48 + 64, 8, 8)
    assert features.shape[1] == network.width
    check_export(network, size)
    check_lone_row(network, size)


def test_light_and_contrast_change_nothing_and_grey_sees_no_colour():
    network, pixels = made(), noise()
    torch.testing.assert_close(network(0.3 * pixels + 0.2), network(pixels), atol=1e-2, rtol=0)
    other = pixels[:, [2, 0, 1]]
    torch.testing.assert_close(network(other), network(pixels), atol=1e-4, rtol=0)
    assert not torch.allclose(made(grey=False)(other), made(grey=False)(pixels), atol=1e-2)


def test_where_a_thing_is_tells_it_nothing():
    network = made()
    pixels = torch.zeros(2, 3, SIZE, SIZE)
    patch = torch.rand(3, 16, 16)
    pixels[0, :, 16:32, 16:32], pixels[1, :, 24:40, 32:48] = patch, patch
    one, other = network(pixels)
    torch.testing.assert_close(one, other, atol=1e-4, rtol=0)


def test_a_picture_too_small_and_wrong_widths_are_refused_in_one_line():
    with pytest.raises(LimbeckError, match="is too small for texture, 64 is least"):
        made(32)
    with pytest.raises(LimbeckError, match="1 to 5 widths"):
        made(widths=())
