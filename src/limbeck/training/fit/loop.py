"""The training loop, whole and in one place.

Everything random in a step is drawn from the seed and the step's number, never from what ran before. So a run
that was killed and resumed goes through the very same numbers as one that was not.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, cancelled
from limbeck.kinds.select import RowInput, Rows
from limbeck.networks import Network
from limbeck.progress import progress, say
from limbeck.recipe import Training
from limbeck.training.distributed.processes import current_process_group
from limbeck.training.distributed.shared_batch import all_reduce_gradients, own_batch, own_rows, whole_batch
from limbeck.training.fit import checkpoint
from limbeck.training.fit import lbfgs as full_batch
from limbeck.training.fit.batches import epoch_batches, given
from limbeck.training.fit.learner import Learner

Weights = dict[str, Tensor]


@dataclass
class History:
    """What happened in training: one dictionary per finished epoch, and which epoch was best."""

    epochs: list[dict[str, float]] = field(default_factory=list)
    best: int = -1


def fit(
    learner: Learner,
    encoder: RowInput,
    rows: Callable[[int], Rows],
    labels: np.ndarray,
    settings: Training,
    validate: Callable[[Network], dict[str, float]],
    *,
    accelerator: Accelerator,
    folder: Path | None = None,
    fingerprint: str = "",
    resume: bool = False,
    report: Callable[[int, float], None] | None = None,
) -> History:
    """Train ``learner.network`` in place and leave it with its best weights on ``valid``.

    Parameters
    ----------
    rows
        Epoch -> the N encoded training rows of that epoch (augmentation makes them differ).
    labels
        int64 [N], -1 where unlabelled.
    validate
        Network -> scores on the validation rows, ``settings.metric`` among them.
    folder
        Where checkpoints go; None keeps none.
    report
        Called with (epoch, score) after each epoch; a search may raise from it to stop a poor trial.
    """
    network = learner.network
    process_group = current_process_group()
    process_group.require_equal(fingerprint, "rows, or another recipe,")
    device = accelerator.device
    names = network.training_arrays or network.arrays
    tensors = torch.from_numpy(labels)
    optimizer: torch.optim.Optimizer
    if settings.optimizer == "lbfgs":
        optimizer = full_batch.optimizer_for(learner)
    else:
        kind = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}[settings.optimizer]
        optimizer = kind(learner.groups(settings.learning_rate, settings.weight_decay), lr=settings.learning_rate)
    learner.to(device)
    process_group.broadcast_tensors(value for value in learner.state_dict().values())
    # In evaluation mode accelerate leaves the gradients of several processes to us; see `distributed.shared_batch`.
    wrapped = accelerator.prepare_model(learner, evaluation_mode=True)
    optimizer = accelerator.prepare_optimizer(optimizer)
    # L-BFGS goes to the optimum in whole epochs: there is no wandering to average out.
    averaged = clone(learner.network) if settings.average and settings.optimizer != "lbfgs" else None
    state = State(score=-math.inf)
    history = History()
    best: Weights = {}
    if resume and folder and (stored := checkpoint.load(folder, fingerprint, process_group)):
        learner.load_state_dict(stored["learner"])
        optimizer.load_state_dict(stored["optimizer"])
        state = State(**stored["state"])
        history = History(**stored["history"])
        averaged, best = stored["averaged"], stored["best"]
        say(f"resumed in epoch {state.epoch + 1}, step {state.step}")

    def keep() -> None:
        if folder and process_group.is_main:
            checkpoint.save(
                folder,
                {
                    "fingerprint": fingerprint,
                    "learner": learner.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "state": vars(state),
                    "history": vars(history),
                    "averaged": averaged,
                    "best": best,
                },
            )

    def feed(encoded: Rows, part: np.ndarray) -> dict[str, Any]:
        own = own_batch(process_group, encoder, encoded, part)
        arrays = {name: torch.from_numpy(array).to(device) for name, array in own.items()}
        return given(arrays, tensors[part[own_rows(process_group, len(part))]].to(device), names)

    def stop_if_asked() -> None:
        """Stop all processes after the same step, with a checkpoint, when one of them is asked to."""
        if process_group.any(cancelled()):
            keep()
            at = f"stopped in epoch {min(state.epoch + 1, settings.epochs)}, step {state.step}"
            raise Cancelled(at, fix="train again with resume to go on" if folder else None)

    def figures(steps: int) -> dict[str, float]:
        left = (time.monotonic() - began) / max(state.step - first, 1) * (settings.epochs * steps - state.step)
        return {
            "epoch": state.epoch + 1, "epochs": settings.epochs, "train_loss": state.loss_sum / max(state.seen, 1),
            "learning_rate": optimizer.param_groups[0]["lr"], "seconds_left": max(left, 0.0),
        }  # fmt: skip

    began, first = time.monotonic(), state.step
    saved = time.monotonic()
    while state.epoch < settings.epochs and state.idle < settings.patience:
        encoded = rows(state.epoch)
        batches = epoch_batches(encoded.lengths, settings.batch_size, seed=settings.seed, epoch=state.epoch)
        steps = math.ceil(len(batches) / settings.accumulate)
        learner.train()
        started = time.monotonic()
        if settings.optimizer == "lbfgs":
            torch.manual_seed(step_seed(settings.seed, state.epoch, 0))
            every = [partial(feed, encoded, part) for part in batches]
            found = full_batch.solve_epoch(
                learner, optimizer, every, epoch=state.epoch, decay=settings.weight_decay, rows=len(encoded)
            )
            state.loss_sum, state.seen, steps = found * len(encoded), len(encoded), 0
        earlier, whole = state.step - state.inside, settings.epochs * (steps or 1)
        title = f"epoch {state.epoch + 1}/{settings.epochs}"
        with progress(title, steps, before=earlier, whole=whole) as tick:
            tick(state.inside)
            for number in range(state.inside, steps):
                rate = settings.learning_rate * state.factor * pace(settings, state.step, steps)
                for group in optimizer.param_groups:
                    group["lr"] = rate
                torch.manual_seed(step_seed(settings.seed, state.step, 0))  # the same in every process
                parts = batches[number * settings.accumulate : (number + 1) * settings.accumulate]
                rows_in_step = sum(map(len, parts))
                before = state.loss_sum
                for index, part in enumerate(parts):
                    seed = step_seed(settings.seed, state.step * settings.accumulate + index, 1 + process_group.rank)
                    with accelerator.autocast(), whole_batch(process_group, learner, len(part), seed):
                        loss, _ = wrapped(**feed(encoded, part), epoch=state.epoch)
                        accelerator.backward(loss * (len(part) / rows_in_step))
                    state.loss_sum += float(loss.detach()) * len(part)
                    state.seen += len(part)
                if process_group.size > 1:
                    state.loss_sum = before + all_reduce_gradients(process_group, learner, state.loss_sum - before)
                if not math.isfinite(state.loss_sum):
                    fix = "lower training.learning_rate, or set training.precision = 'fp32'"
                    raise LimbeckError(f"the loss is {state.loss_sum} in step {state.step}", where="training", fix=fix)
                if settings.clip:
                    # Apart, so that a head that only a loss needs cannot slow the student down.
                    for weights in (network.parameters(), learner.losses.parameters()):
                        accelerator.clip_grad_norm_(weights, settings.clip)
                optimizer.step()
                optimizer.zero_grad()
                state.step += 1
                state.inside += 1
                if averaged is not None:
                    average(averaged, network, min(settings.average, (1 + state.step) / (10 + state.step)))
                with _kept(keep):
                    tick(1, **figures(steps))
                stop_if_asked()
                if time.monotonic() - saved >= settings.checkpoint_every:
                    keep()
                    saved = time.monotonic()
        own = clone(network)
        if averaged is not None:
            network.load_state_dict(averaged)
        learner.eval()
        scores = process_group.broadcast_json(validate(network) if process_group.is_main else None)
        if settings.metric not in scores:
            what = f"training.metric = {settings.metric!r} cannot be computed on these valid rows"
            raise LimbeckError(what, where="recipe", fix=f"use one of {', '.join(scores)}")
        score = -scores["loss"] if settings.metric == "loss" else scores[settings.metric]
        # Where valid is a handful of patients its best epoch is chance, and the last of a falling rate is not.
        better = score > state.score or settings.keep == "last"
        if better:
            best = clone(network)
            history.best = state.epoch
        network.load_state_dict(own)
        history.epochs.append({"epoch": state.epoch, "train_loss": state.loss_sum / max(state.seen, 1), **scores})
        line = epoch_line(history.epochs[-1], settings, time.monotonic() - started, better)
        told = {**figures(steps), **scores}
        state.next_epoch(score, better, settings)
        keep()
        saved = time.monotonic()
        say(line, told, done=state.step or state.epoch, total=whole)
        stop_if_asked()
        if report:
            report(state.epoch - 1, score)
    network.load_state_dict(best)
    learner.eval()
    return history


@contextlib.contextmanager
def _kept(keep: Callable[[], None]) -> Iterator[None]:
    """Write a checkpoint before what a listener raises ends the run."""
    try:
        yield
    except BaseException:
        keep()
        raise


@dataclass
class State:
    """Where a run is: plain numbers only, so that it can be stored and restored."""

    epoch: int = 0
    inside: int = 0
    step: int = 0
    score: float = 0.0
    idle: int = 0
    factor: float = 1.0
    loss_sum: float = 0.0
    seen: int = 0

    def next_epoch(self, score: float, better: bool, settings: Training) -> None:
        """Close an epoch: remember the best score, count idle epochs, lower the rate on a plateau."""
        self.idle = 0 if better else self.idle + 1
        self.score = max(self.score, score)
        if settings.schedule == "plateau" and not better:
            self.factor *= 0.5
        self.epoch, self.inside, self.loss_sum, self.seen = self.epoch + 1, 0, 0.0, 0


def pace(settings: Training, step: int, per_epoch: int) -> float:
    """Share of the learning rate that a step gets: linear warm-up, then the schedule."""
    total = settings.epochs * per_epoch
    warm = round(settings.warmup * total)
    if step < warm:
        return (step + 1) / warm
    done = (step - warm) / max(total - warm, 1)
    if settings.schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * min(done, 1.0)))
    if settings.schedule == "linear":
        return max(1.0 - done, 0.0)
    if settings.schedule == "step":
        return settings.step_factor ** (step // per_epoch // settings.step_every)
    return 1.0


def step_seed(seed: int, step: int, process: int) -> int:
    """Return a seed of its own for every step: 0 is what all processes share, the others are their own."""
    return int(np.random.SeedSequence((seed, step, process)).generate_state(1, np.uint64)[0] >> np.uint64(1))


def clone(network: Network) -> Weights:
    """Copy the weights."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


@torch.no_grad()
def average(averaged: Weights, network: Network, decay: float) -> None:
    """Move the averaged weights a step towards the network's (Polyak & Juditsky 1992)."""
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            averaged[name].lerp_(value, 1.0 - decay)
        else:
            averaged[name].copy_(value)


def epoch_line(row: dict[str, float], settings: Training, seconds: float, better: bool) -> str:
    """Describe one epoch in a line."""
    scores = "  ".join(f"{key} {value:.4f}" for key, value in row.items() if key != "epoch")
    star = " *" if better else ""
    return f"epoch {int(row['epoch']) + 1:>3}/{settings.epochs}  {scores}  {seconds:.0f} s{star}"
