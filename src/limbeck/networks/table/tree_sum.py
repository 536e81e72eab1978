"""The sum of many decision trees as flat arrays of nodes, exported as ONNX's own operator for them.

Trees are grown by scikit-learn and kept as flat arrays, so that a bundle holds no pickle. A row goes left where its
feature is at most the threshold (or is missing, where training saw that better so); leaves point at themselves, so that
all rows take the same number of steps. The exported graph uses ``TreeEnsembleRegressor`` (ONNX-ML, version 3), which
onnxruntime answers in parallel over trees and rows. Thresholds are rounded down to single precision, which leaves every
comparison with a single-precision number as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

OPERATORS = {"ai.onnx.ml": 3}  # what a graph with such trees needs beside ONNX's own operators


@dataclass(frozen=True)
class Nodes:
    """The nodes of T trees, one tree after the other; children are numbered in the whole.

    Attributes
    ----------
    feature
        int64 [N]; that of a leaf is 0.
    threshold
        float32 [N]; a row goes left where its feature is at most this.
    left, right
        int64 [N]; a leaf's are itself.
    missing_left
        bool [N]; where a row goes whose feature is missing.
    value
        float32 [N, D]: what a leaf adds, 0 for inner nodes.
    roots
        int64 [T].
    depth
        Steps from a root to the deepest leaf.
    start
        float32 [D]: the answer before any tree.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float32]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float32]
    roots: NDArray[np.int64]
    depth: int
    start: NDArray[np.float32]


class TreeSum(nn.Module):
    """A sum over trees; `set_nodes` fills it. It has no state but buffers, and may be mixed into a network."""

    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    missing_left: Tensor
    value: Tensor
    roots: Tensor
    depth: Tensor
    start: Tensor
    targets: int  # numbers D that a leaf adds

    def set_nodes(self, nodes: Nodes) -> None:
        """Take over grown trees."""
        self.targets = len(nodes.start)
        for name, array in vars(nodes).items():
            self.register_buffer(name, torch.as_tensor(array))

    def summed(self, rows: Tensor) -> Tensor:
        """Return the sum of the leaves that rows float [B, F] reach, float [B, D]; NaN is a missing feature."""
        if torch.onnx.is_in_onnx_export():
            found: Tensor = _exported(self).apply(rows)
            return found
        return self._walked(rows)

    def _walked(self, rows: Tensor) -> Tensor:
        """Return the sum of all leaves, float [B, D], by steps that all rows take together."""
        at = self.roots.expand(len(rows), -1)
        for _ in range(int(self.depth)):
            cells = torch.gather(rows, 1, self.feature[at])
            left = torch.where(torch.isnan(cells), self.missing_left[at], cells <= self.threshold[at])
            at = torch.where(left, self.left[at], self.right[at])
        return self.value[at].sum(dim=1) + self.start


def _exported(trees: TreeSum) -> Any:
    """Return the walk as a function that is one operator in the exported graph; the tracer takes tensors alone."""

    class Walked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, rows: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
            # What is traced here would be exported; a buffer that is looked at here would be missing in the graph.
            return torch.zeros(len(rows.detach().numpy()), trees.targets)

        @staticmethod
        def symbolic(g: Any, rows: Any) -> Any:
            found = g.op("ai.onnx.ml::TreeEnsembleRegressor", rows, **_attributes(trees))
            found.setType(rows.type().with_sizes([None, trees.targets]))
            return found

    return Walked


def _attributes(trees: TreeSum) -> dict[str, Any]:
    """Return the operator's attributes: lists with one entry for each node, and for each target of each leaf."""
    feature, threshold, left, right, missing, value, roots = (
        getattr(trees, name).numpy()
        for name in ("feature", "threshold", "left", "right", "missing_left", "value", "roots")
    )
    tree = np.repeat(np.arange(len(roots)), np.diff(np.append(roots, len(feature))))
    own = np.arange(len(feature)) - roots[tree]
    leaf = left == np.arange(len(feature))
    leaves, width = np.flatnonzero(leaf), value.shape[1]
    told = value[leaves] != 0  # most leaves speak of one class
    told[~told.any(axis=1), 0] = True  # and each has to say something
    at, target = np.nonzero(told)
    return {
        "aggregate_function_s": "SUM", "base_values_f": trees.start.numpy().tolist(), "n_targets_i": width,
        "nodes_treeids_i": tree.tolist(), "nodes_nodeids_i": own.tolist(), "nodes_featureids_i": feature.tolist(),
        "nodes_values_f": threshold.tolist(), "nodes_modes_s": ["LEAF" if one else "BRANCH_LEQ" for one in leaf],
        "nodes_truenodeids_i": np.where(leaf, 0, left - roots[tree]).tolist(),
        "nodes_falsenodeids_i": np.where(leaf, 0, right - roots[tree]).tolist(),
        "nodes_missing_value_tracks_true_i": missing.astype(int).tolist(),
        "target_treeids_i": tree[leaves[at]].tolist(), "target_nodeids_i": own[leaves[at]].tolist(),
        "target_ids_i": target.tolist(), "target_weights_f": value[leaves[at], target].tolist(),
    }  # fmt: skip


def stump(outputs: int) -> Nodes:
    """Return one leaf that adds nothing to ``outputs`` numbers: what an ensemble is before it has grown."""
    leaf, nothing = np.zeros(1, dtype=np.int64), np.zeros(outputs, np.float32)
    return Nodes(leaf, np.zeros(1, np.float32), leaf, leaf, leaf > 0, nothing[None], leaf, 0, nothing)


def rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the largest single-precision numbers that are not above the given ones."""
    rounded = values.astype(np.float32)
    above = rounded.astype(np.float64) > values
    return np.where(above, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)


def nodes_of(tree: Any, value: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Return the arrays of scikit-learn's ``tree_`` by the names of `Nodes`; of ``value`` [N, D] its leaves count."""
    leaf, own = tree.children_left < 0, np.arange(tree.node_count)
    return {
        "feature": np.where(leaf, 0, tree.feature).astype(np.int64),
        "threshold": rounded_down(np.where(leaf, 0.0, tree.threshold)),
        "left": np.where(leaf, own, tree.children_left).astype(np.int64),
        "right": np.where(leaf, own, tree.children_right).astype(np.int64),
        "missing_left": np.asarray(tree.missing_go_to_left, dtype=bool),
        "value": np.where(leaf[:, None], value, 0.0).astype(np.float32),
    }


def joined(parts: Sequence[dict[str, NDArray[Any]]], start: NDArray[np.float32]) -> Nodes:
    """Return trees in one: of each its arrays by the names of `Nodes`, numbered from its own root, which come anew."""
    sizes = [len(part["feature"]) for part in parts]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    for part, root in zip(parts, roots, strict=True):
        part["left"], part["right"] = part["left"] + root, part["right"] + root
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    at, depth = roots, 0
    while True:  # one step further than the level before, until all nodes of it are leaves
        inner = at[whole["left"][at] != at]
        if not len(inner):
            break
        at, depth = np.concatenate([whole["left"][inner], whole["right"][inner]]), depth + 1
    return Nodes(**whole, roots=roots, depth=depth, start=start)
