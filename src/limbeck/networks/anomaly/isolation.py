"""How soon random splits part a row from all others: isolation forest (Liu, Ting & Zhou, ICDM 2008).

The published score is ``2 ** (-depth / c)``; its logarithm is the mean depth, a sum over leaves, which ONNX's operator
for trees computes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from limbeck.networks.table.tree_sum import TreeSum, joined, nodes_of, stump

TREES = 200


class Isolation(TreeSum):
    """A forest whose leaves hold the depth at which a row is alone."""

    def __init__(self) -> None:
        super().__init__()
        self.set_nodes(stump(1))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the negative mean depth of rows float [B, F], in depths of an average row, float [B, 1]."""
        return self.summed(rows)

    def fit(self, rows: Tensor, seed: int) -> None:
        """Grow the trees on normal rows float [N, F]."""
        from sklearn.ensemble import IsolationForest

        forest = IsolationForest(n_estimators=TREES, random_state=seed).fit(rows.numpy())
        usual = float(_depth_of(np.array([forest.max_samples_]))[0]) * TREES or 1.0
        trees = [one.tree_ for one in forest.estimators_]
        depths = [tree.compute_node_depths() - 1 + _depth_of(tree.n_node_samples) for tree in trees]
        nodes = [nodes_of(tree, -depth[:, None] / usual) for tree, depth in zip(trees, depths, strict=True)]
        self.set_nodes(joined(nodes, np.zeros(1, dtype=np.float32)))


def _depth_of(count: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean depth of a random tree over ``count`` rows, float64 (equation 1 of the paper)."""
    count = count.astype(np.float64)
    many = np.maximum(count, 3.0)
    deep = 2.0 * (np.log(many - 1.0) + np.euler_gamma) - 2.0 * (many - 1.0) / many
    return np.where(count <= 1, 0.0, np.where(count <= 2, 1.0, deep))
