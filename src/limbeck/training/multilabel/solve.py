"""Linear n-gram models of several labels, solved at once: one against the rest (Rifkin & Klautau 2004).

Each label has a linear model of its own over the same TF-IDF weights, or over those weights times the n-gram's log-
count ratio between rows with and without it: the squared hinge of a support vector machine, or log loss. What the
models say of rows that they have not learned, in five folds, is what calibration and thresholds are found on: the whole
of train and valid serves for it, where valid alone holds a handful of rows of a rare label.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from limbeck.data.split import folds
from limbeck.events import check
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.networks.text.ngram import Ngram, log_count_ratio
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.training.fit.linear_solvers import BY_CLASS, scaled_bags

FOLDS = 5
NEVER = -5.0  # the score of a label without a row among those learned from
Weights = tuple[NDArray[np.float32], NDArray[np.float32]]


@torch.no_grad()
def solve(network: Ngram, rows: Ragged, truth: NDArray[np.float32], recipe: Recipe) -> None:
    """Fit a linear model of each label on N encoded rows with truth [N, L], in place."""
    network.fit_start(rows)
    weights, bias = one_vs_rest(scaled_bags(network, rows), truth, recipe)
    network.table.weight.copy_(torch.from_numpy(weights))
    network.table.weight[0] = 0.0
    network.bias.copy_(torch.from_numpy(bias))
    count = truth.shape[1]
    say(f"{count} linear models solved on {len(rows):,} texts, {len(network.scale) - 1:,} n-grams")


def left_out(
    network: Ngram, rows: Ragged, truth: NDArray[np.float32], sets: NDArray[np.int64], recipe: Recipe,
    groups: NDArray[Any] | None,
) -> NDArray[np.float32]:  # fmt: skip
    """Return scores float32 [N, L] of N rows, each by models that have not learned its fold.

    Parameters
    ----------
    sets
        int64 [N], the number of each row's set of labels: folds have them in proportion.
    groups
        [N]; rows of a group are in one fold.
    """
    units = len(rows) if groups is None else len(np.unique(groups))
    fold = folds(len(rows), min(FOLDS, units), labels=sets, groups=groups, seed=recipe.training.seed)
    out = np.empty(truth.shape, dtype=np.float32)
    for number in range(int(fold.max()) + 1):
        check()
        seen, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        network.fit_start(rows.take(seen))
        weights, bias = one_vs_rest(scaled_bags(network, rows.take(seen)), truth[seen], recipe)
        weights[0] = 0.0
        out[held] = scaled_bags(network, rows.take(held)) @ weights + bias
    return out


def one_vs_rest(matrix: Any, truth: NDArray[np.float32], recipe: Recipe) -> Weights:
    """Return weights float32 [F, L] and bias float32 [L] of a model for each label, of sparse rows [N, F]."""
    options = recipe.student.options
    ways = BY_CLASS[options.get("class_ratio", "off")]
    weights = np.zeros((matrix.shape[1], truth.shape[1]), dtype=np.float32)
    bias = np.full(truth.shape[1], NEVER, dtype=np.float32)
    for at in range(truth.shape[1]):
        wanted = truth[:, at] == 1
        if not wanted.any() or wanted.all():
            bias[at] = -NEVER if wanted.any() else NEVER
            continue
        bias[at] = 0.0
        for by_class in ways:
            scale = _by_label(matrix, wanted) if by_class else None
            model = _model(recipe)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a fit that has not settled after so many steps is near enough
                model.fit(matrix if scale is None else matrix @ sparse.diags_array(scale), wanted)
            weights[:, at] += (model.coef_[0] if scale is None else model.coef_[0] * scale) / len(ways)
            bias[at] += model.intercept_[0] / len(ways)
    return weights, bias


def _model(recipe: Recipe) -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    margin = float(recipe.student.options.get("margin", 1.0))
    if "hinge" in recipe.objective.losses:
        return LinearSVC(C=margin, random_state=0)
    return LogisticRegression(C=10.0 * margin, solver="liblinear", max_iter=200)


def _by_label(matrix: sparse.csr_array, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return by what to multiply each of F columns, so that rows [N, F] keep their mean square length."""
    seen = np.stack([np.bincount(matrix[wanted == one].indices, minlength=matrix.shape[1]) for one in (False, True)])
    scale = log_count_ratio(seen)
    before, after = (float(np.square(matrix.data * by).sum()) for by in (1.0, scale[matrix.indices]))
    return scale * float(np.sqrt(before / (after + 1e-12)))
