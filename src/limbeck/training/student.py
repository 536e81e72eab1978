"""From a recipe and its rows to a trained student in memory; export and evaluation come after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from limbeck.bundle.training_hashes import frame_keys
from limbeck.data.dataset import Dataset
from limbeck.dataset.prepare import texts_of
from limbeck.errors import LimbeckError
from limbeck.events import stage
from limbeck.kinds import kind_of
from limbeck.kinds.select import RowInput, Rows, encode, values_of
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.metrics.calibration import fit_temperature
from limbeck.metrics.logits import softmax
from limbeck.networks import Network
from limbeck.networks.blend import NAME as BLEND
from limbeck.networks.text.wide_deep import WideNetwork
from limbeck.objectives import viewed
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.tasks import task_of
from limbeck.tasks.classify.attack_rows import settled_threshold
from limbeck.training.blend import train_blend
from limbeck.training.build import build, positive_index, start_of, with_stop_words
from limbeck.training.distill.targets import Targets
from limbeck.training.export.gate import logits_of, round_to_half
from limbeck.training.fit.at_once import check_solver, solver_of
from limbeck.training.fit.epoch_rows import calibration_rows, epoch_rows, with_offset, with_target
from limbeck.training.fit.learner import Learner
from limbeck.training.fit.loop import History, fit
from limbeck.training.fit.nearest_neighbor import check_nearest, compares, remember
from limbeck.training.fit.ridge_head import head_temperature
from limbeck.training.fit.unfreeze import check_unfreeze, fit_in_stages
from limbeck.training.fit.validation_scores import cross_entropy, scores_of, soft_temperature
from limbeck.training.fit.views import viewed_rows
from limbeck.training.precision import accelerator_for
from limbeck.training.pruning.prune import Pruning, check_prunable, prune
from limbeck.training.warm_start import bundle_of, load_weights


@dataclass(frozen=True)
class LeftOut:
    """Logits float [N, C] of N rows by students that had not seen their groups, labels int64 [N], and the groups.

    Where they are ``calibrated``, they are the logarithms of each student's probabilities.
    """

    logits: np.ndarray
    labels: np.ndarray
    rows: np.ndarray  # int64 [N], places in the dataset
    groups: list[str]
    column: str | None  # None: rows were left out by themselves
    folds: int
    calibrated: bool = False


@dataclass
class Student:
    """A trained student with all that its export needs."""

    network: Network
    encoder: RowInput
    history: History
    temperature: float
    threshold: float
    positive: int
    valid_rows: Rows
    valid_labels: np.ndarray
    valid_logits: np.ndarray
    sample: Rows | None = None  # training pictures by which int8 finds its ranges
    valid_soft: np.ndarray | None = None  # what teachers say of valid, where it has no labels
    offset: np.ndarray | None = None  # float [C], added to logits that are divided by the temperature
    left_out: LeftOut | None = None  # what students without their groups say of rows, where the recipe asks for it
    pruning: Pruning | None = None  # what cutting out units did, where the recipe asks for it

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weight.numel() for weight in self.network.parameters())

    def probabilities(self, rows: Rows) -> np.ndarray:
        """Return calibrated probabilities float32 [N, C] of encoded rows."""
        return self.calibrated(logits_of(self.network, self.encoder, rows))

    def calibrated(self, logits: np.ndarray) -> np.ndarray:
        """Return probabilities of logits float [N, C]."""
        scaled = logits / self.temperature
        return softmax(scaled if self.offset is None else scaled + self.offset.astype(scaled.dtype))


def told_apart(frame: pl.DataFrame, recipe: Recipe) -> list[str]:
    """Return what rows are told apart by; pictures and signals by their content, as a file's name says nothing."""
    named = kind_of(recipe.task).in_cells
    return texts_of(frame, recipe.task) if named else frame_keys(frame, recipe.task, recipe.input)


def fingerprint(recipe: Recipe, texts: list[str], labels: np.ndarray) -> str:
    """Return a hash of everything that a checkpoint has to agree with."""
    digest = hashlib.sha256(json.dumps(recipe.model_dump(mode="json"), sort_keys=True).encode())
    digest.update("\x00".join(texts).encode("utf-8", "surrogatepass"))
    digest.update(np.ascontiguousarray(labels).tobytes())
    return digest.hexdigest()


def train_student(
    recipe: Recipe,
    data: Dataset,
    *,
    folders: list[Path | None],
    checkpoints: Path | None = None,
    targets: Targets | None = None,
    resume: bool = False,
    report: Callable[[int, float], None] | None = None,
) -> Student:
    """Train on ``train``, choose, calibrate and set the threshold on ``valid``; ``test`` is not touched.

    Parameters
    ----------
    folders
        Where relative paths of the recipe are looked for, in this order.
    checkpoints
        Folder for checkpoints; None keeps none.
    targets
        What teachers say, see `training.distill.distill`; without labels they also choose and calibrate the student.
    report
        See `limbeck.training.fit.loop.fit`.
    """
    if (trainer := task_of(recipe.task).trainer) is not None:
        student: Student = import_module(trainer).train_detector(
            recipe, data, folders=folders, checkpoints=checkpoints, resume=resume, report=report
        )  # fmt: skip
        return student
    if recipe.student.network == BLEND:
        blend: Student = train_blend(recipe, data, folders=folders)
        return blend
    train, valid = (data.part("train"), data.part("valid")) if targets is None else (targets.rows, targets.held)
    if targets is None and len(train) and viewed(recipe.objective.losses):
        train = np.concatenate([train, data.part("unlabelled")])  # such a loss learns from them too
    if not len(train):
        raise LimbeckError("no row has a label, and there is no teacher", where="data", fix="name some [[teachers]]")
    if not len(valid):
        raise LimbeckError("there are no valid rows to choose the student on", where="data", fix="set data.split")
    recipe = with_stop_words(recipe, folders)
    frame = data.frame[train] if targets is None else targets.frame(data)
    values = values_of(frame, recipe.task)
    keys = told_apart(frame, recipe)
    labels = np.full(frame.height, -1, dtype=np.int64)
    labels[: len(train)] = data.labels[train]
    start = start_of(recipe, folders)
    with stage("prepare"):
        network, encoder = build(recipe, values, data.classes, start)
    check_unfreeze(network, recipe.training, start is not None)
    check_nearest(recipe, network, start is not None)
    check_solver(recipe, network)
    check_prunable(recipe, network)
    solve = solver_of(network, recipe)
    accelerator = accelerator_for(recipe, network)
    learner = Learner(network, recipe.objective, encoder, data.classes)
    refuse_mismatch(learner, labels, targets)
    made = viewed_rows if viewed(recipe.objective.losses) else epoch_rows
    rows, labels = made(recipe, encoder, values, labels, folders)
    alone = targets is None and not viewed(recipe.objective.losses)
    if (kind := kind_of(recipe.task)).has("added_rows"):
        rows, labels = kind.load("added_rows").with_added(rows, labels, recipe, data.classes, alone=alone)
    if isinstance(network, WideNetwork):
        from limbeck.training.fit.wide_branch import fit_wide  # loads scikit-learn

        first = cast(Ragged, rows(0))  # only texts have a wide branch
        offset = fit_wide(network, first, labels, recipe.student.wide.margin, recipe.training.seed)
        rows = partial(with_offset, rows, offset)
    if targets is not None:
        rows = partial(with_target, rows, targets.answers, targets.hidden)
    if solve is None:  # else it reads its rows unchanged
        network.fit_start(rows(0))
    if (bundle := bundle_of(start)) is not None:
        say(load_weights(network, bundle))

    def ready(learner: Learner) -> None:
        for loss in learner.losses.values():
            loss.prepare(labels)
            if targets is not None and targets.hidden is not None:
                loss.prepare_hidden(targets.hidden.shape[1])

    ready(learner)
    valid_rows = encode(encoder, values_of(data.frame[valid], recipe.task))
    valid_labels, soft = data.labels[valid], None
    if targets is not None and (valid_labels < 0).any():
        # No label to choose by: the teachers' joined answer on rows held back stands in for them.
        soft = targets.held_answers
        valid_labels = soft.argmax(axis=1)
    positive = positive_index(recipe, data.classes)

    def validate(network: Network) -> dict[str, float]:
        probabilities = softmax(logits_of(network, encoder, valid_rows))
        scores = scores_of(valid_labels, probabilities, positive)
        return scores if soft is None else scores | {"loss": cross_entropy(soft, probabilities)}

    run = partial(
        fit,
        learner,
        encoder,
        labels=labels,
        validate=validate,
        accelerator=accelerator,
        # Rows of valid too: they have chosen the best epoch so far.
        fingerprint=fingerprint(
            recipe, [*keys, *told_apart(data.frame[valid], recipe)], np.concatenate([labels, data.labels[valid]])
        ),
        resume=resume,
    )
    left_out = None
    if compares(network):
        remember(network, encoder, encode(encoder, values), labels, recipe.training.seed)
        history = History()
    elif solve is not None:
        with stage("fit"):
            left_out = solve(encoder, encode(encoder, values), labels, recipe, data.classes)
        history = History()
    else:
        with stage("fit"):
            history = fit_in_stages(run, network, rows, recipe.training, folder=checkpoints, report=report)
    pruning = None
    if recipe.export.prune:
        network, pruning = prune(
            recipe, learner, encoder, rows, labels, data.classes, (valid_rows, valid_labels), validate, ready,
            accelerator,
        )  # fmt: skip
    network.fold()
    round_to_half(network)
    logits = logits_of(network, encoder, valid_rows)
    if soft is None:
        temperature = (
            head_temperature(logits, valid_labels, *left_out)
            if left_out is not None
            else fit_temperature(logits, valid_labels)
        )
        answers = softmax(logits / temperature)
        threshold = settled_threshold(
            recipe.evaluation, data.frame[valid], valid_labels, answers, data.classes, positive
        )  # fmt: skip
    else:
        temperature, threshold = soft_temperature(logits, soft), 0.5
        if recipe.evaluation.attacks is not None:
            say("no row of valid has a label to hold APCER by: the threshold is 0.5")
    if not 0.06 < temperature < 19.0:
        say("calibration: the temperature is at its bound; the student is far from fitted (training.learning_rate?)")
    if (compares(network) or solve is not None) and len(data.part("test")):
        # Valid has said how sure to be; held back any longer its rows would only be missed.
        both = np.concatenate([train, valid])
        more = encode(encoder, values_of(data.frame[both], recipe.task))
        if compares(network):
            remember(network, encoder, more, data.labels[both], recipe.training.seed)
        else:
            assert solve is not None
            solve(encoder, more, data.labels[both], recipe, data.classes)
            network.fold()
            round_to_half(network)
    sample = calibration_rows(recipe.task, rows(0), recipe.training.seed)
    return Student(
        network, encoder, history, temperature, threshold, positive, valid_rows, valid_labels, logits, sample, soft,
        pruning=pruning,
    )  # fmt: skip


def refuse_mismatch(learner: Learner, labels: np.ndarray, targets: Targets | None) -> None:
    """Refuse losses that nothing can feed: labels where there are none, teachers where none is named."""
    for name, loss in learner.losses.items():
        if loss.several:
            what = f"the loss {name!r} learns rows that may have several labels"
            fix = "take it out, or name a task of them, as task.kind = 'multilabel-text'"
            raise LimbeckError(what, where="objective.losses", fix=fix)
    if (learner.taught or learner.guided) and targets is None:
        raise LimbeckError("a distillation loss needs teachers", where="objective.losses", fix="name some [[teachers]]")
    if not learner.taught and not learner.labelled:
        what = f"{' and '.join(map(repr, learner.losses))} alone: nothing here tells the classes apart"
        raise LimbeckError(what, where="objective.losses", fix="add hard = 1.0, or with teachers distil = 1.0")
    if not learner.taught and not (labels >= 0).any():
        fix = "add one, e.g. losses = { distil = 1.0 }"
        raise LimbeckError("no row has a label, and no loss learns from teachers", where="objective.losses", fix=fix)
