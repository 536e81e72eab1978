"""Solve a linear student at once: logistic regression, or the squared hinge of a linear support vector machine.

Both are convex, so that scikit-learn's solvers (liblinear, Fan et al. 2008; L-BFGS) find the one optimum in a fraction
of the time that steps through batches take.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from limbeck.data.split import folds
from limbeck.kinds.select import RowInput, batch_of
from limbeck.kinds.table.dense import Dense
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.networks.table.linear import Linear
from limbeck.networks.text.ngram import Ngram
from limbeck.objectives.hard import weights_of
from limbeck.progress import say
from limbeck.recipe import Recipe

PENALTIES = (0.1, 1.0, 10.0, 100.0)  # 1 / C of standardised features, the weakest first
_NEVER = -20.0  # the logit of a class without a row
BY_CLASS = {"off": (False,), "on": (True,), "mean": (False, True)}  # student.class_ratio -> the models it is of
_FOLDS, _TRIED = 5, 5000  # rows that the penalty is chosen on at most


@torch.no_grad()
def solve_linear(
    network: Linear, encoder: RowInput, rows: Dense, labels: NDArray[np.int64], recipe: Recipe, classes: tuple[str, ...]
) -> None:
    """Fit a linear model of a table on the labelled ones of N encoded rows, in place."""
    from sklearn.linear_model import LogisticRegression

    known = np.flatnonzero(labels >= 0)
    rows, labels = rows.take(known), labels[known]
    network.fit_start(rows)
    given = batch_of(encoder, rows, np.arange(len(rows)))
    features = network.features(*(torch.from_numpy(given[name]) for name in network.arrays)).double().numpy()
    weight = weights_of(recipe.objective.class_weights, labels, classes)[labels].astype(np.float64)
    penalty = network.options.penalty or _chosen(features, labels, weight, recipe.training.seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that has not settled after so many steps is near enough
        model = LogisticRegression(C=1.0 / penalty, max_iter=500).fit(features, labels, sample_weight=weight)
    weights, bias = _for_all_classes(model, network.classes)
    network.head.weight.copy_(torch.from_numpy(weights.T))
    network.head.bias.copy_(torch.from_numpy(bias))
    say(f"logistic regression on {len(rows):,} rows, {features.shape[1]:,} features, penalty {penalty:g}")


def _chosen(features: NDArray[np.float64], labels: NDArray[np.int64], weight: NDArray[np.float64], seed: int) -> float:
    """Return the penalty of the least log loss on rows left out.

    scikit-learn's `LogisticRegressionCV` stops where a fold lacks a class; here rare classes may be missing from one.
    """
    from sklearn.linear_model import LogisticRegression

    some = np.sort(np.random.default_rng(seed).permutation(len(labels))[:_TRIED])
    counts = np.bincount(labels[some])
    if counts[counts > 0].min() < 2 or len(some) < 2 * _FOLDS:
        return 1.0
    fold = folds(len(some), _FOLDS, labels=labels[some], seed=seed)
    losses = []
    for penalty in PENALTIES:
        total = 0.0
        for number in range(_FOLDS):
            seen, held = some[fold != number], some[fold == number]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = LogisticRegression(C=1.0 / penalty, max_iter=200)
                model.fit(features[seen], labels[seen], sample_weight=weight[seen])
            p = np.full((len(held), int(labels.max()) + 1), 1e-6)
            p[:, model.classes_] = np.maximum(model.predict_proba(features[held]), 1e-6)
            total -= float(np.log(p[np.arange(len(held)), labels[held]]).sum())
        losses.append(total)
    return PENALTIES[int(np.argmin(losses))]


@torch.no_grad()
def solve_ngram(
    network: Ngram, rows: Ragged, labels: NDArray[np.int64], recipe: Recipe, classes: tuple[str, ...]
) -> None:
    """Fit a linear n-gram model on the labelled ones of N encoded rows, in place: by hinge, or by log loss."""
    known = np.flatnonzero(labels >= 0)
    rows, labels = rows.take(known), labels[known]
    network.fit_start(rows)
    found = []
    for by_class in BY_CLASS[network.options.class_ratio]:
        if by_class:
            network.weigh_by_class(rows, labels)
        weights, bias = _solved(network, scaled_bags(network, rows), labels, recipe, classes)
        found.append((weights * network.scale.cpu().numpy()[:, None], bias))
    weights, bias = (np.mean(one, axis=0) for one in zip(*found, strict=True))
    network.scale.fill_(1.0)  # it is in the weights
    network.table.weight.copy_(torch.from_numpy(weights.astype(np.float32)))
    network.table.weight[0] = 0.0
    network.bias.copy_(torch.from_numpy(bias.astype(np.float32)))
    say(f"linear model solved on {len(rows):,} texts, {len(network.scale) - 1:,} n-grams")


def _solved(
    network: Ngram, matrix: sparse.csr_array, labels: NDArray[np.int64], recipe: Recipe, classes: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights [buckets + 1, 1 or C] and bias of a linear model of bags [N, buckets + 1]."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    weight = weights_of(recipe.objective.class_weights, labels, classes)[labels].astype(np.float64)
    margin = network.options.margin
    if "hinge" in recipe.objective.losses:
        model = LinearSVC(C=margin, random_state=0)
    else:
        model = LogisticRegression(C=10.0 * margin, solver="liblinear" if len(classes) == 2 else "lbfgs", max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(matrix, labels, sample_weight=weight)
    one = network.binary and len(model.classes_) == 2  # the difference of the logits is enough
    return (model.coef_.T, model.intercept_) if one else _for_all_classes(model, len(classes))


def scaled_bags(network: Ngram, rows: Ragged) -> sparse.csr_array:
    """Return the weights of the n-grams of N texts, times the network's scale, float [N, buckets + 1]."""
    width = len(network.scale)
    offsets = rows.offsets.astype(np.int32)  # scikit-learn takes no 64-bit indices
    plain = sparse.csr_array((rows.weights, rows.values, offsets), shape=(len(rows), width))
    return plain @ sparse.diags_array(network.scale.cpu().numpy())


def two_logits(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return logits [N, 2] of the one score [N, 1] of two classes, which is their difference; others as they are."""
    return np.concatenate((-0.5 * scores, 0.5 * scores), axis=1) if scores.shape[1] == 1 else scores


def _for_all_classes(model: Any, classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights [F, C] and bias [C] of a fitted model; a class that it has not met is never the answer."""
    weights, bias = np.zeros((model.coef_.shape[1], classes)), np.full(classes, _NEVER)
    weights[:, model.classes_] = two_logits(model.coef_.T)
    bias[model.classes_] = two_logits(model.intercept_[None, :])[0]
    return weights, bias
