"""Distances to remembered normal rows: k nearest neighbours, and the local outlier factor (Breunig et al. 2000).

Both are computed from the same neighbours. Distances to them are taken from differences, because those from products
would be all rounding near zero. The weight of a neighbour in the local outlier factor falls to zero at the distance of
the first that is no neighbour (the original has equal weights): which of two rows at almost the same distance is the
k-th is left to rounding, and must not change the answer.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

NEIGHBOURS, NEAREST = 20, 5  # of the local outlier factor; of the mean distance
BANK = 2000  # rows remembered at most
_SOFT, _DENSE = 1e-5, 0.01  # in usual distances: what every weight, and every reach, has at least
_TIE = 1e-3  # usual distances by which two have to differ
_LEVEL = 0.05  # usual distances that are added before the logarithm


class Neighbours(nn.Module):
    """A bank of normal rows with their distances and densities."""

    bank: Tensor
    squares: Tensor
    reach: Tensor
    density: Tensor
    usual: Tensor
    tied = False  # whether some row has more than k neighbours at one distance: which of them count is chance

    def __init__(self) -> None:
        super().__init__()
        for name, shape in (("bank", (1, 1)), ("squares", (1,)), ("reach", (1,)), ("density", (1,))):
            self.register_buffer(name, torch.zeros(shape))
        self.register_buffer("usual", torch.ones(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Return logarithms of the mean distance and of the local outlier factor, float [B, 2], of rows [B, F]."""
        at, distances = self._nearest(rows, NEIGHBOURS + 1)
        mean = distances[:, :NEAREST].mean(dim=1) / self.usual
        density, weights = self._density(at, distances)
        factor = (weights * self.density[at[:, :NEIGHBOURS]]).sum(dim=1) / density
        return torch.stack((torch.log(mean + _LEVEL), torch.log(factor)), dim=1)

    @torch.no_grad()
    def fit(self, rows: Tensor, draw: torch.Generator) -> None:
        """Remember normal rows float [N, F], of many those drawn; few are repeated until there are enough."""
        rows = rows[torch.randperm(len(rows), generator=draw)[:BANK]]
        count = max(len(rows), NEIGHBOURS + 2)
        self.bank = rows[torch.arange(count) % len(rows)].half().float()  # exact in half-size files
        self.squares = self.bank.square().sum(dim=1)
        # The nearest of a row of the bank is itself.
        parts = [self._nearest(part, NEIGHBOURS + 2) for part in self.bank.split(256)]
        at, distances = (torch.cat(part)[:, 1:] for part in zip(*parts, strict=True))
        usual = distances[:, :NEAREST].mean(dim=1).median()
        self.usual = usual if float(usual) > 0 else torch.ones(())
        level = distances[:, NEIGHBOURS] - distances[:, 0] < _TIE * self.usual
        self.tied = bool((level & (distances[:, 0] > _TIE * self.usual)).any())
        self.reach = distances[:, NEIGHBOURS - 1].clone()
        self.density, _ = self._density(at, distances)

    def _nearest(self, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        """Return places int64 and distances float [B, count] of the nearest rows of the bank, nearest first."""
        products = self.squares - 2.0 * (rows @ self.bank.T)
        _, at = torch.topk(products, count, dim=1, largest=False)
        return at, (rows[:, None, :] - self.bank[at]).square().sum(dim=2).sqrt()

    def _density(self, at: Tensor, distances: Tensor) -> tuple[Tensor, Tensor]:
        """Return the local reachability density float [B] (definition 6), and weights of neighbours float [B, k]."""
        near, beyond = distances[:, :NEIGHBOURS], distances[:, NEIGHBOURS:]
        weights = torch.relu(beyond - near) + _SOFT * self.usual
        weights = weights / weights.sum(dim=1, keepdim=True)
        reached = torch.maximum(near, self.reach[at[:, :NEIGHBOURS]])
        return 1.0 / ((weights * reached).sum(dim=1) + _DENSE * self.usual), weights
