"""From logits of rows that were not learned to calibrated probabilities and a threshold for each label."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from limbeck.metrics.calibration import choose_threshold
from limbeck.metrics.fitted.platt import fit_platt
from limbeck.metrics.logits import sigmoid
from limbeck.networks import Network
from limbeck.recipe import Recipe
from limbeck.training.export.onnx_model import Answering

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Settled:
    """Slope and shift of each label's logit, and the smallest probability that gives the label: float64 [L] each."""

    slopes: Floats
    shifts: Floats
    thresholds: Floats

    def probabilities(self, logits: NDArray[np.floating]) -> Floats:
        """Return probabilities float64 [N, L] of logits."""
        return sigmoid(logits * self.slopes + self.shifts)


def settle(logits: NDArray[np.floating], truth: NDArray[np.float32], recipe: Recipe) -> Settled:
    """Fit each label's calibration (`limbeck.metrics.fitted.platt`) and choose its threshold, by F1 if none is given.

    Parameters
    ----------
    logits, truth
        float [N, L] of rows that were not learned from.
    """
    wanted = truth == 1
    fitted = np.array([fit_platt(logits[:, at], wanted[:, at]) for at in range(truth.shape[1])])
    slopes, shifts = fitted[:, 0], fitted[:, 1]
    p = sigmoid(logits * slopes + shifts)
    rule = recipe.evaluation.threshold
    cuts = [
        choose_threshold(wanted[:, at].astype(np.int64), np.stack([1.0 - p[:, at], p[:, at]], axis=1),
                         rule if isinstance(rule, float) else "f1", 1)
        for at in range(truth.shape[1])
    ]  # fmt: skip
    return Settled(slopes, shifts, np.array(cuts))


class Sigmoids(Answering):
    """A network with the calibration of each label: arrays in, a probability for each label out."""

    slopes: Tensor
    shifts: Tensor

    def __init__(self, network: Network, settled: Settled) -> None:
        super().__init__(network, 1.0)
        self.register_buffer("slopes", torch.tensor(settled.slopes, dtype=torch.float32), persistent=False)
        self.register_buffer("shifts", torch.tensor(settled.shifts, dtype=torch.float32), persistent=False)

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return probabilities, float32 [B, L]."""
        return torch.sigmoid(self.network(*arrays) * self.slopes + self.shifts)
