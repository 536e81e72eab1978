"""Binary cross-entropy of each label on its own, for rows that may have several labels (binary relevance)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limbeck.objectives.base import Loss, Step


class Binary(Loss):
    """The supervised loss of ``multilabel-…``: labels of a step are float [B, L], a row of NaN where unlabelled."""

    labelled = True
    several = True

    def count(self, step: Step) -> Tensor | int:
        """Return the number of labelled rows."""
        return torch.isfinite(step.labels).all(dim=1).sum()

    def forward(self, step: Step) -> Tensor:
        """Mean cross-entropy over labelled rows and labels; 0 without a labelled row."""
        known = torch.isfinite(step.labels).all(dim=1)
        if not known.any():
            return step.logits.sum() * 0.0  # a mean over no row would be NaN
        return nn.functional.binary_cross_entropy_with_logits(step.logits.float()[known], step.labels[known])
