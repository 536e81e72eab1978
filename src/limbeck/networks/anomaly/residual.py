"""The reconstruction error of a row with the principal components of normal rows (Jolliffe 2002, §10.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

KEPT = 0.9  # share of the variance that the components explain
COMPONENTS, ROWS = 256, 10_000  # at most
_LEAST = 0.1  # shares of the usual length of a row: a smaller usual error is one that rounding makes
_LEVEL = 0.2  # usual errors that are added before the logarithm, for the same reason


class Residual(nn.Module):
    """Mean and components of normal rows."""

    mean: Tensor
    components: Tensor
    usual: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(1))
        self.register_buffer("components", torch.zeros(1, 1))
        self.register_buffer("usual", torch.ones(()))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the logarithm of the reconstruction error of rows float [B, F], float [B, 1]."""
        return torch.log(self._errors(rows) / self.usual + _LEVEL)[:, None]

    @torch.no_grad()
    def fit(self, rows: Tensor, draw: torch.Generator) -> None:
        """Find the components of normal rows float [N, F], of many those of rows that are drawn."""
        rows = rows[torch.randperm(len(rows), generator=draw)[:ROWS]]
        self.mean = rows.mean(dim=0)
        centred = rows - self.mean
        _, sizes, found = torch.linalg.svd(centred, full_matrices=False)
        shares = sizes.square().cumsum(dim=0) / sizes.square().sum().clamp(min=1e-12)
        # One direction at least is not rebuilt: without it there is no error to look at.
        count = min(int((shares < KEPT).sum()) + 1, rows.shape[1] - 1, COMPONENTS)
        kept = found[:count] if count > 0 else torch.zeros(1, rows.shape[1])
        self.components = kept.half().float()  # exact in half-size files
        length = centred.square().sum(dim=1).mean().sqrt().clamp(min=1e-6)
        self.usual = torch.maximum(self._errors(rows).median(), _LEAST * length)

    def _errors(self, rows: Tensor) -> Tensor:
        centred = rows - self.mean
        rebuilt = (centred @ self.components.T) @ self.components
        return (centred - rebuilt).square().sum(dim=1).sqrt()
