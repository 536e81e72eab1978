"""Cross-entropy with the labels, optionally weighted by class and with smoothed labels (Szegedy et al. 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


def weights_of(
    wanted: str | dict[str, float], labels: NDArray[np.int64], classes: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return the weight of each class, float64 [C], as ``objective.class_weights`` says; labels int64 [N], -1 for none.

    Raises
    ------
    LimbeckError
        For a class that there is none of.
    """
    if wanted == "balanced":
        counts = np.bincount(labels[labels >= 0], minlength=len(classes))
        return np.asarray(counts.sum() / (len(classes) * np.maximum(counts, 1)))
    weights = np.ones(len(classes))
    for name, weight in wanted.items() if isinstance(wanted, dict) else ():
        if name not in classes:
            hint = did_you_mean(name, classes)
            raise LimbeckError(f"objective.class_weights: unknown class {name!r}", where="recipe", fix=hint)
        weights[classes.index(name)] = weight
    return weights


class Hard(Loss):
    """The supervised loss."""

    labelled = True
    weights: Tensor

    def __init__(self, objective: Objective, network: Network, encoder: TextInput, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        self.smoothing, self.classes, self.wanted = objective.label_smoothing, classes, objective.class_weights
        self.register_buffer("weights", torch.ones(len(classes)))

    def prepare(self, labels: Any) -> None:
        """Set the class weights: ``balanced`` is N / (C * count), as in scikit-learn."""
        weights = weights_of(self.wanted, np.asarray(labels), self.classes)
        self.weights = torch.as_tensor(weights, dtype=torch.float32, device=self.weights.device)

    def count(self, step: Step) -> Tensor | int:
        """Return the sum of the class weights of labelled rows."""
        return self.weights[step.labels[step.labels >= 0]].sum()

    def forward(self, step: Step) -> Tensor:
        """Mean cross-entropy over the labelled rows of the batch; 0 where it has none."""
        if not (step.labels >= 0).any():
            return step.logits.sum() * 0.0  # a mean over no row would be NaN
        return nn.functional.cross_entropy(
            step.logits.float(),
            step.labels,
            self.weights,
            ignore_index=-1,
            label_smoothing=self.smoothing,
        )
