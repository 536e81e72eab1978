"""Distillation: learn the answers of teachers, not only the labels (Hinton et al. 2015).

Teachers are black boxes, so what is known of them are probabilities; their logarithms stand in for logits, which
differ by a constant per row that no softmax sees. Rows on which every teacher abstained (NaN) count for nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.objectives.base import Loss, Step

_FLOOR = 1e-6  # of a probability before its logarithm


class Distil(Loss):
    """Kullback-Leibler divergence at temperature T, times T squared (Hinton et al. 2015, §2.1)."""

    taught = True

    def forward(self, step: Step) -> Tensor:
        """Mean divergence over the rows that have a teacher's answer."""
        teacher, student, temperature = self.pairs(step)
        return divergence(teacher, student, temperature)

    def count(self, step: Step) -> Tensor | int:
        """Return the number of rows with an answer."""
        return 0 if step.target is None else torch.isfinite(step.target).all(dim=1).sum()

    def pairs(self, step: Step) -> tuple[Tensor, Tensor, float]:
        """Return the teacher's and the student's logits, float [B', C] each, of answered rows, and T."""
        if step.target is None:
            what = "a distillation loss needs teachers"
            raise LimbeckError(what, where="objective.losses", fix="name some under [[teachers]]")
        known = torch.isfinite(step.target).all(dim=1)
        teacher = step.target[known].float().clamp(min=_FLOOR).log()
        return teacher, step.logits.float()[known], self.temperature.at(step.epoch)


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """Return T² KL(teacher ‖ student) of logits float [B, C] at temperature T, mean over rows; 0 without rows."""
    target = torch.softmax(teacher / temperature, dim=1)
    logs = torch.log_softmax(student / temperature, dim=1)
    return nn.functional.kl_div(logs, target, reduction="sum") * temperature**2 / max(len(teacher), 1)


class Standardised(Distil):
    """Divergence of logits standardised row by row (Sun et al. 2024): their order and spacing, not their scale.

    A small student need not reach the sharpness of a large teacher to agree with it. Meant for many classes: two
    standardised logits are always ±1 and keep the decision only.
    """

    def forward(self, step: Step) -> Tensor:
        """Mean divergence of z-scored logits."""
        teacher, student, temperature = self.pairs(step)
        return divergence(z_scored(teacher), z_scored(student), temperature)


def z_scored(logits: Tensor) -> Tensor:
    """Standardise each row of logits float [B, C]."""
    spread = logits.std(dim=1, keepdim=True, unbiased=False)
    return (logits - logits.mean(dim=1, keepdim=True)) / (spread + 1e-6)


class Decoupled(Distil):
    """Decoupled distillation (Zhao et al. 2022, eq. 7): the target class and the others weighted apart.

    The target class is the label's, or the teacher's favourite where there is no label.
    """

    alpha, beta = 1.0, 4.0  # their weights; beta is the paper's middle choice

    def forward(self, step: Step) -> Tensor:
        """Mean of alpha times the target class's divergence and beta times that among the others."""
        teacher, student, temperature = self.pairs(step)
        if step.target is None or not len(teacher):
            return student.sum() * 0.0
        labels = step.labels[torch.isfinite(step.target).all(dim=1)]
        target = torch.where(labels >= 0, labels, teacher.argmax(dim=1))
        mine = nn.functional.one_hot(target, teacher.shape[1]).bool()
        p, q = (torch.softmax(logits / temperature, dim=1) for logits in (teacher, student))
        p_target, q_target = (part[mine].clamp(_FLOOR, 1 - _FLOOR) for part in (p, q))
        ours = p_target * (p_target / q_target).log() + (1 - p_target) * ((1 - p_target) / (1 - q_target)).log()
        others = divergence(teacher.masked_fill(mine, -1e4), student.masked_fill(mine, -1e4), temperature)
        return self.alpha * ours.mean() * temperature**2 + self.beta * others


class MultiLabel(Distil):
    """Sigmoid distillation for classes that do not exclude each other (Yang et al. 2023, "MLD", without its heads).

    Each class is a question of its own: binary cross-entropy between the teacher's and the student's probabilities.
    """

    def forward(self, step: Step) -> Tensor:
        """Mean binary divergence over answered rows and classes, times T squared."""
        teacher, student, temperature = self.pairs(step)
        odds = teacher - torch.log1p(-teacher.exp().clamp(max=1 - _FLOOR))
        target = torch.sigmoid(odds / temperature)
        loss = nn.functional.binary_cross_entropy_with_logits(student / temperature, target, reduction="sum")
        entropy = nn.functional.binary_cross_entropy(target, target, reduction="sum")
        return (loss - entropy) * temperature**2 / max(teacher.numel(), 1)
