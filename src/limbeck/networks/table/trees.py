"""Ensembles of decision trees over a table row, exported as ONNX's own operator for them.

Trees are grown by scikit-learn (see `limbeck.training.fit.grown_trees`) and kept as flat arrays of nodes, so that a
bundle holds no pickle. A row goes left where its feature is at most the threshold (or is missing, where training saw
that better so); leaves point at themselves, so that all rows take the same number of steps. The exported graph uses
``TreeEnsembleRegressor`` (ONNX-ML, version 3), which onnxruntime answers in parallel over trees and rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.networks.base import Network
from limbeck.networks.table.columns import Flags, arrays_of, by_name, scaled_once
from limbeck.recipe import Section


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


class Trees(Network):
    """Boosted trees, whose sum is the logits, or a forest, whose mean is the probabilities."""

    Options = Options
    encoders = ("table",)
    fixed = ("numbers", "missing", "categories")
    operators = {"ai.onnx.ml": 3}  # noqa: RUF012 - as in the base

    once: Tensor
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    missing_left: Tensor
    value: Tensor
    roots: Tensor
    depth: Tensor
    start: Tensor

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.arrays = arrays_of(encoder)
        self.classes = classes
        self.flags = Flags(0)
        self.register_buffer("once", scaled_once(encoder))
        self.head = nn.Identity()
        self.forest = options.method == "forest"
        leaf = np.zeros(1, dtype=np.int64)
        self.set_nodes(
            Nodes(leaf, np.zeros(1, np.float32), leaf, leaf, leaf > 0, np.zeros((1, self.outputs), np.float32), leaf, 0,
                  np.zeros(self.outputs, np.float32))
        )  # fmt: skip

    @property
    def outputs(self) -> int:
        """Numbers that a leaf adds: two classes need one."""
        return 1 if self.classes == 2 else self.classes

    def fit_start(self, rows: Dense) -> None:
        """Read the frequent categories off the training rows."""
        self.flags.fit(rows)

    def set_nodes(self, nodes: Nodes) -> None:
        """Take over grown trees."""
        for name, array in vars(nodes).items():
            self.register_buffer(name, torch.as_tensor(array))

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
        if torch.onnx.is_in_onnx_export():
            summed: Tensor = _exported(self).apply(rows)
        else:
            summed = self._walked(rows)
        if self.forest:
            # One more tree that knows nothing (Laplace). Where all trees agree, the logarithm would else make much of
            # the last bit of a sum, which torch and onnxruntime add up in different orders.
            trees = len(self.roots)
            shares = (summed * trees + 1.0 / self.classes) / (trees + 1)
            summed = torch.log(shares) - (torch.log(1.0 - shares) if self.outputs == 1 else 0.0)
        return summed if self.outputs > 1 else torch.cat((-0.5 * summed, 0.5 * summed), dim=1)

    def _walked(self, rows: Tensor) -> Tensor:
        """Return the sum of all leaves, float [B, D], by steps that all rows take together."""
        at = self.roots.expand(len(rows), -1)
        for _ in range(int(self.depth)):
            cells = torch.gather(rows, 1, self.feature[at])
            left = torch.where(torch.isnan(cells), self.missing_left[at], cells <= self.threshold[at])
            at = torch.where(left, self.left[at], self.right[at])
        return self.value[at].sum(dim=1) + self.start


def _exported(trees: Trees) -> Any:
    """Return the walk as a function that is one operator in the exported graph; the tracer takes tensors alone."""

    class Walked(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, rows: Tensor) -> Tensor:  # noqa: ARG004 - torch passes it
            return torch.zeros(len(rows.detach().numpy()), trees.outputs)  # what is traced here would be exported

        @staticmethod
        def symbolic(g: Any, rows: Any) -> Any:
            found = g.op("ai.onnx.ml::TreeEnsembleRegressor", rows, **_attributes(trees))
            found.setType(rows.type().with_sizes([None, trees.outputs]))
            return found

    return Walked


def _attributes(trees: Trees) -> dict[str, Any]:
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
