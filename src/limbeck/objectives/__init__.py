"""Losses: one file, one loss; a new one is a file here and a line in `OBJECTIVES`."""

from limbeck.objectives.base import Loss, Step
from limbeck.objectives.distil import Decoupled, Distil, MultiLabel, Standardised
from limbeck.objectives.hard import Hard
from limbeck.objectives.hinge import Hinge
from limbeck.objectives.masked_words import MaskedWords

OBJECTIVES: dict[str, type[Loss]] = {
    "distil": Distil,
    "distil-decoupled": Decoupled,
    "distil-multi-label": MultiLabel,
    "distil-standardised": Standardised,
    "hard": Hard,
    "hinge": Hinge,
    "masked-words": MaskedWords,
}

__all__ = ["OBJECTIVES", "Loss", "Step"]
