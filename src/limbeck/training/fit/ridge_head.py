"""A linear head in closed form: ridge regression on the classes, its penalty chosen by leave-one-out.

The residual that a row would have if it were left out follows from the fit on all rows (Golub, Heath and Wahba 1979;
scikit-learn's `RidgeClassifierCV` uses the same identity). These leave-one-out scores also calibrate the head, where
there are too few validation rows for that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.metrics.calibration import fit_temperature
from limbeck.networks import Network
from limbeck.networks.image.descriptors import Descriptors
from limbeck.networks.signal.minirocket import MiniRocket
from limbeck.objectives.hard import weights_of
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.training.fit.nearest_neighbor import drawn

Floats = NDArray[np.float64]
RIDGE = (Descriptors, MiniRocket)  # networks of fixed features, less a ``centre``, whose head is fitted here
_ENOUGH = 50  # rows of valid that calibrate alone
ALPHAS = tuple(np.logspace(-3, 3, 13))  # per standardised feature; the range of the paper's code, in finer steps


@dataclass(frozen=True)
class Ridge:
    """A fitted ridge regression.

    Attributes
    ----------
    weights
        float64 [F, C], of features less ``centre``.
    centre
        float64 [F], the (weighted) mean of each feature.
    intercept
        float64 [C].
    left_out
        float64 [N, C]: what each row would get from the regression without it.
    alpha
        The penalty that was chosen, on standardised features.
    """

    weights: Floats
    centre: Floats
    intercept: Floats
    left_out: Floats
    alpha: float


def fit_ridge(features: NDArray[np.float32], targets: Floats, rows: Floats | None = None) -> Ridge:
    """Fit targets [N, C] from features [N, F] with the penalty of the least mean squared leave-one-out error.

    Features are standardised, the intercept is not penalised, and ``rows`` float [N] weighs the rows.
    """
    weight = np.ones(len(features)) if rows is None else rows * (len(rows) / rows.sum())
    inside = features.astype(np.float64)  # changed in place: it is the largest array by far
    centre = weight @ inside / len(features)
    inside -= centre
    spread = np.sqrt(np.einsum("n,nf,nf->f", weight, inside, inside) / len(features))
    scale = np.divide(1.0, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    root = np.sqrt(weight)[:, None]
    inside *= scale
    inside *= root
    intercept = weight @ targets / len(features)
    wanted = (targets - intercept) * root
    # With more features than rows, as a rule: everything follows from the products of rows, K = X X'.
    values, vectors = np.linalg.eigh(inside @ inside.T)
    values, turned = np.maximum(values, 0.0), vectors.T @ wanted
    best: tuple[float, float, Floats] | None = None
    for alpha in ALPHAS:
        shrunk = values / (values + alpha)
        leverage = (vectors**2) @ shrunk + weight / len(features)
        residual = wanted - vectors @ (shrunk[:, None] * turned)
        residual /= np.maximum(1.0 - leverage, 1e-9)[:, None]
        error = float((residual**2).mean())
        if best is None or error < best[0]:
            best = error, float(alpha), residual
    assert best is not None
    _, alpha, residual = best
    weights = (inside.T @ (vectors @ (turned / (values + alpha)[:, None]))) * scale[:, None]
    return Ridge(weights, centre, intercept, targets - residual / root, alpha)


@torch.no_grad()
def fit_head(
    network: Network,
    encoder: RowInput,
    rows: Rows,
    labels: NDArray[np.int64],
    recipe: Recipe,
    classes: tuple[str, ...],
) -> tuple[Floats, NDArray[np.int64]]:
    """Fit the features and the head of a student in place; return its leave-one-out logits [K, C] and their labels [K].

    Parameters
    ----------
    rows
        N encoded rows, as they are read: the features are not trained, so that changed rows would not help them.
    labels
        int64 [N]; rows without one (-1) are ignored, and of more than ``student.rows`` a draw is taken, class by class.
    """
    assert isinstance(network, RIDGE)
    network.eval()
    kept = drawn(labels, network.options.rows, recipe.training.seed)
    rows, labels = rows.take(kept), labels[kept]
    network.fit_start(rows)
    network.centre.zero_()
    weight = weights_of(recipe.objective.class_weights, labels, classes)[labels]
    ridge = fit_ridge(_features(network, encoder, rows), 2.0 * np.eye(len(classes))[labels] - 1.0, weight)
    temperature = fit_temperature(ridge.left_out, labels)
    network.centre.copy_(torch.from_numpy(ridge.centre))
    network.head.weight.copy_(torch.from_numpy(ridge.weights.T / temperature))
    network.head.bias.copy_(torch.from_numpy(ridge.intercept / temperature))
    right = float((ridge.left_out.argmax(axis=1) == labels).mean())
    say(f"ridge head: {len(kept):,} rows, alpha {ridge.alpha:.3g}, leave-one-out accuracy {right:.4f}")
    return ridge.left_out / temperature, labels


def head_temperature(
    valid: Floats, valid_labels: NDArray[np.int64], left_out: Floats, labels: NDArray[np.int64]
) -> float:
    """Return the temperature of logits [N, C] of valid; where these are few, with the leave-one-out logits [K, C]."""
    if len(valid) < _ENOUGH:
        valid, valid_labels = np.concatenate([valid, left_out]), np.concatenate([valid_labels, labels])
    return fit_temperature(valid, valid_labels)


def _features(network: Network, encoder: RowInput, rows: Rows) -> NDArray[np.float32]:
    out = np.empty((len(rows), network.width), dtype=np.float32)
    for part in batches(rows.lengths, tokens=4096, most=64):
        arrays = batch_of(encoder, rows, part)
        out[part] = network.features(*(torch.from_numpy(arrays[name]) for name in network.arrays)).numpy()
    return out
