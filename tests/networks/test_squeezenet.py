"""SqueezeNet computes what the published network does, from torchvision's names and from Caffe's."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, max_pool2d, relu

from limbeck.errors import LimbeckError
from limbeck.networks.image.base import pooled
from limbeck.networks.image.squeezenet import SqueezeNet
from networks.pictures import check_contract, check_export, check_lone_row, made, write_weights

TORCHVISION = {  # places in `features` of fire2 to fire9, and of the pools
    "1.0": ((3, 4, 5, 7, 8, 9, 10, 12), (2, 6, 11)),
    "1.1": ((3, 4, 6, 7, 9, 10, 11, 12), (2, 5, 8)),
}
SQUEEZE, EXPAND = (16, 16, 32, 32, 48, 48, 64, 64), (64, 64, 128, 128, 192, 192, 256, 256)


def layout(version, classes=1000):
    """Names and shapes of torchvision's state dict, from the paper's table."""
    inside, window = {"1.0": (96, 7), "1.1": (64, 3)}[version]
    shapes = {"features.0": (inside, 3, window, window)}
    for place, squeeze, expand in zip(TORCHVISION[version][0], SQUEEZE, EXPAND, strict=True):
        shapes[f"features.{place}.squeeze"] = (squeeze, inside, 1, 1)
        shapes[f"features.{place}.expand1x1"] = (expand, squeeze, 1, 1)
        shapes[f"features.{place}.expand3x3"] = (expand, squeeze, 3, 3)
        inside = 2 * expand
    shapes["classifier.1"] = (classes, 512, 1, 1)
    return {f"{name}.weight": shape for name, shape in shapes.items()} | {
        f"{name}.bias": shape[:1] for name, shape in shapes.items()
    }


def weights(version, classes=1000):
    random = torch.Generator().manual_seed(1)
    drawn = {name: torch.randn(shape, generator=random) for name, shape in layout(version, classes).items()}
    return {name: w * (2 / w[0].numel()) ** 0.5 if w.ndim > 1 else w * 0.05 for name, w in drawn.items()}


def fire(maps, w, name, parts=("squeeze", "expand1x1", "expand3x3")):
    def part(maps, which, padding=0):
        return relu(conv2d(maps, w[f"{name}{parts[which]}.weight"], w[f"{name}{parts[which]}.bias"], padding=padding))

    small = part(maps, 0)
    return torch.cat((part(small, 1), part(small, 2, padding=1)), dim=1)


def by_torchvision(pixels, w, version):
    fires, pools = TORCHVISION[version]
    maps = relu(conv2d(pixels, w["features.0.weight"], w["features.0.bias"], stride=2))
    for place in range(2, 13):
        maps = max_pool2d(maps, 3, 2, ceil_mode=True) if place in pools else fire(maps, w, f"features.{place}.")
    assert len(fires) + len(pools) == 11
    return maps


def by_caffe(pixels, w, last=9):
    maps = max_pool2d(relu(conv2d(pixels, w["conv1.weight"], w["conv1.bias"], stride=2)), 3, 2, ceil_mode=True)
    for number in range(2, last + 1):
        maps = fire(maps, w, f"fire{number}/", ("squeeze1x1", "expand1x1", "expand3x3"))
        if number in (4, 8) and number < last:
            maps = max_pool2d(maps, 3, 2, ceil_mode=True)
    return maps


@pytest.mark.parametrize(("version", "count"), [("1.0", 1_248_424), ("1.1", 1_235_496)])
def test_it_has_as_many_weights_as_published(version, count):
    network = SqueezeNet(SqueezeNet.parse({"version": version}), None, 1000)
    assert sum(weight.numel() for weight in network.parameters()) == count
    assert count == sum(np.prod(shape) for shape in layout(version).values())


@pytest.mark.parametrize(
    ("version", "kind"), [("1.0", ".safetensors"), ("1.1", ".safetensors"), ("1.1", ".npz"), ("1.0", ".pth")]
)
def test_from_torchvisions_names_it_answers_as_the_layers_written_out(tmp_path, version, kind):
    given = weights(version, classes=4)
    network = made(SqueezeNet, 4, version=version)
    line = network.load_start(write_weights(tmp_path, given, kind), None)
    assert line.endswith("numbers of the trunk and the head")
    for size in (63, 96):  # pools that hang over the edge, and pools that do not
        pixels = torch.randn(2, 3, size, size)
        with torch.no_grad():
            expected = by_torchvision(pixels, given, version)
            torch.testing.assert_close(network.maps(pixels), expected, atol=1e-5, rtol=1e-5)
            head = conv2d(expected, given["classifier.1.weight"], given["classifier.1.bias"]).mean(dim=(2, 3))
            torch.testing.assert_close(network(pixels), head, atol=1e-5, rtol=1e-4)


@pytest.mark.shared
@pytest.mark.parametrize("upto", ["fire4", "fire6", "fire9"])
def test_from_caffes_names_it_answers_as_the_layers_written_out(shared_data, upto):
    file = shared_data / "weights" / "squeezenet1_0_imagenet.npz"
    with np.load(file) as stored:
        given = {name: torch.from_numpy(stored[name]) for name in stored.files}
    network = made(SqueezeNet, 2, version="1.0", upto=upto)
    line = network.load_start(str(file), None)
    assert "the head starts anew (2 classes, the given one is for 1,000)" in line
    assert (f"what comes after {upto} was left out" in line) == (upto != "fire9")
    random = np.random.default_rng(0)
    pixels = torch.from_numpy(random.integers(0, 256, (2, 3, 120, 120)).astype(np.float32) - 117)
    with torch.no_grad():
        expected = by_caffe(pixels, given, int(upto[-1]))
        assert expected.std() > 1  # a picture's maps, not zeros
        torch.testing.assert_close(network.maps(pixels), expected, atol=1e-3, rtol=1e-5)


@pytest.mark.shared
def test_the_given_head_is_taken_for_as_many_classes(shared_data):
    network = made(SqueezeNet, 1000, version="1.0")
    file = shared_data / "weights" / "squeezenet1_0_imagenet.npz"
    assert network.load_start(str(file), None).endswith("735,424 numbers of the trunk and the head")
    with np.load(file) as stored:
        assert np.array_equal(network.head.weight.detach().numpy(), stored["conv10.weight"][:, :, 0, 0])


def test_the_trunk_ends_where_it_is_told(tmp_path):
    given = write_weights(tmp_path, weights("1.1"), ".safetensors")
    sizes = {}
    for upto in ("fire3", "fire6", "fire9"):
        network = made(SqueezeNet, 2, version="1.1", upto=upto)
        network.load_start(given, None)
        sizes[upto] = sum(weight.numel() for weight in network.parameters())
        assert network.trunk[-1].expand3x3.out_channels * 2 == network.width
    assert sizes["fire3"] < sizes["fire6"] < sizes["fire9"]


def test_weights_of_the_other_version_say_which(tmp_path):
    with pytest.raises(LimbeckError, match=r'weights of SqueezeNet 1\.1.*set student\.version = "1\.1"'):
        made(SqueezeNet, 2, version="1.0").load_start(write_weights(tmp_path, weights("1.1"), ".npz"), None)


class Trap:
    """What a pickle may hold: unpickling it would run code."""

    def __reduce__(self):
        return (open, ("run.txt", "w"))


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("gone.safetensors", None, "cannot be read"),
        ("cut.safetensors", b"\x08\0\0\0\0\0\0\0{", "cannot be read"),
        ("cut.npz", b"PK\x03\x04", "cannot be read"),
        ("empty.npz", b"", "cannot be read"),
        ("empty.pth", b"", "cannot be read"),
        ("text.pt", b"not weights at all", "more than weights, or is broken"),
        ("weights.h5", b"x", "weights of this kind are not read; give .safetensors"),
        ("trap.pth", Trap(), "more than weights"),
        ("list.pth", [1, 2], "holds no named weights"),
        ("other.pth", {"a": torch.zeros(2)}, r"no weights for 'trunk\.0\.weight' and 49 more"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_start_is_one_line_and_runs_nothing(tmp_path, monkeypatch, name, content, line):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content, path)
    with pytest.raises(LimbeckError, match=line) as caught:
        made(SqueezeNet).load_start(str(path), None)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run.txt").exists()


def test_a_checkpoint_of_parallel_training_is_found_inside_its_wrapping(tmp_path):
    inside = {f"module.{name}": value for name, value in weights("1.1").items()}
    network = made(SqueezeNet, 2)
    network.load_start(write_weights(tmp_path, {"state_dict": inside}, ".pth"), None)
    assert torch.equal(network.trunk[0].weight, inside["module.features.0.weight"])


def test_an_unknown_version_or_module_is_one_line():
    with pytest.raises(LimbeckError, match=r"student\.version: .*'1\.0' or '1\.1'.*given: '2\.0'"):
        SqueezeNet.parse({"version": "2.0"})
    with pytest.raises(LimbeckError, match=r"student\.upto: .*given: 'fire1'"):
        SqueezeNet.parse({"upto": "fire1"})


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_contract_export_and_a_lone_row(version):
    network = made(SqueezeNet, version=version, upto="fire6")
    check_contract(network, 64)
    check_export(network, 64)
    network.train()
    nn.functional.cross_entropy(network(torch.randn(1, 3, 64, 64)), torch.tensor([1])).backward()


@pytest.mark.parametrize(
    ("version", "upto", "least"), [("1.0", "fire9", 21), ("1.1", "fire9", 17), ("1.0", "fire6", 13)]
)
def test_pictures_too_small_are_one_line_and_the_least_size_is_enough(version, upto, least):
    options = SqueezeNet.parse({"version": version, "upto": upto})
    with pytest.raises(LimbeckError, match=f"is too small for squeezenet, {least} is least"):
        SqueezeNet(options, SimpleNamespace(size=least - 1), 2)
    network = SqueezeNet(options, SimpleNamespace(size=least), 2).eval()
    with torch.no_grad():
        network(torch.randn(1, 3, least, least))
        with pytest.raises(RuntimeError):
            network(torch.randn(1, 3, least - 1, least - 1))


def test_pooling_is_the_mean_over_places():
    maps = torch.randn(2, 5, 3, 7)
    torch.testing.assert_close(pooled(maps), maps.mean(dim=(2, 3)))


def test_every_row_is_answered_alone():
    network, pixels = made(SqueezeNet, upto="fire5"), torch.randn(4, 3, 48, 48)
    with torch.no_grad():
        alone = torch.cat([network(row[None]) for row in pixels])
        torch.testing.assert_close(network(pixels), alone, atol=1e-5, rtol=1e-4)


def test_lone_rows_of_networks_without_norms_train_too():
    check_lone_row(made(SqueezeNet, upto="fire5"), 48)
