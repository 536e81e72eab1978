"""Hidden features: the student's, through a linear head, foretell a teacher's (FitNets, Romero et al. 2015, eq. 3;
TinyBERT, Jiao et al. 2020, eq. 8).

A teacher's answer to a row is one number or two; what it made of the row is hundreds. The head bridges the two widths,
belongs to the loss and is dropped at export. The teacher's features come standardised, so a loss of 1 is what their
mean alone would give.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, isfinite, nn

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


class DistilHidden(Loss):
    """Mean squared error between a linear map of the student's pooled features and the teacher's features."""

    guided = True
    head: nn.Linear

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not network.width:
            what = "the loss 'distil-hidden' needs a network with a hidden layer"
            raise LimbeckError(what, where="recipe", fix="set student.hidden, or change the network or the loss")
        self.width = network.width

    def prepare_hidden(self, width: int) -> None:
        """Make the head, F numbers in and D out."""
        self.head = nn.Linear(self.width, width)

    def count(self, step: Step) -> Tensor | int:
        """Return the number of rows that the teacher has features of."""
        return 0 if step.hidden is None else isfinite(step.hidden).all(dim=1).sum()

    def forward(self, step: Step) -> Tensor:
        """Mean over dimensions and the rows that the teacher has features of; 0 where there is none."""
        if step.hidden is None:
            what = "the loss 'distil-hidden' needs a teacher that gives features"
            raise LimbeckError(what, where="objective.losses", fix="name one under [[teachers]]")
        known = isfinite(step.hidden).all(dim=1)
        wanted = step.hidden[known].float()
        missed = nn.functional.mse_loss(self.head(step.features[known]).float(), wanted, reduction="sum")
        return missed / max(wanted.numel(), 1)
