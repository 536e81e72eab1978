"""Parts of detectors: the frozen encoder, the memory's coreset, the distance of the whole, the maps' scale."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.networks import NETWORKS
from limbeck.networks.anomaly.frozen_encoder import LAYERS, Encoded, Frozen, convolved_grey, one_is_enough
from limbeck.networks.anomaly.mahalanobis import Whole
from limbeck.networks.anomaly.patchcore import coreset
from limbeck.networks.anomaly.reverse_distillation import apart, cosine_in_graph
from limbeck.networks.image.resnet import ResNet18
from limbeck.networks.image.squeezenet import SqueezeNet
from limbeck.recipe import Input
from networks.pictures import check_export, made, write_weights

READER = ImageInput(Input(size=48, convention="imagenet"))


@pytest.mark.parametrize("kind", LAYERS)
def test_the_frozen_encoder_gives_the_maps_of_the_network_it_is_cut_from(kind):
    frozen = Frozen(Encoded(encoder=kind)).eval()
    maps = frozen(torch.randn(2, 3, 64, 64))
    assert [found.shape[1] for found in maps] == frozen.widths
    assert [found.shape[2] for found in maps] == sorted((found.shape[2] for found in maps), reverse=True)
    assert not any(found.requires_grad for found in maps)
    assert not any("layer4" in name or "head" in name for name in frozen.state_dict())


def test_weights_by_torchvisions_names_give_the_same_maps(tmp_path):
    network = made(ResNet18)
    named = {name.replace("head.", "fc."): value for name, value in network.state_dict().items()}
    frozen = Frozen(Encoded(encoder="resnet18"))
    line = frozen.load_start(write_weights(tmp_path, named, ".safetensors"), READER)
    assert frozen.given and "head" not in line
    frozen.train()  # running figures are the encoder's own
    pixels = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        deep = network.maxpool(torch.relu(network.bn1(network.conv1(pixels))))
        deep = network.layer3(network.layer2(network.layer1(deep)))
    torch.testing.assert_close(frozen(pixels)[-1], deep)


def test_caffes_weights_under_another_convention_are_remarked_on(tmp_path):
    network = made(SqueezeNet, version="1.0")
    names = dict(zip([str(at) for at in range(len(network.names))], network.names, strict=True))
    given = {}
    for name, value in network.state_dict().items():
        if name.startswith("trunk."):
            _, at, *rest = name.split(".")
            given[f"conv1.{rest[0]}" if names[at] == "conv1" else f"{names[at]}/{rest[0]}.{rest[1]}"] = value
    source = write_weights(tmp_path, given, ".npz")
    assert 'input.convention = "caffe"' in Frozen(Encoded(encoder="squeezenet1_0")).load_start(source, READER)
    fits = ImageInput(Input(size=48, convention="caffe"))
    assert "convention" not in Frozen(Encoded(encoder="squeezenet1_0")).load_start(source, fits)


@pytest.mark.parametrize("layers", [["fire1"], ["fire4", "fire2"], ["fire3", "fire3"]])
def test_layers_that_are_none_are_refused(layers):
    with pytest.raises(LimbeckError, match=r"student\.layers"):
        Frozen(Encoded(layers=layers))


def test_what_is_remembered_changes_no_number():
    torch.manual_seed(0)
    frozen = Frozen(Encoded(layers=["fire2", "fire4"]))
    pixels = torch.randn(4, 3, 32, 32)
    with frozen.remembering():
        first, again = frozen(pixels), frozen(pixels[[2, 0]])
    with frozen.remembering(most=0):
        without = frozen(pixels)
    for a, b, c in zip(first, again, without, strict=True):
        assert torch.equal(a[[2, 0]], b)
        assert torch.equal(a, c)


@pytest.mark.parametrize("convention", ["caffe", "imagenet", "zero-one"])
@pytest.mark.parametrize("kind", ["squeezenet1_0", "resnet18"])
def test_one_channel_of_grey_pictures_gives_what_three_give(convention, kind):
    reader = ImageInput(Input(size=48, convention=convention, colour="grey"))
    torch.manual_seed(0)
    first = next(module for module in Frozen(Encoded(encoder=kind)).modules() if isinstance(module, torch.nn.Conv2d))
    if first.bias is not None:
        torch.nn.init.normal_(first.bias)
    rows = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8).repeat(3, axis=3)
    pixels = torch.from_numpy(reader.batch(Pictures(rows), np.arange(3))["pixels"])
    sought = first(pixels).detach()
    # Windows of ResNet hang over the edge, where zeros are another grey in each channel: there all three are needed.
    assert one_is_enough(first) == (kind != "resnet18")
    if one_is_enough(first):
        found = convolved_grey(first, pixels, reader)
        torch.testing.assert_close(found, sought, atol=2e-6 * float(sought.abs().max()), rtol=0)


def test_the_cosine_of_the_graph_is_the_cosine():
    torch.manual_seed(0)
    out = torch.nn.Conv2d(6, 40, 1)
    maps, state = torch.randn(2, 40, 5, 5).relu(), torch.randn(2, 6, 5, 5).relu()
    state[0, :, 0, 0] = 0  # the decoder's maps are its bias there
    maps[1, :, 1, 1] = 0  # and these have no direction
    with torch.no_grad():
        found = 1.0 - cosine_in_graph(maps, state, out)
        torch.testing.assert_close(found, apart(maps, out(state)), atol=1e-6, rtol=0)


@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("encoder", ["squeezenet1_0", "resnet18"])
def test_the_graph_of_reverse_distillation_answers_as_torch_does(encoder, colour):
    reader = ImageInput(Input(size=48, convention="caffe", colour=colour))
    kind = NETWORKS["reverse-distillation"]
    torch.manual_seed(0)
    network = kind(kind.parse({"encoder": encoder, "width": 8}), reader, 2).eval()
    random = np.random.default_rng(0)

    def drawn(rows, *_):
        given = random.integers(0, 256, (rows, 48, 48, 1 if colour == "grey" else 3), dtype=np.uint8)
        given = np.broadcast_to(given, (rows, 48, 48, 3))
        return torch.from_numpy(reader.batch(Pictures(given), np.arange(rows))["pixels"])

    check_export(network, 48, drawn, atol=2e-5)


def test_a_coreset_spreads_over_all_points():
    torch.manual_seed(0)
    heaps = torch.cat([torch.randn(50, 3) * 0.1 + 10 * centre for centre in torch.eye(3)])
    chosen = coreset(heaps, 3)
    assert sorted((chosen // 50).tolist()) == [0, 1, 2]
    assert len(set(coreset(heaps, 500).tolist())) == 150


def test_the_distance_of_the_whole_is_mahalanobis_with_the_shrunk_covariance():
    random = np.random.default_rng(0)
    features = (random.normal(0, 1, (40, 12)) @ random.normal(0, 1, (12, 12)) + 5).astype(np.float32)
    whole = Whole(12)
    whole.fit(features)
    asked = random.normal(5, 3, (6, 12)).astype(np.float32)
    found = whole([torch.from_numpy(asked)[:, :, None, None]]).numpy()
    mean, scale = features.mean(0), features.std(0)
    covariance, _ = ledoit_wolf((features - mean) / scale, assume_centered=True)
    offset = (asked - mean) / scale
    expected = np.sqrt(np.einsum("nf,fg,ng->n", offset, np.linalg.inv(covariance), offset) / 12)
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_the_shares_of_a_score_add_up_to_one():
    for options in ({}, {"whole": 0.4, "largest": 0.25}):
        kind = NETWORKS["memory"]
        network = kind(kind.parse({"layers": ["fire2"], **options}), READER, 2)
        assert sum(network.shares) == pytest.approx(1.0)
        assert network.count == len(network.shares) == (3 if options else 2)


def test_what_lies_in_the_margin_has_no_part_in_the_score_and_still_is_on_the_map():
    kind = NETWORKS["pca"]
    plain, inner = (kind(kind.parse({"smooth": 0.0, "margin": margin}), READER, 2) for margin in (0.0, 0.25))
    pixels = torch.zeros(1, 3, 48, 48)
    pixels[:, :, :4] = 1.0  # strange at the edge alone: nothing was learned, so all that is not 0 is
    (maps, found), (same, left) = plain.looked(pixels), inner.looked(pixels)
    torch.testing.assert_close(same, maps)
    assert found.min() > 0
    torch.testing.assert_close(left, torch.zeros(1, 2))
    pixels[:, :, 20:28, 20:28] = 1.0
    assert inner.looked(pixels)[1].min() > 0


def test_smoothing_keeps_the_mean_level_and_no_sigma_changes_nothing():
    kind = NETWORKS["pca"]
    pixels = torch.rand(2, 3, 48, 48)
    plain, soft = (kind(kind.parse({"smooth": sigma}), READER, 2) for sigma in (0.0, 6.0))
    rough, even = plain.smoothed(pixels, []), soft.smoothed(pixels, [])
    assert rough.shape == even.shape == (2, 12, 12)
    assert even.std() < rough.std()
    assert torch.isclose(even.mean(), rough.mean(), rtol=0.05)


def test_components_rebuild_what_they_were_fitted_to():
    random = np.random.default_rng(0)
    basis = random.integers(0, 100, (3, 48, 48, 1))
    rows = Pictures((np.einsum("nk,khwc->nhwc", random.random((20, 3)), basis)).astype(np.uint8).repeat(3, axis=3))
    kind = NETWORKS["pca"]
    network = kind(kind.parse({"components": 3, "grain": 12}), READER, 2)
    network.fit_start(rows)
    known = torch.from_numpy(READER.batch(rows, np.arange(20))["pixels"])
    assert network.strangeness(known, []).mean() < 0.1 * network.strangeness(torch.randn(4, 3, 48, 48), []).mean()
