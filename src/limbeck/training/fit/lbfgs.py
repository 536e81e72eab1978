"""Whole-data steps for small convex students: L-BFGS (Liu & Nocedal 1989) on the regularised loss.

A linear student over sparse features has one optimum. Stepping through mini-batches circles around it for long, and
where it stops depends on the rate; L-BFGS goes there in some thirty looks at the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from limbeck.training.fit.learner import Learner

ITERATIONS = 10  # per epoch, so that every epoch can be evaluated on valid


def optimizer_for(learner: Learner) -> torch.optim.LBFGS:
    """Return an optimizer over every weight, with a line search in place of a learning rate."""
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    return torch.optim.LBFGS(
        weights, lr=1.0, max_iter=ITERATIONS, max_eval=2 * ITERATIONS, history_size=10, line_search_fn="strong_wolfe"
    )


def solve_epoch(
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    batches: Sequence[Callable[[], dict[str, Any]]],
    *,
    epoch: int,
    decay: float,
    rows: int,
) -> float:
    """Run one round of iterations over all rows and return the mean loss where it began.

    Parameters
    ----------
    batches
        Functions that return what the learner takes; together they are the whole data, and only one is in memory.
    decay
        Weight of half the squared norm of all weights with two dimensions, biases left free.
    rows
        Number of rows in all batches.
    """
    first: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        total = torch.zeros(())
        for batch in batches:
            given = batch()
            loss, _ = learner(**given, epoch=epoch)
            share = loss * (len(given["labels"]) / rows)
            share.backward()
            total += share.detach().cpu()
        first.append(float(total))
        penalty = torch.stack([w.square().sum() for w in learner.parameters() if w.ndim >= 2]).sum() * (decay / 2)
        penalty.backward()
        return total + penalty.detach().cpu()

    optimizer.step(closure)
    return first[0]
