"""Squared hinge, the loss of the linear support vector machine (Cortes & Vapnik 1995; Fan et al. 2008, eq. 2).

Rows beyond the margin pull no more, which on sparse text features generalises better than cross-entropy. For two
classes the margin is the difference of the logits; for more, each class stands against the rest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limbeck.objectives.base import Loss, Step


class Hinge(Loss):
    """The margin loss; what the logits lack in calibration the temperature, fitted on valid, makes good."""

    labelled = True

    def count(self, step: Step) -> Tensor | int:
        """Return the number of labelled rows."""
        return (step.labels >= 0).sum()

    def forward(self, step: Step) -> Tensor:
        """Mean squared hinge over the labelled rows of the batch."""
        known = step.labels >= 0
        logits, labels = step.logits.float()[known], step.labels[known]
        if logits.shape[1] == 2:
            margins = (logits[:, 1] - logits[:, 0]) * (2 * labels - 1)
        else:
            margins = logits * (2 * nn.functional.one_hot(labels, logits.shape[1]) - 1)
        short = torch.relu(1.0 - margins).square()
        return short.sum() / max(len(labels), 1)
