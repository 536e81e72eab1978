"""What a small centre map learns from a larger one: its heat everywhere, and its boxes where it is sure.

Heat is learned by the divergence between Bernoulli distributions, weighed by the larger of the teacher's score and the
target: nearly all cells are background for both, and would drown the rest. Distances are learned by generalised IoU in
cells where the teacher's score is at least `SURE`, weighed by it. Logits and boxes, not features: for small detectors
these help more (LD, Zheng et al. 2022, https://arxiv.org/abs/2102.12252; CrossKD, Wang et al. 2024).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.objectives.centre import SIDES, dense_of, generalised_iou, need_maps
from limbeck.recipe import Objective

SURE = 0.3


class CentreDistil(Loss):
    """The loss of this module; the teacher sees the same pixels, and stands behind the encoder."""

    boxes = True

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        need_maps(network)
        teacher = getattr(encoder, "teacher", None)
        if teacher is None:
            fix = "name a bundle of a detector in [[teachers]]"
            raise LimbeckError("centre-distil learns from a teacher", where="objective.losses", fix=fix)
        self._teacher = [teacher]  # in a list: its weights are not those of the student

    def forward(self, step: Step) -> Tensor:
        """Return the loss of a batch, a scalar."""
        logits, sides = dense_of(step)
        with torch.no_grad():
            soft, far = self._teacher[0](step.arrays["pixels"])
        weight = torch.maximum(soft, step.arrays["heat"])
        objects = (step.arrays["heat"] == 1.0).sum().clamp(min=1)
        cross = torch.nn.functional.binary_cross_entropy_with_logits(logits.float(), soft, reduction="none")
        own = soft.clamp(1e-6, 1 - 1e-6)
        entropy = -(own * own.log() + (1 - own) * (1 - own).log())
        heat = (weight * (cross - entropy)).sum() / objects
        best = soft.amax(dim=1)
        sure = best >= SURE
        if not sure.any():
            return heat
        apart = 1.0 - generalised_iou(sides.float().permute(0, 2, 3, 1)[sure], far.permute(0, 2, 3, 1)[sure])
        return heat + SIDES * (apart * best[sure]).sum() / best[sure].sum()
