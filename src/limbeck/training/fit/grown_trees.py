"""Grow the trees of a student with scikit-learn, and read them out as plain arrays of nodes.

Boosting is histogram gradient boosting (Ke et al. 2017) with early stopping on a tenth of the rows; a forest is one of
extremely randomised trees (Geurts et al. 2006).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, batch_of
from limbeck.kinds.table.dense import Dense
from limbeck.metrics.baselines.baseline_row import fit_boosting
from limbeck.networks.table.tree_sum import Nodes, joined, nodes_of, rounded_down
from limbeck.networks.table.trees import DEFAULT_TREES, Trees
from limbeck.objectives.hard import weights_of
from limbeck.progress import say
from limbeck.recipe import Recipe

_LEAVES, _FOREST_LEAVES = 31, 2048
_MOST_NODES = 100_000  # of a forest, above which it has fewer trees: some 8 MB


def grow(
    network: Trees, encoder: RowInput, rows: Dense, labels: NDArray[np.int64], recipe: Recipe, classes: tuple[str, ...]
) -> None:
    """Grow the trees on the labelled ones of N encoded rows, in place."""
    known = np.flatnonzero(labels >= 0)
    rows, labels = rows.take(known), labels[known]
    network.fit_start(rows)
    given = batch_of(encoder, rows, np.arange(len(rows)))
    with torch.no_grad():
        columns = network.columns(*(torch.from_numpy(given[name]) for name in network.arrays)).numpy()
    weight = weights_of(recipe.objective.class_weights, labels, classes)[labels]
    made = _forest if network.forest else _boosted
    nodes = made(network, columns, labels, weight, recipe.training.seed)
    network.set_nodes(nodes)
    say(f"{len(nodes.roots):,} trees, {len(nodes.feature):,} nodes, grown on {len(rows):,} rows")


def _boosted(
    network: Trees, columns: NDArray[np.float32], labels: NDArray[np.int64], weight: NDArray[np.float64], seed: int
) -> Nodes:
    options = network.options
    present = np.unique(labels)
    if len(present) < network.classes:
        raise LimbeckError("boosted trees need rows of every class", where="data", fix="use another network")
    enough = len(labels) >= 1000
    model = fit_boosting(
        columns, labels, "a student of boosted trees", weight=weight, steady=options.penalty > 0,
        max_iter=options.trees or DEFAULT_TREES, max_leaf_nodes=options.leaves or _LEAVES, learning_rate=options.rate,
        early_stopping=enough, random_state=seed, min_samples_leaf=int(np.clip(len(labels) // 50, 5, 20)),
    )  # fmt: skip
    rounds = model._predictors  # their public form is `predict_proba` alone
    trees = [(tree.nodes, at) for each in rounds for at, tree in enumerate(each)]
    parts = [_histogram_nodes(nodes, target, network.outputs) for nodes, target in trees]
    return joined(parts, np.asarray(model._baseline_prediction, dtype=np.float32).ravel())


def _histogram_nodes(nodes: Any, target: int, width: int) -> dict[str, NDArray[Any]]:
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes))
    value = np.zeros((len(nodes), width), dtype=np.float32)
    value[leaf, target] = nodes["value"][leaf]
    return {
        "feature": np.where(leaf, 0, nodes["feature_idx"]).astype(np.int64),
        "threshold": rounded_down(np.where(leaf, 0.0, nodes["num_threshold"])),
        "left": np.where(leaf, own, nodes["left"]).astype(np.int64),
        "right": np.where(leaf, own, nodes["right"]).astype(np.int64),
        "missing_left": nodes["missing_go_to_left"].astype(bool),
        "value": value,
    }


def _forest(
    network: Trees, columns: NDArray[np.float32], labels: NDArray[np.int64], weight: NDArray[np.float64], seed: int
) -> Nodes:
    from sklearn.ensemble import ExtraTreesClassifier

    options = network.options
    leaves = options.leaves or _FOREST_LEAVES
    count = options.trees or max(20, min(DEFAULT_TREES, _MOST_NODES // min(2 * leaves, len(labels))))
    model = ExtraTreesClassifier(
        count, max_leaf_nodes=leaves if leaves < len(labels) else None, min_samples_leaf=1, random_state=seed,
    )  # fmt: skip
    model.fit(columns, labels, sample_weight=weight)
    parts: list[dict[str, NDArray[Any]]] = []
    for tree in (one.tree_ for one in model.estimators_):
        shares = tree.value[:, 0, :]
        shares = shares / shares.sum(axis=1, keepdims=True) / count
        full = np.zeros((tree.node_count, network.classes), dtype=np.float32)
        full[:, model.classes_] = shares
        parts.append(nodes_of(tree, full[:, 1:] if network.outputs == 1 else full))
    return joined(parts, np.zeros(network.outputs, dtype=np.float32))
