"""What an ensemble of decision trees computes, and that it ends; see `limbeck.bundle.onnx.extent`.

onnxruntime follows the nodes of a tree as the file names them. So every node but the roots has one parent, which stands
before it: then there is no way round in a circle.
Operator: https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.onnx.arrays import Array, Extent, Operator, UnknownError, need
from limbeck.bundle.onnx.graph import Node

DOMAIN = "ai.onnx.ml"


def _trees(node: Node, given: Sequence[Array | None], found: Extent) -> list[Array]:
    rows, columns = need(given[0]).shape
    listed = node.attributes
    tree, own, feature = (_ints(listed, name) for name in ("nodes_treeids", "nodes_nodeids", "nodes_featureids"))
    left, right = (_ints(listed, name) for name in ("nodes_truenodeids", "nodes_falsenodeids"))
    modes = np.asarray(listed["nodes_modes"])
    count = len(tree)
    roots = np.flatnonzero(own == 0)
    sizes = np.diff(np.append(roots, count))
    place = np.repeat(roots, sizes) if len(roots) and roots[0] == 0 else np.empty(0, np.int64)
    branch = modes == b"BRANCH_LEQ"
    if not (len(own) == len(feature) == len(left) == len(right) == len(modes) == len(place) == count > 0):
        raise UnknownError("lists of different lengths")
    if not (branch | (modes == b"LEAF")).all() or (own != np.arange(count) - place).any():
        raise UnknownError("nodes that are numbered or named in a rare way")
    if (np.diff(tree) != (own[1:] == 0)).any():
        raise UnknownError("trees that are numbered in a rare way")
    if (feature < 0).any() or (feature >= columns).any():
        raise UnknownError("a feature that is not there")
    children = np.concatenate([place[branch] + left[branch], place[branch] + right[branch]])
    parents = np.tile(np.flatnonzero(branch), 2)
    size = sizes[np.cumsum(own == 0) - 1]
    inside = np.concatenate([left[branch] < size[branch], right[branch] < size[branch]])
    if not inside.all() or (children <= parents).any() or len(np.unique(children)) < len(children):
        raise UnknownError("nodes in a circle")
    targets = int(listed["n_targets"])
    if not 1 <= targets <= 4096 or len(np.asarray(listed["target_ids"])) > count * targets:
        raise UnknownError("targets")
    found.products += rows * len(roots) * (_depth(place, left, right, branch, roots) + targets)
    return [Array((rows, targets))]


def _ints(listed: dict[str, object], name: str) -> NDArray[np.int64]:
    return np.asarray(listed[name], dtype=np.int64).reshape(-1)


def _depth(
    place: NDArray[np.int64], left: NDArray[np.int64], right: NDArray[np.int64], branch: NDArray[np.bool_],
    roots: NDArray[np.int64],
) -> int:  # fmt: skip
    at, depth = roots, 0
    while len(at := at[branch[at]]):
        at, depth = np.concatenate([place[at] + left[at], place[at] + right[at]]), depth + 1
    return depth


TREES: dict[str, Operator] = {"TreeEnsembleRegressor": _trees}
