"""ResNet-18 and -50 bear torchvision's names and compute what the published networks do."""

import pytest
import torch
from torch.nn.functional import batch_norm, conv2d, max_pool2d, relu

from limbeck.errors import LimbeckError
from limbeck.networks.image.base import Norm
from limbeck.networks.image.resnet import ResNet18, ResNet50
from networks.pictures import check_contract, check_export, check_lone_row, made, write_weights

KINDS = {18: ResNet18, 50: ResNet50}
COUNTS = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}


def layout(depth, classes):
    """Names and shapes of torchvision's state dict, from table 1 of the paper."""
    shapes = {}

    def layer(convolution, norm, *shape):
        shapes[f"{convolution}.weight"] = shape
        shapes[f"{norm}.num_batches_tracked"] = ()
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{norm}.{part}"] = shape[:1]

    layer("conv1", "bn1", 64, 3, 7, 7)
    inside = 64
    for stage, count in enumerate(COUNTS[depth], start=1):
        width = 32 * 2**stage
        for at in range(count):
            block = f"layer{stage}.{at}"
            outside = width if depth == 18 else 4 * width
            inner = [(inside, 3), (width, 3)] if depth == 18 else [(inside, 1), (width, 3), (width, 1)]
            for number, (source, window) in enumerate(inner, start=1):
                target = outside if number == len(inner) else width
                layer(f"{block}.conv{number}", f"{block}.bn{number}", target, source, window, window)
            if at == 0 and (stage > 1 or depth == 50):
                layer(f"{block}.downsample.0", f"{block}.downsample.1", outside, inside, 1, 1)
            inside = outside
    return shapes | {"fc.weight": (classes, inside), "fc.bias": (classes,)}


def weights(depth, classes):
    random = torch.Generator().manual_seed(2)
    drawn = {}
    for name, shape in layout(depth, classes).items():
        if name.endswith("num_batches_tracked"):
            drawn[name] = torch.tensor(7)
        elif len(shape) > 1:
            drawn[name] = torch.randn(shape, generator=random) * (2 / (shape[1] * (shape[-1] ** 2))) ** 0.5
        else:
            centre = 1.0 if name.endswith(("running_var", "bn1.weight")) else 0.3
            drawn[name] = centre + 0.2 * torch.rand(shape, generator=random)
    return drawn


def literal(pixels, w, depth):
    """The forward pass of torchvision's network, written out."""

    def layer(maps, convolution, norm, stride=1):
        weight = w[f"{convolution}.weight"]
        maps = conv2d(maps, weight, stride=stride, padding=weight.shape[-1] // 2)
        return batch_norm(
            maps, w[f"{norm}.running_mean"], w[f"{norm}.running_var"], w[f"{norm}.weight"], w[f"{norm}.bias"]
        )

    maps = max_pool2d(relu(layer(pixels, "conv1", "bn1", 2)), 3, 2, padding=1)
    for stage, count in enumerate(COUNTS[depth], start=1):
        for at in range(count):
            block, stride = f"layer{stage}.{at}", 2 if stage > 1 and at == 0 else 1
            strides = (stride, 1) if depth == 18 else (1, stride, 1)
            branch = maps
            for number, step in enumerate(strides, start=1):
                branch = layer(branch, f"{block}.conv{number}", f"{block}.bn{number}", step)
                branch = relu(branch) if number < len(strides) else branch
            if f"{block}.downsample.0.weight" in w:
                maps = layer(maps, f"{block}.downsample.0", f"{block}.downsample.1", stride)
            maps = relu(branch + maps)
    return maps


@pytest.mark.parametrize(("depth", "count"), [(18, 11_689_512), (50, 25_557_032)])
def test_names_shapes_and_count_are_torchvisions(depth, count):
    with torch.device("meta"):
        network = KINDS[depth](KINDS[depth].parse({}), None, 1000)
    own = {name.replace("head.", "fc."): tuple(value.shape) for name, value in network.state_dict().items()}
    assert own == layout(depth, 1000)
    assert sum(weight.numel() for weight in network.parameters()) == count


@pytest.mark.parametrize(("depth", "kind"), [(18, ".safetensors"), (50, ".pth")])
def test_from_torchvisions_names_it_answers_as_the_layers_written_out(tmp_path, depth, kind):
    given = weights(depth, 5)
    network = made(KINDS[depth], 5)
    line = network.load_start(write_weights(tmp_path, given, kind), None)
    assert line.endswith("numbers of the trunk and the head")
    pixels = torch.randn(2, 3, 70, 70)
    with torch.no_grad():
        expected = literal(pixels, given, depth)
        assert expected.std() > 0.1
        torch.testing.assert_close(network.maps(pixels), expected, atol=1e-4, rtol=1e-4)
        logits = expected.mean(dim=(2, 3)) @ given["fc.weight"].T + given["fc.bias"]
        torch.testing.assert_close(network(pixels), logits, atol=1e-3, rtol=1e-4)


def test_a_head_for_other_classes_starts_anew_and_says_so(tmp_path):
    given = weights(18, 5)
    network = made(ResNet18, 2)
    before = network.head.weight.clone()
    line = network.load_start(write_weights(tmp_path, given, ".npz"), None)
    assert "the head starts anew (2 classes, the given one is for 5)" in line
    assert torch.equal(network.head.weight, before)
    assert torch.equal(network.bn1.running_mean, given["bn1.running_mean"])


def test_counters_of_steps_may_be_missing(tmp_path):
    given = {name: value for name, value in weights(18, 2).items() if "num_batches" not in name}
    made(ResNet18, 2).load_start(write_weights(tmp_path, given, ".npz"), None)


def test_weights_of_the_deeper_network_are_refused(tmp_path):
    with pytest.raises(LimbeckError, match=r"'layer1\.0\.conv1\.weight' has the shape \(64, 64, 1, 1\) there"):
        made(ResNet18, 2).load_start(write_weights(tmp_path, weights(50, 2), ".safetensors"), None)


def test_contract_export_and_a_lone_row():
    network = made(ResNet18)
    check_contract(network, 64)
    check_export(network, 64)
    check_lone_row(network, 32)  # the last grid has one place: plain batch norm would refuse


def test_resnet50_exports():
    check_export(made(ResNet50), 32)


def test_batch_norm_is_torchs_but_for_a_lone_row():
    torch.manual_seed(0)
    ours, theirs = Norm(6).train(), torch.nn.BatchNorm2d(6).train()
    for _ in range(3):
        maps = torch.randn(4, 6, 3, 3) * 2 + 1
        torch.testing.assert_close(ours(maps), theirs(maps))
    figures = ours.running_mean.clone()
    row = torch.randn(1, 6, 1, 1)
    torch.testing.assert_close(ours(row), theirs.eval()(row))
    assert torch.equal(ours.running_mean, figures)
