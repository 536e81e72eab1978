"""A given trunk on new rows: a new head first, then the trunk layer by layer, the last layer first.

Few labels move a whole network far from what it knew. Howard and Ruder 2018 ("Universal language model fine-tuning",
section 3.3) thaw one layer at a time, each stage with a lower rate; layers that are still frozen keep their running
means too. The best weights on valid over all stages are the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from limbeck.errors import LimbeckError
from limbeck.kinds.select import Rows
from limbeck.networks import Network
from limbeck.networks.signal.base import SignalNetwork
from limbeck.progress import say
from limbeck.recipe import Training
from limbeck.training.fit.loop import History, clone


def check_unfreeze(network: Network, settings: Training, started: bool) -> None:
    """Refuse stages that the network has no layers for, or nothing to start from.

    Raises
    ------
    LimbeckError
        In one line, with the key.
    """
    stages = settings.unfreeze.epochs
    if not stages:
        return
    if not isinstance(network, SignalNetwork):
        what = f"the network {type(network).__name__.lower()!r} cannot be thawed by layers"
        raise LimbeckError(what, where="training.unfreeze", fix="leave it out")
    if not started:
        what = "there is no given trunk to freeze"
        raise LimbeckError(what, where="training.unfreeze", fix="name its weights in student.init")
    if len(stages) > len(network.layers) + 1:
        what = f"{len(stages)} stages, and the head with {len(network.layers)} layers makes {len(network.layers) + 1}"
        raise LimbeckError(what, where="training.unfreeze.epochs", fix="name fewer")
    if settings.optimizer == "lbfgs":
        raise LimbeckError("stages are for stochastic optimizers", where="training.unfreeze", fix="use 'adamw'")


def freeze(network: SignalNetwork, thawed: int) -> None:
    """Freeze the trunk but for its last ``thawed`` layers; what follows the trunk always learns."""
    layers = network.layers
    kept = layers[: max(0, len(layers) - thawed)]
    for weight in network.parameters():
        weight.requires_grad_(True)
    for layer in kept:
        for weight in layer.parameters():
            weight.requires_grad_(False)
    network.frozen = kept


def fit_in_stages(
    run: Callable[..., History],
    network: Network,
    rows: Callable[[int], Rows],
    settings: Training,
    *,
    folder: Path | None = None,
    report: Callable[[int, float], None] | None = None,
) -> History:
    """Train in the stages of ``settings.unfreeze`` where it names some.

    ``run`` is `fit.loop.fit` with all else given: it is called with ``rows``, ``settings``, ``folder`` and ``report``,
    once for each stage.
    """
    stages = settings.unfreeze.epochs
    if not stages or not isinstance(network, SignalNetwork):
        return run(rows=rows, settings=settings, folder=folder, report=report)
    torch.manual_seed(settings.seed)
    network.head.reset_parameters()
    history, best, top, done = History(), clone(network), -np.inf, 0
    for stage, epochs in enumerate(stages):
        freeze(network, stage)
        learns = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
        rate = settings.learning_rate * settings.unfreeze.slower**stage
        say(f"stage {stage + 1} of {len(stages)}: {learns:,} numbers learn, rate {rate:g}")
        own = settings.model_copy(update={"epochs": epochs, "learning_rate": rate})
        place = None if folder is None else folder / f"stage-{stage}"
        told = None if report is None else _later(report, done)
        part = run(rows=partial(_after, rows, done), settings=own, folder=place, report=told)
        history.epochs += [{**row, "epoch": row["epoch"] + done} for row in part.epochs]
        scores = part.epochs[part.best]
        score = -scores["loss"] if settings.metric == "loss" else scores[settings.metric]
        if score > top:
            best, top, history.best = clone(network), score, part.best + done
        done += len(part.epochs)
    network.load_state_dict(best)
    freeze(network, len(network.layers))
    network.eval()
    return history


def _after(rows: Callable[[int], Rows], done: int, epoch: int) -> Rows:
    return rows(epoch + done)


def _later(report: Callable[[int, float], None], done: int) -> Callable[[int, float], None]:
    return lambda epoch, score: report(epoch + done, score)
