"""Adversarial training: the student learns pictures as an attacker would change them (Madry et al. 2018, eq. 2.1).

The attacker knows the student and moves every pixel by at most epsilon, in the direction that raises the loss: once
(FGSM, Goodfellow et al. 2015, §4) or in several steps, each followed by a projection to what is allowed (PGD, Madry et
al. 2018, §2.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.networks.image.base import PictureNetwork
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Adversary, Objective


class Adversarial(Loss):
    """Cross-entropy with the labels on pictures that the attack of ``objective.adversary`` has changed."""

    labelled = True
    low: Tensor
    high: Tensor
    unit: Tensor

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not isinstance(network, PictureNetwork):
            what = "the loss 'adversarial' needs a student of pictures"
            raise LimbeckError(what, where="recipe", fix="set task.kind = 'image', or take it out of objective.losses")
        self.adversary, self.smoothing = objective.adversary, objective.label_smoothing
        bounds = Bounds.of(encoder)
        for name, value in (("low", bounds.low), ("high", bounds.high), ("unit", bounds.unit)):
            self.register_buffer(name, value, persistent=False)

    def count(self, step: Step) -> Tensor | int:
        """Return the number of labelled rows."""
        return (step.labels >= 0).sum()

    def forward(self, step: Step) -> Tensor:
        """Mean over the labelled rows; 0 when a batch has none."""
        known = step.labels >= 0
        pixels, labels = step.arrays["pixels"][known], step.labels[known]
        if not len(labels):
            return step.logits.sum() * 0.0
        start = torch.rand(step.arrays["pixels"].shape, device=pixels.device)[known]  # of all rows: see `sharing`
        moved = attacked(step.student, pixels, labels, self.adversary, Bounds(self.low, self.high, self.unit), start)
        loss = nn.functional.cross_entropy(
            step.student(moved).float(), labels, reduction="sum", label_smoothing=self.smoothing
        )
        return loss / len(labels)


@dataclass(frozen=True)
class Bounds:
    """Black, white and the width of one grey level of 255 in normalised pixels, each float [3, 1, 1]."""

    low: Tensor
    high: Tensor
    unit: Tensor

    @classmethod
    def of(cls, encoder: Any) -> Bounds:
        """Read them off an `limbeck.kinds.image.encode.ImageInput`."""
        scale, shift = (torch.tensor(value, dtype=torch.float32)[:, None, None] for value in encoder.affine())
        return cls(shift, scale + shift, scale / 255.0)


def attacked(
    network: Network, pixels: Tensor, labels: Tensor, adversary: Adversary, bounds: Bounds, start: Tensor | None = None
) -> Tensor:
    """Return normalised pixels float [B, 3, H, W], moved so that labels int64 [B] fail.

    No number moves by more than ``adversary.epsilon`` levels of 255, and none beyond black or white.

    The student is attacked as it answers: without dropout, by the running figures of its norms. The start is drawn at
    random within the bound when there are several steps: ``start`` float [B, 3, H, W] in 0 to 1, or torch's numbers.
    """
    was = network.training
    network.eval()
    given = pixels.detach()
    most = adversary.epsilon * bounds.unit
    # Madry et al.: steps somewhat longer than needed to come from one side of what is allowed to the other.
    length = most if adversary.steps == 1 else 2.5 * most / adversary.steps
    moved = given
    if adversary.steps > 1:
        start = torch.rand(given.shape, device=given.device) if start is None else start
        moved = inside(given + most * (2.0 * start.to(given.dtype) - 1.0), given, most, bounds)
    try:
        for _ in range(adversary.steps):
            moved = moved.detach().requires_grad_(True)
            with torch.enable_grad():
                loss = nn.functional.cross_entropy(network(moved).float(), labels, reduction="sum")
                (slope,) = torch.autograd.grad(loss, moved)
            moved = inside(moved.detach() + length * slope.sign(), given, most, bounds)
    finally:
        network.train(was)
    return moved


def inside(moved: Tensor, given: Tensor, most: Tensor, bounds: Bounds) -> Tensor:
    """Return the nearest pixels that are within ``most`` of the given ones, and between black and white."""
    moved = torch.maximum(torch.minimum(moved, given + most), given - most)
    return torch.maximum(torch.minimum(moved, bounds.high), bounds.low)
