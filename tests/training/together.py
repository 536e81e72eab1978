"""Trains students of several recipes one after the other, in as many processes as torchrun starts, or alone.

Usage: together.py OUT NAME=RECIPE=DATA… leaves OUT/NAME/checkpoint.pt, whose weights are not yet rounded.
"""

import sys
from pathlib import Path

from limbeck.dataset.prepare import prepare
from limbeck.process.cores import leave
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.distill.targets import Targets
from limbeck.training.distributed.processes import joined
from limbeck.training.student import train_student


def teach(recipe: Recipe, data: Path, out: Path) -> None:
    """Train a student; a loss that needs a teacher gets answers made up from the labels, for two rows of three."""
    rows = prepare(recipe, data)
    targets = None
    if any("distil" in name for name in recipe.objective.losses):
        train, valid = rows.part("train"), rows.part("valid")
        answers = [[0.9, 0.1] if label == 0 else [0.2, 0.8] for label in rows.labels[train]]
        import numpy as np

        given = np.array(answers, dtype=np.float32)
        given[::3] = np.nan
        targets = Targets(train, given, valid, np.zeros((len(valid), 2), dtype=np.float32))
    train_student(recipe, rows, folders=[data], checkpoints=out, targets=targets)


if __name__ == "__main__":
    with joined():
        for word in sys.argv[2:]:
            name, recipe, data = word.split("=")
            teach(load_recipe(recipe, ()), Path(data), Path(sys.argv[1]) / name)
    leave(0)
