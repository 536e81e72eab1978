"""Ensembles of decision trees over a table row: boosted trees and forests.

They are grown by scikit-learn (see `limbeck.training.fit.grown_trees`) and kept as `limbeck.networks.table.tree_sum`.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.networks.base import Network
from limbeck.networks.table.columns import Flags, arrays_of, by_name, scaled_once
from limbeck.networks.table.tree_sum import OPERATORS, TreeSum, stump
from limbeck.recipe import Section

DEFAULT_TREES = 200  # of student.trees = 0
_FEWEST = 6  # trees of a variant that is worth a try


class Options(Section):
    """Keys of ``[student]`` for ``network = "trees"``."""

    method: Literal["boosting", "forest"] = Field(
        default="boosting",
        description="trees that correct each other, or the mean of random ones (extremely randomised)",
    )
    trees: int = Field(default=0, ge=0, le=5000, description="rounds or trees at most; 0: 200 of either")
    leaves: int = Field(
        default=0, ge=0, le=4096, description="leaves of a tree at most; 0: 31 boosted, 2048 of a forest"
    )
    rate: float = Field(default=0.08, gt=0, le=1, description="learning rate of boosting")
    penalty: float = Field(default=1.0, ge=0, description="L2 penalty of boosting")


class Trees(TreeSum, Network):
    """Boosted trees, whose sum is the logits, or a forest, whose mean is the probabilities."""

    Options = Options
    encoders = ("table",)
    fixed = ("numbers", "missing", "categories")
    operators = OPERATORS

    once: Tensor

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.arrays = arrays_of(encoder)
        self.classes = classes
        self.flags = Flags(0)
        self.register_buffer("once", scaled_once(encoder))
        self.head = nn.Identity()
        self.forest = options.method == "forest"
        self.set_nodes(stump(self.outputs))

    @classmethod
    def smaller(cls, options: Any) -> dict[str, Any]:
        """Return the options of an ensemble with half as many trees; empty where few are left."""
        trees = (options.trees or DEFAULT_TREES) // 2
        return {"trees": trees} if trees >= _FEWEST else {}

    @property
    def outputs(self) -> int:
        """Numbers that a leaf adds: two classes need one."""
        return 1 if self.classes == 2 else self.classes

    def fit_start(self, rows: Dense) -> None:
        """Read the frequent categories off the training rows."""
        self.flags.fit(rows)

    def columns(self, *arrays: Tensor) -> Tensor:
        """Return what trees split on, float [B, F], NaN where it is missing."""
        given = by_name(self.arrays, arrays)
        parts = []
        if "numbers" in given:
            numbers, missing = (given[name][:, self.once] for name in ("numbers", "missing"))
            parts.append(torch.where(missing > 0, torch.full_like(numbers, float("nan")), numbers))
        if "categories" in given:
            parts += [self.flags(given["categories"]), given["categories"].to(torch.float32)]
        return torch.cat(parts, dim=1)

    def features(self, *arrays: Tensor) -> Tensor:
        """Return logits float [B, C]: the features of trees are their answers."""
        rows = self.columns(*arrays)
        summed = self.summed(rows)
        if self.forest:
            # One more tree that knows nothing (Laplace). Where all trees agree, the logarithm would else make much of
            # the last bit of a sum, which torch and onnxruntime add up in different orders.
            trees = len(self.roots)
            shares = (summed * trees + 1.0 / self.classes) / (trees + 1)
            summed = torch.log(shares) - (torch.log(1.0 - shares) if self.outputs == 1 else 0.0)
        return summed if self.outputs > 1 else torch.cat((-0.5 * summed, 0.5 * summed), dim=1)
