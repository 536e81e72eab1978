"""What a centre map learns: where centres are, by a focal loss, and how far the sides, by generalised IoU.

Focal loss of heat maps: CornerNet (Law & Deng 2018, eq. 1), with exponents 2 and 4. Generalised IoU: Rezatofighi et al.
2019. Both are sums over a batch divided by its number of objects.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective

SIDES = 3.0  # weight of the distances beside the heat


class Centre(Loss):
    """The loss of this module; it reads ``heat``, ``sides`` and ``share`` beside the pixels."""

    boxes = True

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        need_maps(network)

    def forward(self, step: Step) -> Tensor:
        """Return the loss of a batch, a scalar."""
        logits, sides = dense_of(step)
        heat, share = step.arrays["heat"], step.arrays["share"]
        objects = (heat == 1.0).sum().clamp(min=1)
        there = share > 0
        wanted = step.arrays["sides"].permute(0, 2, 3, 1)[there]
        apart = 1.0 - generalised_iou(sides.float().permute(0, 2, 3, 1)[there], wanted)
        return (focal(logits.float(), heat) + SIDES * (apart * share[there]).sum()) / objects


def need_maps(network: Network) -> None:
    """Refuse a student that does not find boxes.

    Raises
    ------
    LimbeckError
        For such a one.
    """
    if not hasattr(network, "dense"):
        fix = 'leave it out, or set task.kind = "detect-image"'
        raise LimbeckError("this loss trains detectors of boxes", where="objective.losses", fix=fix)


def dense_of(step: Step) -> tuple[Tensor, Tensor]:
    """Return heat logits and distances of a batch, see `CentreMap.dense`; losses of one step share one pass."""
    if step.dense is None:
        pixels = step.arrays["pixels"].contiguous(memory_format=torch.channels_last)
        step.dense = step.student.dense(pixels)
    return step.dense


def focal(logits: Tensor, heat: Tensor) -> Tensor:
    """Return the focal loss of logits against heat of 0 to 1, both [B, C, h, w], summed over all cells."""
    p = torch.sigmoid(logits)
    hit = -torch.nn.functional.logsigmoid(logits) * (1 - p) ** 2
    miss = -torch.nn.functional.logsigmoid(-logits) * p**2 * (1 - heat) ** 4
    return torch.where(heat == 1.0, hit, miss).sum()


def generalised_iou(one: Tensor, other: Tensor) -> Tensor:
    """Return the generalised IoU [N] of boxes about the same point, as distances to four sides [N, 4]."""
    shared = torch.minimum(one, other)
    around = torch.maximum(one, other)
    inner, outer = _area(shared), _area(around)
    union = _area(one) + _area(other) - inner
    return inner / union - (outer - union) / outer


def _area(sides: Tensor) -> Tensor:
    return (sides[:, 0] + sides[:, 2]) * (sides[:, 1] + sides[:, 3])
