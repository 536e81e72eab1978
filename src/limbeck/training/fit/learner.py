"""The student with its losses as one module, so that several processes can share its gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.select import RowInput
from limbeck.networks import Network
from limbeck.objectives import OBJECTIVES, Step
from limbeck.recipe import Objective


class Learner(nn.Module):
    """The weighted sum of the recipe's losses over one student."""

    def __init__(self, network: Network, objective: Objective, encoder: RowInput, classes: tuple[str, ...]) -> None:
        super().__init__()
        for name in objective.losses:
            if name not in OBJECTIVES:
                raise LimbeckError(
                    f"unknown loss {name!r} in objective.losses", where="recipe", fix=did_you_mean(name, OBJECTIVES)
                )
        self.network, self.objective = network, objective
        # Where several processes share a batch: counts of the losses -> this one's shares in them.
        self.shares: Callable[[Tensor], Tensor] | None = None
        self.losses = nn.ModuleDict(
            {name: OBJECTIVES[name](objective, network, encoder, classes) for name in objective.losses}
        )

    @property
    def labelled(self) -> bool:
        """Whether some loss needs labels."""
        return any(loss.labelled for loss in self.losses.values())

    @property
    def taught(self) -> bool:
        """Whether some loss needs teachers' answers."""
        return any(loss.taught for loss in self.losses.values())

    @property
    def guided(self) -> bool:
        """Whether some loss needs a teacher's hidden features."""
        return any(loss.guided for loss in self.losses.values())

    def forward(
        self,
        arrays: dict[str, Tensor],
        labels: Tensor,
        target: Tensor | None,
        epoch: int,
        hidden: Tensor | None = None,
        view: dict[str, Tensor] | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the losses, a scalar, and each loss by name, detached; see `Step`."""
        return self.summed(Step(self.network, arrays, labels, epoch, target, hidden, view))

    def summed(self, step: Step) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the losses of a step, and each loss by name."""
        parts = {name: loss(step) for name, loss in self.losses.items()}
        if self.shares is not None:
            counts = torch.tensor([float(loss.count(step)) for loss in self.losses.values()], device=step.labels.device)
            parts = {
                name: value * share for (name, value), share in zip(parts.items(), self.shares(counts), strict=True)
            }
        weights = self.objective.weights(step.epoch)
        total = torch.stack([weights[name] * value for name, value in parts.items()]).sum()
        return total, {name: value.detach() for name, value in parts.items()}

    def groups(self, rate: float, decay: float) -> list[dict]:
        """Return the optimizer's groups: the student's own, and the heads that only losses need."""
        heads = [weight for loss in self.losses.values() for weight in loss.parameters()]
        groups = [*self.network.groups(rate, decay), {"params": heads, "lr": rate, "weight_decay": 0.0}]
        return [group for group in groups if group["params"]]
