"""Reconstruction: a detector rebuilds the row that it is given; how badly it does is the loss."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


class Reconstruction(Loss):
    """Mean of the detector's own errors."""

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not hasattr(network, "errors"):
            what = "the loss 'reconstruction' needs a network that rebuilds its rows"
            raise LimbeckError(what, where="objective.losses", fix="use the network 'autoencoder' or 'autoencoder1d'")

    def forward(self, step: Step) -> Tensor:
        """Mean error of the rows of the batch."""
        errors: Tensor = step.student.errors(*step.arrays.values())
        return errors.mean()
