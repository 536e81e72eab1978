"""Whether every loss reaches the student, and the student reads its texts to the end.

A loss with a head of its own can fall and fall while the student learns nothing. So each is computed alone, on one
batch of a fresh student, and its gradient must come to weights of the network itself. What teachers would say does not
matter for that: random answers and features stand in for theirs, and another row for a row's changed view. Nothing is
trained.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, batch_of, encode, values_of
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encode import TextInput
from limbeck.networks import Network
from limbeck.networks.anomaly.detector import Detector
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.objectives import OBJECTIVES, Step, guided, viewed
from limbeck.recipe.paths import find
from limbeck.training.build import build, start_of, with_stop_words
from limbeck.training.doctor.case import Case, some
from limbeck.training.doctor.finding import Finding, attempt
from limbeck.training.fit.at_once import solver_of
from limbeck.training.fit.batches import given
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.nearest_neighbor import compares

SAMPLE = 4000  # rows that the fresh student's input is fitted on
BATCH = 64
WIDTH = 16  # of the features that stand in for a teacher's
TRIES = 3  # batches: masked words may hide nothing in one
TRUNCATED = 0.2  # share of texts cut short from which on it is worth a warning


@dataclass(frozen=True)
class Fresh:
    """An untrained student, its input, and the rows of the data set that the input was fitted on, int64 [n]."""

    network: Network
    encoder: RowInput
    rows: NDArray[np.int64]


def check_student(case: Case, made: list[Fresh]) -> Iterator[Finding]:
    """Build the student, put it into ``made``, and yield how much of the texts it does not read."""
    assert case.rows is not None
    chosen = some(case.learned, SAMPLE, case.recipe.training.seed)
    if not len(chosen):
        yield Finding("warn", "student", "not checked: there is no row to learn from")
        return
    recipe = with_stop_words(case.recipe, case.folders)
    values = values_of(case.rows.frame[chosen], recipe.task)
    start = start_of(recipe, case.folders)
    if start is not None and find(start, [Path()]) is None:
        yield Finding("warn", "student", f"the start {start!r} is an id of the hub: not fetched, not checked")
        start = None
    network, encoder = build(recipe, values, case.classes, start)
    made.append(Fresh(network, encoder, chosen))
    count = sum(weight.numel() for weight in network.parameters())
    yield Finding("ok", "student", f"{recipe.student.network!r} with {count:,} weights")
    if kind_of(recipe.task).one_text:
        yield from _truncation(case, cast(TextInput, encoder), chosen)


def _truncation(case: Case, encoder: TextInput, chosen: NDArray[np.int64]) -> Iterator[Finding]:
    assert case.rows is not None
    lengths = _lengths(case, encoder, chosen)
    limit = case.recipe.input.max_length
    share = float((lengths > limit).mean())
    what = f"input.max_length = {limit} cuts {share:.1%} of the texts short"
    if share <= TRUNCATED:
        yield Finding("ok", "student", what)
        return
    enough = f"reaching the end of 95 % takes {int(np.quantile(lengths, 0.95)):,}" if lengths.max() < 8192 else ""
    yield Finding("warn", "student", what, f"raise input.max_length{'; ' if enough else ''}{enough}")


def _lengths(case: Case, encoder: TextInput, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how long texts are as the encoder counts, int64: all of them where it counts characters, else a sample."""
    assert case.rows is not None
    by_character = case.recipe.input.encoder in ("characters", "ngrams")
    texts = [case.rows.texts[row] for row in (case.learned if by_character else chosen)]
    cleaned = clean_all(texts, case.recipe.input.clean)
    if by_character:
        return np.fromiter(map(len, cleaned), dtype=np.int64, count=len(cleaned))
    lengths: NDArray[np.int64] = encoder.encoder.encode(cleaned, 8192).lengths
    return lengths


def check_losses(case: Case, fresh: Fresh) -> Iterator[Finding]:
    """Yield for every loss whether it is finite, with a gradient on the student's own weights."""
    if isinstance(fresh.network, Detector) and fresh.network.closed_form:
        yield Finding("ok", "losses", f"{case.recipe.student.network!r} is fitted at once and needs no loss")
        return
    if compares(fresh.network):
        yield Finding("ok", "losses", "the student compares with remembered rows and needs no loss")
        return
    if solver_of(fresh.network, case.recipe) is not None:
        yield Finding("ok", "losses", f"{case.recipe.student.network!r} is solved at once from labels")
        return
    for name in case.recipe.objective.losses:
        if name in OBJECTIVES:  # an unknown one is the recipe's fault, and said there
            yield from attempt("losses", _loss(case, fresh, name))


def _loss(case: Case, fresh: Fresh, name: str) -> Iterator[Finding]:
    assert case.rows is not None
    objective, epochs = case.recipe.objective, case.recipe.training.epochs
    kind, labels = OBJECTIVES[name], case.rows.labels[fresh.rows]
    if kind.labelled and not (labels >= 0).any():
        what = f"the loss {name!r} learns from labels, and no row to learn from has one"
        yield Finding("error", "losses", what, f"label some rows, or take {name} out of objective.losses")
        return
    if kind.several:
        what = f"the loss {name!r} learns rows that may have several labels"
        yield Finding("error", "losses", what, "take it out, or name a task of them, as task.kind = 'multilabel-text'")
        return
    if not any(objective.weights(epoch)[name] for epoch in range(epochs)):
        yield Finding("warn", "losses", f"the loss {name!r} has weight 0 in every epoch", "raise it, or leave it out")
    alone = objective.model_copy(update={"losses": {name: objective.losses[name]}})
    if kind.viewed:
        # A fresh linear student answers all rows alike, and agrees with itself; so it is looked at beside that point.
        fresh = replace(fresh, network=shaken(fresh.network, case.recipe.training.seed))
    learner = Learner(fresh.network, alone, fresh.encoder, case.classes)
    learner.losses[name].prepare(case.rows.labels[case.learned])
    learner.losses[name].prepare_hidden(WIDTH)
    value, norm = 0.0, 0.0
    try:
        for step in _batches(case, fresh, kind.labelled):
            value, norm = _reach(learner, name, step)
            if norm or not math.isfinite(value):
                break
    except (RuntimeError, ValueError, TypeError, IndexError, KeyError) as error:
        raise LimbeckError(f"the loss {name!r} fails on the first batch: {first_line(error)}") from error
    yield _finding(name, value, norm)


def _finding(name: str, value: float, norm: float) -> Finding:
    if not math.isfinite(value):
        what = f"the loss {name!r} is {value} on the first batch"
        return Finding("error", "losses", what, "look at the labels and weights it reads")
    if not math.isfinite(norm):
        what = f"the loss {name!r} is {value:.4g} on the first batch, but its gradient on the student is {norm}"
        return Finding("error", "losses", what, "look for a logarithm or a root of 0 in it")
    if norm == 0:
        what = f"the loss {name!r} does not reach the student: no weight of the network gets a gradient"
        return Finding("error", "losses", what, "let it read step.logits or step.student, undetached")
    return Finding("ok", "losses", f"{name!r} is {value:.4g} on the first batch and reaches the student")


def _batches(case: Case, fresh: Fresh, labelled: bool) -> Iterator[Step]:
    """Yield a few batches as the training loop would make them, the teachers' answers drawn at random."""
    assert case.rows is not None
    labels = case.rows.labels[fresh.rows]
    known = np.flatnonzero(labels >= 0) if labelled else np.arange(len(labels))
    classes, random = len(case.classes), np.random.default_rng(case.recipe.training.seed)
    rows = encode(fresh.encoder, values_of(case.rows.frame[fresh.rows], case.recipe.task))
    fresh.network.fit_start(rows)
    another = rows.take(np.roll(np.arange(len(rows)), 1))
    rows = replace(rows, target=random.dirichlet(np.ones(classes), len(rows)).astype(np.float32))
    if guided(case.recipe.objective.losses):
        rows = replace(rows, hidden=random.normal(size=(len(rows), WIDTH)).astype(np.float32))
    if viewed(case.recipe.objective.losses):
        rows = replace(rows, view=another)  # type: ignore[arg-type]  # both are of the task's kind
    if isinstance(fresh.network, WideNetwork):
        # What the wide branch would say is added to the logits and changes no gradient's way, so it is not fitted.
        rows = replace(rows, offset=np.zeros((len(rows), classes), dtype=np.float32))
    names = fresh.network.training_arrays or fresh.network.arrays
    for _ in range(TRIES):
        part = random.permutation(known)[:BATCH]
        arrays = {name: torch.from_numpy(array) for name, array in batch_of(fresh.encoder, rows, part).items()}
        yield Step(fresh.network, epoch=0, **given(arrays, torch.from_numpy(labels[part]), names))


@torch.no_grad()
def shaken(network: Network, seed: int) -> Network:
    """Return a copy of a network with small random numbers added to its weights."""
    moved, random = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    for weight in moved.parameters():
        weight += 0.1 * torch.randn(weight.shape, generator=random)
    return moved


def _reach(learner: Learner, name: str, step: Step) -> tuple[float, float]:
    """Return a loss and the norm of its gradient on the network's weights; heads of the loss do not count."""
    torch.manual_seed(0)
    learner.train()
    learner.zero_grad(set_to_none=True)
    loss = learner.losses[name](step)
    if loss.requires_grad:
        loss.backward()
    grads = [weight.grad for weight in learner.network.parameters() if weight.grad is not None]
    norm = math.sqrt(sum(float(grad.double().square().sum()) for grad in grads))
    learner.zero_grad(set_to_none=True)
    return float(loss.detach()), norm
