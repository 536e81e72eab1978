"""How much each unit of a network matters: the first-order Taylor estimate of the loss without it.

It is the square of the sum of gradient times weight over the weights that compute the unit, averaged over batches of
training rows (Molchanov et al. 2019, section 3.1).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from limbeck.events import check
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.networks.units import Units
from limbeck.recipe import Training
from limbeck.training.fit.batches import epoch_batches, given
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import clone, step_seed

_BATCHES = 50  # of training rows


def most_important(
    learner: Learner, groups: list[Units], encoder: RowInput, rows: Rows, labels: np.ndarray, share: float,
    settings: Training,
) -> dict[str, Tensor]:  # fmt: skip
    """Return the units of each group that are kept, name -> int64 [K] in their order."""
    network = learner.network
    weights = dict(network.named_parameters())
    device = next(iter(weights.values())).device
    found = {group.name: torch.zeros(group.count, dtype=torch.float64) for group in groups}
    before = clone(network)
    learner.train()
    parts = epoch_batches(rows.lengths, settings.batch_size, seed=settings.seed, epoch=0)[:_BATCHES]
    names = network.training_arrays or network.arrays
    for number, part in enumerate(parts):
        check()
        torch.manual_seed(step_seed(settings.seed, number, 0))
        arrays = {name: torch.from_numpy(array).to(device) for name, array in batch_of(encoder, rows, part).items()}
        learner.zero_grad()
        loss, _ = learner(**given(arrays, torch.from_numpy(labels[part]).to(device), names), epoch=0)
        loss.backward()
        for group in groups:
            found[group.name] += taylor(group, weights) ** 2
    learner.zero_grad()
    network.load_state_dict(before)  # batch norm has counted these batches too
    learner.eval()
    return {
        group.name: found[group.name].argsort(descending=True, stable=True)[: group.kept(share)].sort().values
        for group in groups
    }  # fmt: skip


@torch.no_grad()
def taylor(group: Units, weights: dict[str, Tensor]) -> Tensor:
    """Return the sum of gradient times weight of what computes each unit, float64 [count]."""
    every = torch.arange(group.count)
    found = torch.zeros(group.count, dtype=torch.float64)
    for part in group.parts:
        weight = weights[part.name] if part.makes else None
        if weight is None or weight.grad is None:
            continue
        change = (weight * weight.grad).double().cpu()
        by_place = change.transpose(0, part.dim).flatten(1).sum(dim=1) if change.ndim > 1 else change
        found += by_place[part.places(every)].sum(dim=(0, 2))
    return found
