"""Units that are cut out change a network as if nothing read them, and weights say which units matter."""

import copy

import numpy as np
import pytest
import torch
from tests.networks.test_networks import TEXTS, made
from torch import nn

from limbeck.networks import NETWORKS
from limbeck.networks.units import Part, Units, without
from limbeck.training.pruning.importance import taylor
from limbeck.training.pruning.prune import cut

PICTURES = {
    "multiscale": ({"widths": [8, 12], "depth": 2, "fused": 8, "grid": 2, "local": 3}, 16),
    "squeezenet": ({"version": "1.1", "upto": "fire5"}, 32),
}


def network_and_arrays(name, options):
    """A network in evaluation whose weights say something, and a batch for it."""
    if name in PICTURES:
        own, side = PICTURES[name]
        torch.manual_seed(0)
        kind = NETWORKS[name]
        network = kind(kind.parse(own), None, 3).eval()
        arrays = (torch.rand(4, 3, side, side),)
    else:
        network, encoder = made(name, classes=3, **options)
        batch = encoder.batch(encoder.encode(TEXTS[:6]), np.arange(6))
        arrays = tuple(torch.from_numpy(batch[array]) for array in network.arrays)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.1)
    return network, arrays


@pytest.mark.parametrize(
    ("name", "options"),
    [("gru", {"layers": 1}), ("gru", {"layers": 2}), ("textcnn", {}), ("albert", {"heads": 4}),
     ("albert", {"pooling": "attention"}), *((name, {}) for name in PICTURES)],
)  # fmt: skip
def test_a_network_without_units_answers_like_the_whole_one_that_does_not_read_them(name, options):
    network, arrays = network_and_arrays(name, options)
    groups = network.prunable_units()
    torch.manual_seed(1)
    kept = {group.name: torch.randperm(group.count)[: group.kept(0.5)].sort().values for group in groups}
    small = cut(network, groups, kept)
    deaf = copy.deepcopy(network)
    with torch.no_grad():
        state = deaf.state_dict()
        for group in groups:
            lost = torch.tensor([unit not in kept[group.name] for unit in range(group.count)]).nonzero()[:, 0]
            for part in group.parts:
                if part.dim == 1:  # who reads them
                    state[part.name][:, part.places(lost).flatten()] = 0.0
        expected, found = deaf(*arrays), small(*arrays)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert sum(w.numel() for w in small.parameters()) < sum(w.numel() for w in network.parameters())
    assert (expected - network(*arrays)).abs().max() > 1e-4  # else nothing was lost


def test_places_of_gates_and_of_heads():
    gates, heads = Part("w", 0, (0, 4, 8)), Part("w", 1, (0,), size=3)
    assert gates.places(torch.tensor([1, 3])).flatten().tolist() == [1, 3, 5, 7, 9, 11]
    assert heads.places(torch.tensor([2])).flatten().tolist() == [6, 7, 8]
    group = Units("u", 4, (gates,))
    state = {"w": torch.arange(12.0)[:, None]}
    assert without(state, [group], {"u": torch.tensor([0, 2])})["w"][:, 0].tolist() == [0, 2, 4, 6, 8, 10]


def test_what_a_unit_matters_is_the_change_of_the_loss_without_it_to_first_order():
    torch.manual_seed(0)
    first, second, x = nn.Linear(3, 5), nn.Linear(5, 1), torch.rand(7, 3)
    small = 1e-3
    with torch.no_grad():
        first.weight *= small
        first.bias *= small
    group = Units("u", 5, (Part("weight", makes=True), Part("bias", makes=True)))
    second(first(x)).sum().backward()
    found = taylor(group, dict(first.named_parameters()))
    for unit in range(5):
        silent = first(x).detach()
        silent[:, unit] = 0.0
        change = second(first(x)).sum() - second(silent).sum()
        assert found[unit] == pytest.approx(float(change.detach()), rel=1e-3)


def test_at_least_one_unit_is_left():
    assert Units("u", 1, ()).kept(0.9) == 1
    assert Units("u", 10, ()).kept(0.9) == 1
    assert Units("u", 5, ()).kept(0.5) == 2
