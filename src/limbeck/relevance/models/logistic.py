"""Softmax regression with a Gaussian prior, fitted by L-BFGS: the one classifier that the calculators train.

Liu & Nocedal 1989, "On the limited memory BFGS method"; two-loop recursion as in Nocedal & Wright 2006, algorithm
7.4, with backtracking by the Armijo rule. Every loss here is strictly convex, so the start does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from limbeck.metrics.logits import softmax
from limbeck.relevance.probabilities import Floats

_MEMORY = 10


@dataclass(frozen=True)
class Softmax:
    """``weights`` float64[F, C] on features that are first centred by ``mean`` and divided by ``scale``, float64[F]."""

    weights: Floats
    bias: Floats
    mean: Floats
    scale: Floats

    def __call__(self, features: Floats) -> Floats:
        """Return probabilities float64[N, C] of features float[N, F]."""
        W = self.weights / self.scale[:, None]
        return softmax(features @ W + (self.bias - self.mean @ W))


def fit_softmax(features: Floats, classes: Floats, row_weights: Floats, *, ridge: float) -> Softmax:
    """Fit features float64[M, F] to class shares float64[M, C] under row weights float64[M].

    Minimises the weighted mean cross-entropy + ``ridge / 2 * |weights|**2`` on standardised features; the bias is
    held by a thousandth of that.
    """
    share = row_weights / row_weights.sum()
    mean = share @ features
    scale = np.sqrt(np.maximum(share @ (features - mean) ** 2, 0))
    scale = np.where(scale > 1e-9, scale, 1.0)
    X = np.hstack([(features - mean) / scale, np.ones((len(features), 1))])
    penalty = np.full((X.shape[1], 1), ridge)
    penalty[-1] = ridge / 1000
    shape = (X.shape[1], classes.shape[1])

    def loss(v: Floats) -> tuple[float, Floats]:
        W = v.reshape(shape)
        z = X @ W
        z -= z.max(axis=1, keepdims=True)
        e = np.exp(z)
        total = e.sum(axis=1)
        value = share @ (np.log(total) * classes.sum(axis=1) - (classes * z).sum(axis=1)) + (penalty * W * W).sum() / 2
        slope = X.T @ (share[:, None] * (e / total[:, None] * classes.sum(axis=1, keepdims=True) - classes))
        return float(value), (slope + penalty * W).ravel()

    W = minimise(loss, np.zeros(shape).ravel()).reshape(shape)
    return Softmax(W[:-1], W[-1], mean, scale)


def minimise(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, *, iterations: int = 300, tolerance: float = 1e-6
) -> Floats:
    """Return the minimiser float64[D] of a smooth convex loss that returns (value, gradient float64[D])."""
    x = np.asarray(start, dtype=np.float64)
    value, gradient = loss(x)
    steps: list[Floats] = []
    turns: list[Floats] = []
    for _ in range(iterations):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = -_inverse_hessian(gradient, steps, turns)
        slope = float(gradient @ direction)
        if slope >= 0:  # rounding has spoilt the memory
            steps, turns = [], []
            direction, slope = -gradient, -float(gradient @ gradient)
        length = 1.0 if steps else min(1.0, 1 / float(np.abs(gradient).sum()))
        for _ in range(40):
            after, gradient_after = loss(x + length * direction)
            if after <= value + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break
        step, turn = length * direction, gradient_after - gradient
        if step @ turn > 1e-12 * (turn @ turn):
            steps, turns = [*steps, step][-_MEMORY:], [*turns, turn][-_MEMORY:]
        x, value, gradient = x + step, after, gradient_after
    return x


def _inverse_hessian(gradient: Floats, steps: list[Floats], turns: list[Floats]) -> Floats:
    """Return the L-BFGS estimate of the inverse Hessian times the gradient."""
    q = gradient.copy()
    kept = []
    for s, y in zip(reversed(steps), reversed(turns), strict=True):
        a = (s @ q) / (y @ s)
        q -= a * y
        kept.append(a)
    if steps:
        q *= (steps[-1] @ turns[-1]) / (turns[-1] @ turns[-1])
    for s, y, a in zip(steps, turns, reversed(kept), strict=True):
        q += (a - (y @ q) / (y @ s)) * s
    return q
