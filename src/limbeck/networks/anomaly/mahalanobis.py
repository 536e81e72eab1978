"""How far a picture as a whole is from normal ones: Mahalanobis distance of pooled features (Rippel et al., ICPR 2020).

A map sees what is strange at a place. What is strange everywhere a little, such as a haze over both lungs, it may not.
The means of an encoder's maps over the picture say that; normal pictures give them a mean and a covariance, which is
shrunk as there are more features than pictures (Ledoit & Wolf 2004). The distance is computed from the covariance's few
directions, so that the graph holds a thin matrix in place of a square one.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from limbeck.networks.image.base import pooled


class Whole(nn.Module):
    """A Gaussian over pooled features of ``width`` numbers, known by ``directions`` of its covariance at most."""

    mean: Tensor
    scale: Tensor
    directions: Tensor
    gains: Tensor
    rest: Tensor

    def __init__(self, width: int, directions: int = 256) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        self.register_buffer("directions", torch.zeros(directions, width))
        self.register_buffer("gains", torch.zeros(directions))
        self.register_buffer("rest", torch.ones(()))

    @staticmethod
    def features(maps: list[Tensor]) -> Tensor:
        """Return the means of maps [B, F, h, w] over their places, joined, float [B, width]."""
        return torch.cat([pooled(given) for given in maps], dim=1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the distance of each picture, float [B], about 1 for a normal one."""
        offset = (self.features(maps) - self.mean) / self.scale
        along = ((offset @ self.directions.T).square() * self.gains).sum(dim=1)
        squared = offset.square().sum(dim=1) * self.rest - along
        return (squared / len(self.mean)).clamp(min=0.0).sqrt()

    @torch.no_grad()
    def fit(self, features: np.ndarray) -> None:
        """Fit mean and covariance to features float [N, width] of normal pictures."""
        from sklearn.covariance import ledoit_wolf

        mean, scale = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
        scale = np.where(scale > 1e-6 * np.abs(mean) + 1e-12, scale, 1.0)  # a map that never changes tells nothing
        offset = (features - mean) / scale
        _, shrinkage = ledoit_wolf(offset, assume_centered=True)
        _, sizes, directions = np.linalg.svd(offset / np.sqrt(len(offset)), full_matrices=False)
        variances = sizes**2
        level = max(shrinkage * variances.sum() / offset.shape[1], 1e-3)  # along directions that no row shows
        kept = min(len(self.gains), len(variances))
        along = 1.0 / level - 1.0 / ((1.0 - shrinkage) * variances[:kept] + level)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))
        self.directions.zero_()
        self.directions[:kept] = torch.from_numpy(directions[:kept]).half().float()  # exact in half-size files
        self.gains.zero_()
        self.gains[:kept] = torch.from_numpy(along)
        self.rest.fill_(1.0 / level)
