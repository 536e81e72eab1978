"""Losses: one file, one loss; a new one is a file here and a line in `OBJECTIVES`."""

from collections.abc import Iterable

from limbeck.objectives.adversarial import Adversarial
from limbeck.objectives.base import Loss, Step
from limbeck.objectives.binary import Binary
from limbeck.objectives.centre import Centre
from limbeck.objectives.centre_distil import CentreDistil
from limbeck.objectives.consistency import Consistency
from limbeck.objectives.distil import Decoupled, Distil, MultiLabel, Standardised
from limbeck.objectives.distil_hidden import DistilHidden
from limbeck.objectives.fourier import Fourier
from limbeck.objectives.hard import Hard
from limbeck.objectives.hinge import Hinge
from limbeck.objectives.masked_words import MaskedWords
from limbeck.objectives.reconstruction import Reconstruction
from limbeck.objectives.reverse_distillation import ReverseDistillation

OBJECTIVES: dict[str, type[Loss]] = {
    "adversarial": Adversarial,
    "binary": Binary,
    "centre": Centre,
    "centre-distil": CentreDistil,
    "consistency": Consistency,
    "distil": Distil,
    "distil-decoupled": Decoupled,
    "distil-hidden": DistilHidden,
    "distil-multi-label": MultiLabel,
    "distil-standardised": Standardised,
    "fourier": Fourier,
    "hard": Hard,
    "hinge": Hinge,
    "masked-words": MaskedWords,
    "reconstruction": Reconstruction,
    "reverse-distillation": ReverseDistillation,
}

__all__ = ["OBJECTIVES", "Loss", "Step", "guided", "viewed"]


def guided(losses: Iterable[str]) -> bool:
    """Return whether one of the named losses learns from a teacher's hidden features."""
    return any(OBJECTIVES[name].guided for name in losses if name in OBJECTIVES)


def viewed(losses: Iterable[str]) -> bool:
    """Return whether one of the named losses wants each row a second time, changed."""
    return any(OBJECTIVES[name].viewed for name in losses if name in OBJECTIVES)
