"""What every loss is: a module that looks at one step of training and returns one number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor, nn

from limbeck.networks import Network
from limbeck.recipe import Objective


@dataclass
class Step:
    """One batch on its way through training.

    Attributes
    ----------
    arrays
        The network's input tensors by name, each [B, …].
    labels
        int64 [B], -1 where unlabelled.
    epoch
        Counted from 0.
    target
        What the teachers say, fused: probabilities float [B, C], NaN where none answered; None without teachers.
    """

    student: Network
    arrays: dict[str, Tensor]
    labels: Tensor
    epoch: int
    target: Tensor | None = None

    @cached_property
    def logits(self) -> Tensor:
        """The student's logits, float [B, C]; computed once and only when a loss asks."""
        return self.student(*self.arrays.values())


class Loss(nn.Module):
    """Base of all losses.

    A loss may own parameters (an extra head); they train with the student and are dropped at export. A loss that
    sets ``labelled`` learns from labels, one that sets ``taught`` from teachers.
    """

    labelled: ClassVar[bool] = False
    taught: ClassVar[bool] = False

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.temperature = objective.temperature

    def prepare(self, labels: Any) -> None:
        """Read what the loss wants to know of the training labels before the first step."""

    def forward(self, step: Step) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        raise AssertionError(f"{type(self).__name__} has no forward")
