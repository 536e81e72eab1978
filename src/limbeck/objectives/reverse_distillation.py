"""Reverse distillation: the rebuilt maps point where the encoder's do (Deng & Li, CVPR 2022, eq. 1-3).

The paper and the code that it was published with differ. ``location`` is the paper's: one minus the cosine at each
place, averaged over places. ``flattened`` is the code's: one minus the cosine of the whole map as one vector, in which
places with large features count for more. Both are summed over the scales.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


class ReverseDistillation(Loss):
    """One minus the cosine between what a frozen encoder gives and what the detector rebuilds."""

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not hasattr(network, "pairs"):
            what = "the loss 'reverse-distillation' needs a detector that rebuilds maps"
            fix = "use the network 'reverse-distillation' or 'student-teacher'"
            raise LimbeckError(what, where="objective.losses", fix=fix)
        self.form = objective.form

    def forward(self, step: Step) -> Tensor:
        """Mean over the rows of the batch, summed over the scales."""
        found = []
        for seen, rebuilt in step.student.pairs(*step.arrays.values()):
            if self.form == "flattened":
                seen, rebuilt = seen.flatten(1), rebuilt.flatten(1)
            found.append(1.0 - nn.functional.cosine_similarity(seen.float(), rebuilt.float(), dim=1).mean())
        return torch.stack(found).sum()
