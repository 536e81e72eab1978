"""What every loss is: a module that looks at one step of training and returns one number."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from torch import Tensor, nn

from limbeck.networks import Network
from limbeck.networks.image.base import PictureNetwork
from limbeck.recipe import Objective


@dataclass
class Step:
    """One batch on its way through training.

    Attributes
    ----------
    arrays
        The network's input tensors by name, each [B, …].
    labels
        int64 [B], -1 where unlabelled; of rows with several labels float [B, C], NaN where unlabelled.
    epoch
        Counted from 0.
    target
        What the teachers say, fused: probabilities float [B, C], NaN where none answered; None without teachers.
    hidden
        A teacher's hidden features, standardised: float [B, D], NaN where it has none; None where no loss asks.
    view
        The input tensors of the same rows changed at random; None where no loss asks.
    dense
        The maps of a student that finds boxes, once a loss has asked for them; see `limbeck.objectives.centre`.
    """

    student: Network
    arrays: dict[str, Tensor]
    labels: Tensor
    epoch: int
    target: Tensor | None = None
    hidden: Tensor | None = None
    view: dict[str, Tensor] | None = None
    dense: tuple[Tensor, Tensor] | None = None

    @property
    def logits(self) -> Tensor:
        """The student's logits, float [B, C]; computed once and only when a loss asks."""
        return self._forward[0]

    @property
    def maps(self) -> Tensor:
        """A picture student's last feature maps, float [B, F, h, w], of the same pass as the logits."""
        return self._forward[2]

    @property
    def features(self) -> Tensor:
        """The student's pooled features, float [B, F], of the same pass as the logits."""
        return self._forward[1]

    @cached_property
    def view_logits(self) -> Tensor:
        """The student's logits for the changed rows, float [B, C]."""
        assert self.view is not None  # the loss that asks has looked
        return self.student(*self.view.values())

    @cached_property
    def _forward(self) -> tuple[Tensor, ...]:
        if isinstance(self.student, PictureNetwork):
            return self.student.passed(*self.arrays.values())
        # What goes into the head is caught on its way, so that one pass gives both and no network has to know.
        head = getattr(self.student, "head", None)
        if head is None:
            logits = self.student(*self.arrays.values())
            return logits, logits
        caught: list[Tensor] = []
        hook = head.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
        try:
            logits = self.student(*self.arrays.values())
        finally:
            hook.remove()
        return logits, caught[0]


class Loss(nn.Module):
    """Base of all losses.

    A loss may own parameters (an extra head); they train with the student and are dropped at export. A loss that
    sets ``labelled`` learns from labels, one that sets ``taught`` from teachers' answers, ``guided`` from a teacher's
    hidden features, ``viewed`` from changed rows; the last two alone train no classifier. One that sets ``boxes``
    trains detectors of boxes alone, one that sets ``several`` learns labels of which a row may have several.
    """

    labelled: ClassVar[bool] = False
    taught: ClassVar[bool] = False
    guided: ClassVar[bool] = False
    viewed: ClassVar[bool] = False
    boxes: ClassVar[bool] = False
    several: ClassVar[bool] = False

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__()
        self.temperature = objective.temperature

    def prepare(self, labels: Any) -> None:
        """Read what the loss wants to know of the training labels before the first step."""

    def prepare_hidden(self, width: int) -> None:
        """Take the width D of the teacher's hidden features before the first step."""

    def count(self, step: Step) -> Tensor | int:
        """Return over how much `forward` takes its mean: rows, or the sum of their weights.

        Processes that share a batch weigh their means by it. Called after `forward`, with the same step.
        """
        return len(step.labels)

    def forward(self, step: Step) -> Tensor:
        """Return the mean loss of a batch, a scalar."""
        raise AssertionError(f"{type(self).__name__} has no forward")
