"""The small liveness net stays small, trains on one row, and exports as it answers."""

import pytest
import torch

from limbeck.errors import LimbeckError
from limbeck.networks.image.minifasnet import Excite, MiniFas
from networks.pictures import check_contract, check_export, check_lone_row, made


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_it_has_under_half_a_million_weights_and_width_scales_them():
    assert 300_000 < count(made(MiniFas, 2)) < 500_000
    assert count(made(MiniFas, 2, width=0.5)) < count(made(MiniFas, 2)) / 2.5


@pytest.mark.parametrize("size", [80, 33])
def test_contract_export_and_a_lone_row(size):
    network = made(MiniFas, 3, width=0.5)
    check_contract(network, size)
    check_export(network, size)
    check_lone_row(network, 16)  # the last grid has one place


def test_excitation_scales_whole_channels_between_zero_and_one():
    torch.manual_seed(0)
    excite, maps = Excite(16), torch.rand(2, 16, 4, 5) + 0.5
    with torch.no_grad():
        scale = excite(maps) / maps
    torch.testing.assert_close(scale, scale[:, :, :1, :1].expand_as(scale))
    assert 0 < scale.min() < scale.max() < 1


def test_a_width_out_of_range_is_one_line():
    with pytest.raises(LimbeckError, match=r"student\.width: .*less than or equal to 2 \(given: 9\)"):
        MiniFas.parse({"width": 9})
