"""Consistency: a row and the same row changed get the same answer (Laine & Aila 2017; UDA, Xie et al. 2020, eq. 1).

It needs neither labels nor teachers, so unlabelled rows count too; but it says only that answers agree, not which are
right, and stands beside a loss that does. The answer to the plain row is the target and gets no gradient: it may be
sharpened, and the changed row follows it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


class Consistency(Loss):
    """Kullback-Leibler divergence from the answer to the plain row to the answer to its changed view."""

    viewed = True

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        self.sharpen = objective.sharpen

    def forward(self, step: Step) -> Tensor:
        """Mean divergence over all rows of the batch, labelled or not."""
        if step.view is None:
            raise LimbeckError("the loss 'consistency' needs a changed view of each row", where="objective.losses")
        target = torch.softmax(step.logits.detach().float() / self.sharpen, dim=1)
        logs = torch.log_softmax(step.view_logits.float(), dim=1)
        return nn.functional.kl_div(logs, target, reduction="sum") / max(len(target), 1)
