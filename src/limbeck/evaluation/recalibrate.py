"""Recalibrate a bundle from few rows of a new place: temperature, offset and threshold, nothing of the network.

The rows are labelled; or all of the normal (bona fide) class; or unlabelled, with a stated rate of each class. The
result is a new bundle that names the earlier one, which stays as it is. Neither torch nor onnx is needed.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import surely_learned, telling_keys
from limbeck.data.dataset import Dataset
from limbeck.data.labels import labels_in
from limbeck.errors import LimbeckError
from limbeck.evaluation.evaluate import labelled
from limbeck.evaluation.recalibrated_bundle import How, write_recalibrated
from limbeck.events import Listener, Token, stage, told
from limbeck.kinds.select import values_of
from limbeck.locks import sole_writer
from limbeck.metrics.fitted.recalibration import (
    Change,
    cut_by_rate,
    cut_of_normal,
    from_labels,
    from_rates,
    logits_of,
    stated_rates,
)  # fmt: skip
from limbeck.process.forks import refuse_forked
from limbeck.recipe import Evaluation, Recipe, load_recipe
from limbeck.tasks import task_of
from limbeck.tasks.classify.attack_rows import settled_threshold

FALSE_ALARMS = 0.05  # where neither the call nor a detector's recipe says another rate
# Of a detector of attacks. On faces, trained on one session and recalibrated on 50 live pictures of the other, both
# ways, the sum of both errors hardly depends on the rate from 0.03 to 0.12, and from 0.10 on they are nearly equal.
LIVE_REFUSED = 0.10
LEAST = 10  # rows of each class, or unlabelled ones, below which there is nothing to fit


@dataclass(frozen=True)
class Recalibrated:
    """What `recalibrate` made: the new bundle's folder, and how its calibration differs from that of the earlier one.

    ``scale`` and ``offset`` change the logits of the earlier bundle: ``scale * z + offset``, offset by class.
    """

    bundle: Path
    parent: Path
    how: str
    rows: int
    scale: float
    offset: dict[str, float]
    temperature: float
    threshold: float
    version: str


def recalibrate(
    bundle: str | Path,
    rows: str | Path | Any,
    *,
    out: str | Path | None = None,
    normal_only: bool = False,
    class_rates: Mapping[str, float] | None = None,
    false_alarms: float | None = None,
    where: Mapping[str, str] | None = None,
    encoding: str | None = None,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> Recalibrated:
    """Write a new bundle with temperature, offset and threshold refitted on rows of a new place.

    Parameters
    ----------
    bundle
        A bundle's folder, or its name in the registry. It is not changed.
    rows
        A table or a folder; or rows in memory: a frame of polars or pandas, or a list of dictionaries. With labels,
        unless one of the next two is given.
    out
        Folder of the new bundle; by default the bundle's own with "-recalibrated" behind it. It must not exist.
    normal_only
        The rows are all of the normal class: the bona fide one of a detector of attacks, the normal one of a detector
        of anomalies, else the class that is not positive. The threshold holds ``false_alarms`` among new normal rows.
    class_rates
        Class -> its share among the rows, which have no labels; of two classes one is enough. Temperature stays.
    false_alarms
        With ``normal_only``: the share of normal rows that may be called positive (BPCER, for attacks); by default that
        of the recipe of a detector of anomalies, 0.10 of a detector of attacks, else 0.05.
    where
        Column -> value: only these rows count.
    encoding, progress, cancel
        As for `limbeck.evaluate`.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For rows of one class where both are needed, of another kind, too few, or that the bundle was trained on.
    """
    refuse_forked()
    if normal_only and class_rates is not None:
        raise LimbeckError(
            "normal rows have no class rates", where="recalibrate", fix="give only one of the two options"
        )
    if false_alarms is not None and not (normal_only and 0 < false_alarms < 1):
        fix = "give it with normal_only, between 0 and 1"
        raise LimbeckError("false_alarms is a share of normal rows", where="recalibrate", fix=fix)
    with told(progress, cancel), contextlib.ExitStack() as stack:
        classifier = stack.enter_context(Classifier(bundle))
        target = _target(bundle, classifier, out)
        stack.enter_context(sole_writer(target))
        if target.exists() or target.is_symlink():
            raise LimbeckError("is there already", where=target, fix="name a new folder with --out")
        rates = None if class_rates is None else stated_rates(class_rates, classifier.classes, "class rates")
        if normal_only and len(classifier.classes) != 2:
            fix = "give labelled rows, or class rates"
            raise LimbeckError("only a bundle of two classes has a normal one", where=classifier.path, fix=fix)
        with stage("read"):
            given = labelled(classifier, rows, where, encoding, labels=not normal_only and rates is None)
        keys = _unseen_keys(classifier, given)
        with stage("predict"):
            p = classifier.probabilities_of(values_of(given.frame, classifier.manifest.task))
        recipe = _recipe(classifier.path)
        if rates is not None:
            how, change, threshold = _by_rates(classifier, p, rates)
        elif normal_only:
            how, change, threshold = _by_normal(classifier, given, p, false_alarms or _usual(classifier, recipe))
        else:
            how, change, threshold = _by_labels(classifier, given, p, recipe)
        with stage("export"):
            made = write_recalibrated(classifier, target, how, change, threshold, given, p, keys)
    offset = dict(zip(classifier.classes, change.offset.tolist(), strict=True))
    return Recalibrated(
        target, classifier.path, how.how, len(p), change.scale, offset, made.temperature, made.threshold, made.version
    )


def _target(bundle: str | Path, classifier: Classifier, out: str | Path | None) -> Path:
    if out is not None:
        target = Path(out)
        return target if target.name not in ("", "..") else target.resolve()
    if classifier.path != Path(bundle):
        raise LimbeckError("name a folder for the new bundle", where=bundle, fix="give --out")
    here = classifier.path.resolve()
    return here.with_name(f"{here.name}-recalibrated")


def _recipe(folder: Path) -> Recipe | None:
    """Return the recipe of a bundle; None where it has none that can be read."""
    try:
        return load_recipe(folder / "recipe.toml")
    except LimbeckError:
        return None


def _usual(classifier: Classifier, recipe: Recipe | None) -> float:
    if recipe is not None and task_of(recipe.task).detects:
        return recipe.anomaly.false_alarms
    return FALSE_ALARMS if classifier.manifest.attacks is None else LIVE_REFUSED


def _unseen_keys(classifier: Classifier, rows: Dataset) -> list[str]:
    """Return what tells the rows apart; raise where the bundle has learned from them."""
    keys = telling_keys(rows.frame, classifier.manifest.task, classifier.manifest.input)
    if count := surely_learned(classifier.path, keys):
        what = f"the bundle has already learned from {count:,} of these {len(keys):,} rows"
        raise LimbeckError(
            what, where=classifier.path, fix="give rows of the new place, or leave these out with --where"
        )
    return keys


def _positive_scores(classifier: Classifier, p: np.ndarray) -> np.ndarray:
    """Return the log odds float [N] of the positive one of two classes."""
    z, one = logits_of(p), classifier.manifest.positive
    return np.asarray(z[:, one] - z[:, 1 - one])


def _by_labels(
    classifier: Classifier, rows: Dataset, p: np.ndarray, recipe: Recipe | None
) -> tuple[How, Change, float]:
    counts = np.bincount(rows.labels, minlength=len(classifier.classes))
    if np.count_nonzero(counts) < 2:
        name = classifier.classes[int(counts.argmax())]
        fix = "give rows of each class" + (
            ", or --normal-only for rows of the normal class" if len(counts) == 2 else ""
        )
        raise LimbeckError(f"all {len(p):,} rows are of the class {name!r}", where="recalibrate", fix=fix)
    if len(counts) == 2 and counts.min() < LEAST:
        name = classifier.classes[int(counts.argmin())]
        what = f"the class {name!r} has {counts.min()} of the rows, and {LEAST} are needed"
        raise LimbeckError(what, where="recalibrate", fix="label more of them")
    _refuse_few(len(p))
    change = from_labels(logits_of(p), rows.labels)
    wish = Evaluation(attacks=classifier.manifest.attacks) if recipe is None else recipe.evaluation
    threshold = settled_threshold(
        wish, rows.frame, rows.labels, change.applied(logits_of(p)), classifier.classes, classifier.manifest.positive
    )  # fmt: skip
    return How("labelled"), change, threshold


def _by_normal(classifier: Classifier, rows: Dataset, p: np.ndarray, rate: float) -> tuple[How, Change, float]:
    """Shift the scores so that the threshold, which stays, is the conformal quantile of the normal rows."""
    manifest = classifier.manifest
    normal = 1 - manifest.positive
    if manifest.attacks is not None:
        normal = manifest.classes.index(manifest.attacks.bona_fide)
    _refuse_others(classifier, rows, normal)
    sign = 1.0 if normal != manifest.positive else -1.0
    cut = sign * cut_of_normal(sign * _positive_scores(classifier, p), rate)
    return How("normal-only", false_alarms=rate), _shifted(classifier, cut), manifest.threshold


def _shifted(classifier: Classifier, cut: float) -> Change:
    """Return the change that gives log odds of ``cut`` the probability of the bundle's threshold."""
    manifest = classifier.manifest
    line = min(max(manifest.threshold, 1e-6), 1 - 1e-6)
    offset = np.zeros(2)
    offset[manifest.positive] = np.log(line / (1 - line)) - cut
    return Change(1.0, offset - offset.mean())


def _refuse_others(classifier: Classifier, rows: Dataset, normal: int) -> None:
    """Raise where rows that are to be normal carry a label that says otherwise."""
    task = classifier.manifest.task
    if task.label not in rows.frame.columns:
        return
    known = np.array([label is not None for label in labels_in(rows.frame[task.label], task)], dtype=bool)
    manifest = classifier.manifest
    plain = task.model_copy(update={"classes": task.class_map or {raw: name for name, raw in manifest.labels.items()}})
    at = np.flatnonzero(known)
    found = task_of(plain).labels(rows.frame[at], plain, "recalibrate", rows.numbers[at], classifier.classes)
    if others := int((found != normal).sum()):
        what = f"{others:,} of the {len(known):,} rows are not labelled {classifier.classes[normal]!r}"
        raise LimbeckError(what, where="--normal-only", fix=f"keep the normal ones with --where {task.label}=…")


def _by_rates(classifier: Classifier, p: np.ndarray, rates: Mapping[str, float]) -> tuple[How, Change, float]:
    """Shift the scores so that the mean probabilities are the rates; two classes are cut where the rate says."""
    _refuse_few(len(p))
    change = from_rates(logits_of(p), list(rates.values()))
    threshold = 0.5
    if len(rates) == 2:
        one = classifier.manifest.positive
        scores = change.applied(logits_of(p))[:, one]
        threshold = cut_by_rate(scores, rates[classifier.classes[one]])
    return How("class-rates", class_rates=dict(rates)), change, threshold


def _refuse_few(rows: int) -> None:
    if rows < 2 * LEAST:
        raise LimbeckError(f"{rows} rows are too few", where="recalibrate", fix=f"give {2 * LEAST} or more")
