"""Detectors: trained on normal rows, chosen by their loss on normal valid rows, and settled there.

Settling fits the scale of the scores and draws the line between normal and anomaly. Where valid has normal rows only
the line is their conformal quantile (Vovk et al. 2005; Angelopoulos & Bates 2023, §1): of new normal rows at most a
share of ``anomaly.false_alarms`` lies above it on average, whatever the scores' distribution. Where valid has anomalies
too, ``evaluation.threshold`` draws it, as for any classifier. Both happen after the weights are rounded for export, and
end as numbers inside the network, so that the exported graph says the same.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limbeck.bundle.training_hashes import frame_keys
from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.events import stage
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, Rows, batch_of, encode, values_of
from limbeck.kinds.text.encoding.ragged import batches
from limbeck.metrics.calibration import choose_threshold
from limbeck.metrics.curves import roc_auc
from limbeck.networks import Network
from limbeck.networks.anomaly.detector import Detector, PictureDetector, robust
from limbeck.objectives import viewed
from limbeck.progress import say
from limbeck.recipe import DETECTED, Recipe
from limbeck.tasks import task_of
from limbeck.training.build import build, start_of
from limbeck.training.export.gate import logits_of, round_to_half
from limbeck.training.fit.epoch_rows import calibration_rows, epoch_rows
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import History, fit
from limbeck.training.precision import accelerator_for
from limbeck.training.pretrain.rotation import self_train
from limbeck.training.student import Student, fingerprint
from limbeck.training.warm_start import refuse_bundle

CUT = 0.5  # the probability of an anomaly at the line: it is drawn inside the network
# In the unit of scores, spreads of a statistic. The scores of few valid rows may be level by chance, and then all that
# their spread shows and their line parts is rounding.
LEAST_SPREAD, CLEAR = 0.25, 0.025
FEW = 20  # normal valid rows under which a small share of false alarms cannot be told


def train_detector(
    recipe: Recipe,
    data: Dataset,
    *,
    folders: list[Path | None],
    checkpoints: Path | None = None,
    resume: bool = False,
    report: Callable[[int, float], None] | None = None,
) -> Student:
    """Train a detector on the normal rows of ``train``, choose and settle it on ``valid``; see `train_student`.

    Raises
    ------
    LimbeckError
        For what `limbeck.training.build.build` refuses, and teachers, of whom a detector has none.
    """
    if recipe.teachers:
        raise LimbeckError("a detector learns from normal rows, not from teachers", where="recipe", fix="name none")
    train, valid = data.part("train"), data.part("valid")
    train = train[data.labels[train] == 0]
    values = values_of(data.frame[train], recipe.task)
    labels = np.zeros(len(train), dtype=np.int64)
    start = start_of(recipe, folders)
    refuse_bundle(start, "a detector")
    network, encoder = build(recipe, values, DETECTED, start)
    assert isinstance(network, Detector)  # the kind of task chose it
    rows, labels = epoch_rows(recipe, encoder, values, labels, folders)
    if hasattr(network, "frozen") and not network.frozen.given:
        teach_encoder(network, recipe, encoder, rows(0))
    if len(train) < recipe.training.batch_size:
        say(f"only {len(train):,} normal rows to learn from, fewer than a batch of {recipe.training.batch_size}")
    valid_rows = encode(encoder, values_of(data.frame[valid], recipe.task))
    valid_labels = data.labels[valid]
    network.fit_start(rows(0))
    if network.remark:
        say(network.remark)
    history = History()
    if not network.closed_form:
        learner = Learner(network, recipe.objective, encoder, DETECTED)
        if learner.labelled or learner.taught or learner.guided or viewed(recipe.objective.losses):
            fix = "leave objective.losses out: a detector has its own"
            raise LimbeckError("these losses tell classes apart", where="objective.losses", fix=fix)
        accelerator = accelerator_for(recipe, network)
        validate = partial(_validate, learner, encoder, valid_rows, valid_labels)
        keys = frame_keys(data.frame[np.concatenate([train, valid])], recipe.task, recipe.input)
        mark = fingerprint(recipe, keys, np.concatenate([labels, valid_labels]))
        with stage("fit"), remembered(network, recipe):
            history = fit(
                learner, encoder, rows, labels, recipe.training, validate, accelerator=accelerator,
                folder=checkpoints, fingerprint=mark, resume=resume, report=report,
            )  # fmt: skip
    network.cpu().fold()
    round_to_half(network)
    settle(network, encoder, valid_rows, valid_labels, recipe)
    logits = logits_of(network, encoder, valid_rows)
    sample = calibration_rows(recipe.task, rows(0), recipe.training.seed)
    return Student(
        network, encoder, history, 1.0, CUT, 1, valid_rows, valid_labels, logits, sample
    )  # fmt: skip


def teach_encoder(network: Any, recipe: Recipe, encoder: RowInput, rows: Rows) -> None:
    """Let an encoder without given weights learn from the rows, if the recipe says so; else say that it is random."""
    epochs = network.options.self_train
    if not epochs:
        fix = "name some in student.init, or set student.self_train"
        say(f"no weights for the encoder: it stays as it was drawn, at random, and sees less; {fix}")
        return
    settings = recipe.training
    with stage("prepare"):
        told = self_train(
            network.frozen, encoder, rows, epochs=epochs, batch_size=settings.batch_size, seed=settings.seed
        )
    say(f"the encoder taught itself: it tells which way {told:.0%} of the pictures are turned")


def refuse_detectors(recipe: Recipe, verb: str) -> None:
    """Raise for a recipe of a detector: what compares classifiers on held-out rows has nothing to compare there."""
    if task_of(recipe.task).detects:
        what = f"{verb} evaluates classifiers on rows held back from train, and a detector's are normal rows alone"
        raise LimbeckError(what, where="recipe", fix="train it with several training.seed instead")


def remembered(network: Detector, recipe: Recipe) -> Any:
    """Return a context in which a frozen encoder keeps the maps of pictures that come again unchanged."""
    frozen = getattr(network, "frozen", None)
    if frozen is None or kind_of(recipe.task).load("epoch").active(recipe.training):
        return contextlib.nullcontext()
    return frozen.remembering()


@torch.no_grad()
def _validate(
    learner: Learner, encoder: RowInput, rows: Rows, labels: np.ndarray, network: Network
) -> dict[str, float]:
    """Return the loss on normal valid rows, and where valid has anomalies the AUROC."""
    assert isinstance(network, Detector)
    normal = np.flatnonzero(labels == 0)
    total = 0.0
    device = next(network.parameters()).device
    for part in _parts(rows.take(normal)):
        arrays = batch_of(encoder, rows, normal[part])
        given = {name: torch.from_numpy(arrays[name]).to(device) for name in network.arrays}
        loss, _ = learner(given, torch.zeros(len(part), dtype=torch.int64, device=device), None, 0)
        total += float(loss) * len(part)
    scores = {"loss": total / len(normal)}
    if (labels == 1).any():
        found = statistics_of(network, encoder, rows)
        middle, spreads = robust(found[normal])
        told = ((found - middle) / spreads * np.array(network.shares)).sum(axis=1)
        scores["roc_auc"] = float(roc_auc(labels == 1, told) or 0.0)
    return scores


def _parts(rows: Rows) -> list[np.ndarray]:
    return list(batches(rows.lengths, tokens=8192, most=256))


@torch.no_grad()
def statistics_of(network: Detector, encoder: RowInput, rows: Rows) -> np.ndarray:
    """Return the statistics of encoded rows, float32 [N, S]."""
    network.eval()
    out = np.empty((len(rows), network.count), dtype=np.float32)
    device = network.middle.device
    for part in _parts(rows):
        arrays = batch_of(encoder, rows, part)
        out[part] = network.statistics(*(torch.from_numpy(arrays[name]).to(device) for name in network.arrays)).cpu()
    return out


def settle(network: Detector, encoder: RowInput, rows: Rows, labels: np.ndarray, recipe: Recipe) -> None:
    """Fit scale and line on valid rows with labels int64 [N], and for pictures the scale of the map.

    Raises
    ------
    LimbeckError
        When a score is not a number.
    """
    found = statistics_of(network, encoder, rows)
    if not np.isfinite(found).all():
        raise LimbeckError("a score is not a number", where="training", fix="lower training.learning_rate")
    normal = labels == 0
    rate = recipe.anomaly.false_alarms
    if np.count_nonzero(normal) < max(FEW, 1 / rate - 1):
        say(f"only {np.count_nonzero(normal)} normal rows of valid draw the line: the share of false alarms is a guess")
    network.settle_statistics(found[normal])
    scores = network.scored(torch.from_numpy(found)).numpy()
    middle, spread = (float(value[0]) for value in robust(scores[normal][:, None]))
    spread = max(spread, LEAST_SPREAD)
    if normal.all():
        network.settle_cut(quantile(scores, rate, CLEAR), spread)
    else:
        network.settle_cut(middle, spread)
        p = torch.softmax(network.logits(torch.from_numpy(scores)), dim=1).numpy()
        line = choose_threshold(labels, p, recipe.evaluation.threshold, 1)  # type: ignore[arg-type]  # no species here
        line = min(max(line, 1e-6), 1.0 - 1e-6)
        network.settle_cut(middle + spread * math.sinh(math.log(line / (1.0 - line))), spread)
    with torch.no_grad():
        alarms = int((network.logits(network.scored(torch.from_numpy(found)))[normal, 1] >= 0).sum())
    say(f"{alarms} of {np.count_nonzero(normal)} normal rows of valid are above the threshold")
    if isinstance(network, PictureDetector):
        _settle_map(network, encoder, rows.take(np.flatnonzero(normal)), rate)


@torch.no_grad()
def _settle_map(network: PictureDetector, encoder: RowInput, rows: Rows, rate: float) -> None:
    """Fit the map's scale: 0 is its usual value, 1 what a share ``rate`` of normal pictures reaches somewhere."""
    usual, largest = [], []
    for part in _parts(rows):
        maps, _ = network.looked(torch.from_numpy(batch_of(encoder, rows, part)["pixels"]))
        usual += [float(one.median()) for one in maps]
        largest += [float(one.max()) for one in maps]
    network.settle_map(float(np.median(usual)), quantile(np.array(largest), rate))


def quantile(scores: np.ndarray, rate: float, least: float = 1e-6) -> float:
    """Return a line above which a new normal score lies with a chance of at most ``rate``, if there are enough.

    It is the ceil((n + 1) (1 - rate))-th smallest score, moved half-way to the next that is larger; above all where
    there is none, by half the last gap and at least by ``least``: on a line drawn through a score, rounding decides.
    """
    ordered = np.sort(scores.astype(np.float64))
    place = min(math.ceil((len(ordered) + 1) * (1.0 - rate)), len(ordered))
    place = int(np.searchsorted(ordered, ordered[place - 1] + 1e-9, side="right"))  # past those that are level
    if place < len(ordered):
        return float((ordered[place - 1] + ordered[place]) / 2)
    gap = ordered[-1] - ordered[-2] if len(ordered) > 1 else abs(ordered[-1])
    return float(ordered[-1] + max(gap / 2, least))
