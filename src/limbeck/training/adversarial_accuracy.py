"""Accuracy under attack: of the student as it was trained, on the rows it is evaluated on.

An attacker can read the weights from the bundle, so this is what the bundle holds against. It says nothing of other
attacks, or of larger changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from limbeck.data.dataset import Dataset
from limbeck.kinds.select import batch_of, encode, values_of
from limbeck.messages.message import Message, message
from limbeck.objectives.adversarial import Bounds, attacked
from limbeck.recipe import Recipe
from limbeck.training.student import Student

ROWS = 2000  # at most; drawn by the seed
_BATCH = 64


def robust_accuracy(recipe: Recipe, rows: Dataset, student: Student, index: Sequence[int]) -> dict[str, Any] | None:
    """Return accuracy under ``evaluation.adversary`` and without it on the same rows; None where none is asked for.

    The likeliest class counts, whatever the threshold.
    """
    adversary = recipe.evaluation.adversary
    labelled = np.array([row for row in index if rows.labels[row] >= 0], dtype=np.int64)
    if adversary is None or not len(labelled):
        return None
    random = np.random.default_rng(recipe.training.seed)
    chosen = np.sort(random.permutation(labelled)[:ROWS])
    encoded = encode(student.encoder, values_of(rows.frame[chosen], recipe.task))
    network, bounds = student.network.cpu().eval(), Bounds.of(student.encoder)
    torch.manual_seed(recipe.training.seed)
    plain = moved = 0
    for start in range(0, len(chosen), _BATCH):
        part = np.arange(start, min(start + _BATCH, len(chosen)))
        pixels = torch.from_numpy(batch_of(student.encoder, encoded, part)["pixels"])
        labels = torch.from_numpy(rows.labels[chosen[part]])
        changed = attacked(network, pixels, labels, adversary, bounds)
        with torch.no_grad():
            plain += int((network(pixels).argmax(dim=1) == labels).sum())
            moved += int((network(changed).argmax(dim=1) == labels).sum())
    count = len(chosen)
    return {
        "epsilon": adversary.epsilon,
        "steps": adversary.steps,
        "n": count,
        "accuracy": moved / count,
        "clean": plain / count,
    }


def under_attack(metrics: Mapping[str, Any]) -> list[Message]:
    """Return what the report says of it; nothing where it was not measured."""
    if "robust" not in metrics:
        return []
    found = metrics["robust"]
    shares = {"accuracy": found["accuracy"], "clean": found["clean"]}
    how = {"steps": found["steps"], "levels": found["epsilon"], "count": found["n"]}
    return [message("evaluation.under_attack", **how, **shares)]
