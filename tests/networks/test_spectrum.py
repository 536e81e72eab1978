"""The spectrum in the graph is NumPy's, whatever the convention; beside a student it reaches the answer."""

import numpy as np
import pytest
import torch

from limbeck.inputs.image import ImageInput, Pictures
from limbeck.networks.minifas import MiniFas
from limbeck.networks.spectrum import Fused, Options, Spectrum, SpectrumNet
from limbeck.recipe import Input
from networks.pictures import check_export, check_lone_row

SIZE = 24


def reader(convention="zero-one", size=SIZE):
    return ImageInput(Input(size=size, convention=convention))


def noise(rows=4, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, size, size, 3), dtype=np.uint8)


def pixels(convention="zero-one", **more):
    encoder = reader(convention)
    return torch.from_numpy(encoder.batch(Pictures(noise(**more)), np.arange(4))["pixels"])


@pytest.mark.parametrize("convention", ["zero-one", "imagenet", "caffe"])
def test_the_plane_is_the_log_power_of_numpys_transform(convention):
    grey = noise().mean(axis=3) / 255.0
    grey = grey - grey.mean(axis=(1, 2), keepdims=True)
    grey = grey / (grey.std(axis=(1, 2), keepdims=True) + 0.02)
    power = np.abs(np.fft.fftshift(np.fft.fft2(grey), axes=1))[:, :, : SIZE // 2] ** 2
    found = Spectrum(reader(convention), 8, 4).plane(pixels(convention)).numpy()
    np.testing.assert_allclose(found, np.log(power + 0.1), atol=2e-3)


def test_bands_are_means_over_equal_fields_and_never_more_than_there_are():
    spectrum = Spectrum(reader(), 8, 4)
    plane = spectrum.plane(pixels())
    means = plane.reshape(4, 8, SIZE // 8, 4, SIZE // 8).mean(dim=(2, 4)).flatten(1)
    torch.testing.assert_close(spectrum(pixels()), means)
    assert Spectrum(reader(), 999, 999).bands == (SIZE, SIZE // 2)


def test_light_changes_nothing_and_a_grating_stands_in_its_band():
    spectrum = Spectrum(reader(), SIZE, SIZE // 2)
    bright, dark = pixels() * 0.5 + 0.4, pixels() * 0.5 + 0.1
    torch.testing.assert_close(spectrum.plane(bright), spectrum.plane(dark), atol=1e-2, rtol=0)
    wave = 0.5 + 0.4 * torch.cos(2 * torch.pi * 5 * torch.arange(SIZE) / SIZE)
    plane = spectrum.plane(wave.expand(1, 3, SIZE, SIZE).contiguous())[0]
    assert divmod(int(plane.argmax()), SIZE // 2) == (SIZE // 2, 5)  # no change down, five waves across


def test_constants_are_neither_stored_nor_rounded():
    network = SpectrumNet(Options(), reader(), 2)
    assert not [name for name in network.state_dict() if "sine" in name]


def made(kind, classes=3):
    torch.manual_seed(0)
    if kind is SpectrumNet:
        return SpectrumNet(Options(dropout=0.0), reader(), classes).eval()
    return Fused(MiniFas(MiniFas.parse({"width": 0.25}), reader(), classes), Options(), reader(), classes).eval()


@pytest.mark.parametrize("kind", [SpectrumNet, Fused])
def test_one_pass_gives_answer_features_and_maps_and_is_exported(kind):
    network = made(kind)
    logits, features, maps = network.passed(pixels())
    torch.testing.assert_close(logits, network(pixels()))
    torch.testing.assert_close(features, network.features(pixels()))
    torch.testing.assert_close(maps, network.maps(pixels()))
    assert features.shape[1] == network.width
    check_export(network, SIZE)
    check_lone_row(network, SIZE)


def test_every_weight_of_the_pair_is_in_one_group_of_the_optimizer():
    network = made(Fused)
    listed = [id(weight) for group in network.groups(1e-3, 0.1) for weight in group["params"]]
    assert sorted(listed) == sorted(id(weight) for weight in network.parameters())
