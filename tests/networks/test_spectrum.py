"""The spectrum in the graph is NumPy's, whatever the convention; beside a student it reaches the answer."""

import numpy as np
import pytest
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.networks.image.minifasnet import MiniFas
from limbeck.networks.image.spectrum import Fused, Histogram, Options, Spectrum, SpectrumNet, fused
from limbeck.recipe import Input
from networks.pictures import check_export, check_lone_row

SIZE = 24


def reader(convention="zero-one", size=SIZE):
    return ImageInput(Input(size=size, convention=convention))


def noise(rows=4, size=SIZE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (rows, size, size, 3), dtype=np.uint8)


def lit(rows):
    """Pictures of all levels of each colour, so that every number differs between them."""
    light = np.random.default_rng(1).random((rows, 1, 1, 3)) * 2
    return Pictures(np.clip(noise(rows=rows) * light, 0, 255).astype(np.uint8))


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


def test_without_contrast_a_sensors_noise_has_its_own_strength():
    rng = np.random.default_rng(0)
    grain = torch.from_numpy(rng.normal(0, 0.01, (1, SIZE, SIZE))).float()
    steep = torch.linspace(0.1, 0.9, SIZE).expand(1, SIZE, SIZE)
    flat = torch.linspace(0.45, 0.55, SIZE).expand(1, SIZE, SIZE)
    for contrast, alike in ((False, True), (True, False)):
        spectrum = Spectrum(reader(), 8, 4, contrast=contrast)
        one, other = (spectrum((grain + light)[:, None].expand(1, 3, SIZE, SIZE))[0] for light in (steep, flat))
        corner = one.reshape(8, 4)[1, 2:] - other.reshape(8, 4)[1, 2:]  # far from what a slope has
        assert (corner.abs().max() < 0.05) == alike


def test_a_histogram_knows_how_much_there_is_of_each_level_and_not_where():
    histogram = Histogram(reader(), 4)
    pixels = torch.zeros(1, 3, SIZE, SIZE)
    pixels[:, 0, : SIZE // 2] = 0.625  # the middle of the third of four bins
    found = histogram(pixels).reshape(3, 4)
    torch.testing.assert_close(found[0], torch.tensor([0.5, 0.0, 0.5, 0.0]))
    torch.testing.assert_close(found[1], torch.tensor([1.0, 0.0, 0.0, 0.0]))
    torch.testing.assert_close(histogram(pixels.flip(2)), histogram(pixels))
    between = histogram(torch.full((1, 3, SIZE, SIZE), 0.5))[0, :4]
    torch.testing.assert_close(between, torch.tensor([0.0, 0.5, 0.5, 0.0]))


def test_numbers_are_on_the_scale_of_the_training_rows_and_blocks_weigh_alike():
    network = SpectrumNet(Options(hidden=0, dropout=0.0, colours=8, rows=8, columns=4), reader(), 2)
    rows = lit(50)
    network.fit_start(rows)
    whole = network.branch(torch.from_numpy(reader().batch(rows, np.arange(50))["pixels"]))
    assert network.width == 8 * 4 + 3 * 8 == whole.shape[1]
    spread = whole.square().mean(dim=0)
    assert float(whole.mean(dim=0).abs().max()) < 1e-3
    assert float(spread[: 8 * 4].sum()) == pytest.approx(float(spread[8 * 4 :].sum()), rel=0.02)


def test_constants_are_neither_stored_nor_rounded():
    network = SpectrumNet(Options(), reader(), 2)
    assert not [name for name in network.state_dict() if "sine" in name]


def made(kind, classes=3, **options):
    torch.manual_seed(0)
    if kind is SpectrumNet:
        return SpectrumNet(Options(dropout=0.0, **options), reader(), classes).eval()
    return fused(MiniFas(MiniFas.parse({"width": 0.25}), reader(), classes), reader(), classes, options).eval()


@pytest.mark.parametrize("options", [{}, {"hidden": 0, "contrast": False, "colours": 4}])
@pytest.mark.parametrize("kind", [SpectrumNet, Fused])
def test_one_pass_gives_answer_features_and_maps_and_is_exported(kind, options):
    network = made(kind, **options)
    network.fit_start(lit(20))
    logits, features, maps = network.passed(pixels())
    torch.testing.assert_close(logits, network(pixels()))
    torch.testing.assert_close(features, network.features(pixels()))
    torch.testing.assert_close(maps, network.maps(pixels()))
    assert features.shape[1] == network.width
    if options:  # light from black to white; the fast transform and the products round weak powers differently
        check_export(network, SIZE, torch.rand, atol=5e-5)
    else:
        check_export(network, SIZE)
    check_lone_row(network, SIZE)


def test_every_weight_of_the_pair_is_in_one_group_of_the_optimizer():
    network = made(Fused)
    listed = [id(weight) for group in network.groups(1e-3, 0.1) for weight in group["params"]]
    assert sorted(listed) == sorted(id(weight) for weight in network.parameters())


def test_a_misspelt_option_beside_a_student_is_named_where_it_stands():
    student = MiniFas(MiniFas.parse({"width": 0.25}), reader(), 2)
    with pytest.raises(LimbeckError, match=r"unknown key 'student.spectrum.colour'.*colours"):
        fused(student, reader(), 2, {"colour": 8})
