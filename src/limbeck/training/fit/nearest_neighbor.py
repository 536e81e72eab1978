"""A student that compares: it remembers training rows by what a given trunk makes of them, and learns nothing else."""

from __future__ import annotations

import numpy as np
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.select import RowInput, Rows, batch_of
from limbeck.networks import Network
from limbeck.networks.signal.base import SignalNetwork
from limbeck.networks.signal.nearest_neighbor import Nearest
from limbeck.progress import say
from limbeck.recipe import Recipe

_BATCH = 256


def compares(network: Network) -> bool:
    """Whether a student answers by the nearest training rows."""
    return isinstance(getattr(network, "head", None), Nearest)


def check_nearest(recipe: Recipe, network: Network, started: bool) -> None:
    """Refuse what a student that compares cannot do.

    Raises
    ------
    LimbeckError
        In one line, with the key.
    """
    if not compares(network):
        return
    if not started and isinstance(network, SignalNetwork):
        fix = "name its weights in student.init"
        raise LimbeckError("student.nearest: there is no given trunk to compare by", where="recipe", fix=fix)
    if recipe.training.unfreeze.epochs:
        fix = "leave one of them out"
        raise LimbeckError(
            "student.nearest trains nothing, and training.unfreeze names stages", where="recipe", fix=fix
        )
    if set(recipe.objective.losses) != {"hard"} or recipe.teachers:
        key = "student.nearest" if isinstance(network, SignalNetwork) else "the network 'nearest'"
        what = f"{key} compares with labelled rows: it learns no loss and hears no teacher"
        raise LimbeckError(what, where="recipe", fix="leave objective.losses and [[teachers]] out")


@torch.no_grad()
def remember(network: Network, encoder: RowInput, rows: Rows, labels: np.ndarray, seed: int) -> None:
    """Show the student its training rows, with labels int64 [N]; of more than ``bank`` rows a draw, class by class."""
    assert isinstance(network.head, Nearest)
    network.eval()
    kept = drawn(labels, network.options.bank, seed)
    found = []
    for start in range(0, len(kept), _BATCH):
        arrays = batch_of(encoder, rows, kept[start : start + _BATCH])
        found.append(network.features(*(torch.from_numpy(arrays[name]) for name in network.arrays)))
    network.head.remember(torch.cat(found), labels[kept])
    say(f"{len(kept):,} rows remembered to compare with; nothing is trained")


def drawn(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return at most ``most`` rows int64, ascending, with classes in proportion and each with a row."""
    known = np.flatnonzero(labels >= 0)
    if len(known) <= most:
        return known
    random = np.random.default_rng(seed)
    parts = [random.permutation(known[labels[known] == label]) for label in np.unique(labels[known])]
    taken = [part[: max(1, len(part) * most // len(known))] for part in parts]
    return np.sort(np.concatenate(taken))
