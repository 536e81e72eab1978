"""Students that are solved at once, from all rows as they are read, and not step by step."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, Rows
from limbeck.networks import Network
from limbeck.networks.table.linear import Linear
from limbeck.networks.table.trees import Trees
from limbeck.networks.text.ngram import Ngram
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.recipe import Recipe
from limbeck.training.fit.grown_trees import grow
from limbeck.training.fit.linear_solvers import solve_linear, solve_ngram
from limbeck.training.fit.ridge_head import RIDGE, fit_head

LeftOut = tuple[NDArray[np.float64], NDArray[np.int64]]
LIBLINEAR = "liblinear"
# Encoder, N rows as they are read, labels int64 [N] (-1: none), recipe and classes, into the network; where it costs
# nothing, logits [K, C] of K rows by models that had not seen them, with their labels.
Solver = Callable[[RowInput, Rows, NDArray[np.int64], Recipe, tuple[str, ...]], LeftOut | None]
_LOSSES = {"hard", "hinge"}


def solver_of(network: Network, recipe: Recipe) -> Solver | None:
    """Return what solves a network at once; None for one that is trained step by step."""
    if isinstance(network, RIDGE):
        return partial(fit_head, network)
    if isinstance(network, Trees):
        return partial(grow, network)
    if isinstance(network, Linear):
        return partial(solve_linear, network)
    if recipe.training.optimizer == LIBLINEAR and isinstance(network, Ngram):

        def solve(_: RowInput, rows: Any, labels: NDArray[np.int64], recipe: Recipe, classes: tuple[str, ...]) -> None:
            solve_ngram(network, rows, labels, recipe, classes)

        return solve
    return None


def check_solver(recipe: Recipe, network: Network) -> None:
    """Refuse what such a student cannot learn from.

    Raises
    ------
    LimbeckError
        In one line, with the key.
    """
    name, losses = recipe.student.network, set(recipe.objective.losses)
    if recipe.training.optimizer == LIBLINEAR and not (isinstance(network, Ngram) and network.linear):
        what = f"training.optimizer = {LIBLINEAR!r} solves linear n-gram models, not {name!r}"
        fix = 'use student.network = "ngram" without student.hidden, or another optimizer'
        raise LimbeckError(what, where="recipe", fix=fix)
    if recipe.training.optimizer != LIBLINEAR and isinstance(network, Ngram) and network.options.class_ratio != "off":
        what = "student.class_ratio needs training.optimizer = 'liblinear'"
        raise LimbeckError(what, where="recipe", fix="set training.optimizer, or leave student.class_ratio out")
    if solver_of(network, recipe) is None or isinstance(network, WideNetwork):
        return
    known = _LOSSES if isinstance(network, Ngram) else {"hard"}
    if len(losses) != 1 or not losses <= known or recipe.teachers:
        what = f"the network {name!r} is solved at once from labels: it uses no other loss and no teacher"
        raise LimbeckError(what, where="recipe", fix="leave objective.losses and [[teachers]] out")
