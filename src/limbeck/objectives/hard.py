"""Cross-entropy with the labels, optionally weighted by class and with smoothed labels (Szegedy et al. 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import Network
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective


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
        if self.wanted == "balanced":
            counts = np.bincount(labels[labels >= 0], minlength=len(self.classes))
            weights = counts.sum() / (len(self.classes) * np.maximum(counts, 1))
            self.weights = torch.as_tensor(weights, dtype=torch.float32, device=self.weights.device)
        elif isinstance(self.wanted, dict):
            for name, weight in self.wanted.items():
                if name not in self.classes:
                    hint = did_you_mean(name, self.classes)
                    raise LimbeckError(f"objective.class_weights: unknown class {name!r}", where="recipe", fix=hint)
                self.weights[self.classes.index(name)] = weight

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
