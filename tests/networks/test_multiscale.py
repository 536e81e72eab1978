"""The multi-scale net is small, sees layout and several scales, and exports as it answers."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from limbeck.errors import LimbeckError
from limbeck.networks.image.multiscale import Block, Multiscale, _even_contrast, _local_contrast, _to_grid
from networks.pictures import check_export, check_lone_row, made


def test_it_has_under_a_million_weights():
    assert sum(weight.numel() for weight in made(Multiscale, 43).parameters()) < 1_000_000


@pytest.mark.parametrize(
    ("size", "options"),
    [(32, {}), (47, {"contrast": False}), (64, {"widths": [8, 16], "depth": 2}), (36, {"local": 3})],
)
def test_the_graph_answers_as_torch_at_any_batch(size, options):
    check_export(made(Multiscale, **options), size)


def test_local_contrast_takes_out_a_shadow_that_even_contrast_keeps():
    random = torch.Generator().manual_seed(0)
    plain = 0.3 + 0.4 * torch.rand(1, 3, 32, 32, generator=random)
    shaded = plain * torch.linspace(0.1, 1.0, 32)
    even, local = (change(shaded) - change(plain) for change in (_even_contrast, lambda maps: _local_contrast(maps, 3)))
    assert even.square().mean() > 5 * local.square().mean()
    assert _local_contrast(torch.full((1, 3, 9, 9), 0.7), 3).abs().max() < 1e-3
    network, pixels = made(Multiscale, local=4), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert not torch.equal(network(pixels), made(Multiscale)(pixels))


def test_a_lone_row_trains():
    network = made(Multiscale, widths=[8, 16], grid=1)
    check_lone_row(network, 4)  # the last grid has one place
    check_lone_row(made(Multiscale), 32)


def test_the_answer_is_the_head_over_the_features_in_either_memory_layout():
    network, pixels = made(Multiscale), torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        logits = network(pixels)
        assert torch.equal(network.head(network.features(pixels)), logits)
        assert network.features(pixels).shape == (3, network.width)
        last = network.to(memory_format=torch.channels_last)(pixels.to(memory_format=torch.channels_last))
        torch.testing.assert_close(last, logits, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [32, 35, 47, 64])
def test_the_maps_of_every_stage_lie_on_the_last_ones_grid(size):
    network = made(Multiscale, widths=[4, 6, 8])
    with torch.no_grad():
        maps = network.maps(torch.randn(2, 3, size, size))
    assert maps.shape == (2, network.channels, size // 8, size // 8)
    assert network.channels == 18
    assert (maps.std(dim=(0, 2, 3)) > 0).any()


def test_both_windows_count_and_a_fresh_block_is_the_identity():
    torch.manual_seed(0)
    block, maps = Block(8).eval(), torch.rand(1, 8, 9, 9)
    assert torch.equal(block(maps), maps)
    nn.init.ones_(block.mixed.weight)
    moved = maps.clone()
    moved[:, :, 4, 4] += 1
    with torch.no_grad():
        changed = (block(moved) - block(maps)).abs().sum(dim=1)[0] > 0
    assert changed[2:7, 2:7].sum() > 9  # farther than a 3x3 window reaches
    assert changed.sum() == changed[2:7, 2:7].sum()


def test_contrast_makes_the_answer_blind_to_light_but_not_to_the_picture():
    torch.manual_seed(0)
    pixels = torch.rand(2, 3, 32, 32)
    darker = pixels * 0.6 - 0.3
    with torch.no_grad():
        even, plain = made(Multiscale), made(Multiscale, contrast=False)
        torch.testing.assert_close(even(darker), even(pixels), atol=1e-1, rtol=1e-1)
        assert (plain(darker) - plain(pixels)).abs().max() > 2 * (even(darker) - even(pixels)).abs().max()
        assert torch.isfinite(even(torch.zeros(1, 3, 32, 32))).all()


@pytest.mark.parametrize(("side", "grid"), [(4, 4), (8, 4), (5, 4), (7, 3), (3, 1), (11, 4)])
def test_a_grid_is_adaptive_pooling_where_it_divides_and_covers_every_place(side, grid):
    maps = torch.randn(2, 3, side, side, requires_grad=True)
    fields = _to_grid(maps, grid)
    assert fields.shape == (2, 3, grid, grid)
    if side % grid == 0:
        torch.testing.assert_close(fields, nn.functional.adaptive_avg_pool2d(maps, grid))
    fields.sum().backward()
    assert (maps.grad > 0).all()


def test_pictures_too_small_are_one_line():
    options = Multiscale.parse({})
    with pytest.raises(LimbeckError, match=r"input\.size = 31 is too small for multiscale, 32 is least; enlarge"):
        Multiscale(options, SimpleNamespace(size=31), 2)
    with torch.no_grad():
        Multiscale(options, SimpleNamespace(size=32), 2).eval()(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"widths": [3]}, r"student\.widths: give 1 to 6 even widths"),
        ({"widths": []}, r"student\.widths: give 1 to 6 even widths"),
        ({"depht": 2}, r"unknown key 'student\.depht'; did you mean 'depth'"),
    ],
)
def test_wrong_options_are_one_line(options, line):
    with pytest.raises(LimbeckError, match=line):
        Multiscale.parse(options)


def test_training_lowers_the_loss():
    torch.manual_seed(0)
    network = Multiscale(Multiscale.parse({"widths": [8, 16], "grid": 2, "dropout": 0}), None, 2).train()
    pixels, labels = torch.randn(32, 3, 16, 16) * 0.3, torch.arange(32) % 2
    pixels[labels == 1, :, 4:12, 4:12] += 1
    optimizer, losses = torch.optim.AdamW(network.groups(3e-3, 0.01)), []
    for _ in range(15):
        loss = nn.functional.cross_entropy(network(pixels), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]
