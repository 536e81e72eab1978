"""What stands in a bundle beside the model: weights, facts of ``bundle.json``, a reference of the training rows."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import Sets
from limbeck.bundle.reference import Reference, looked_at, reference_of, sizes_of
from limbeck.data.dataset import Dataset
from limbeck.kinds import kind_of
from limbeck.kinds.select import values_of
from limbeck.metrics.fitted.conformal import fit_sets
from limbeck.networks import Network
from limbeck.objectives import OBJECTIVES, viewed
from limbeck.recipe import Input, Recipe, Task
from limbeck.training.export.gate import Gate
from limbeck.training.student import Student
from limbeck.version import __version__


def reference(classifier: Classifier, recipe: Recipe, rows: Dataset, student: Student) -> Reference:
    """Return what the rows looked like that a student learned from, and how the exported bundle answers valid."""
    p = classifier.submit(student.valid_rows).result()
    learned = np.flatnonzero(np.isin(rows.split, ["train", "valid"]))
    learned = learned if len(learned) else seen_rows(recipe, rows)
    frame = rows.frame[looked_at(learned)]
    kind = kind_of(recipe.task)
    left_out = kind.costly or not kind.has("vectors")  # images would be decoded once more
    vectors = None if left_out else classifier.features(values_of(frame, recipe.task), unreadable="nan")
    sizes = sizes_of(frame, recipe.task)
    return reference_of(rows.classes, p, classifier.decide(p), rows.labels[learned], sizes, vectors)


def prediction_sets(classifier: Classifier, student: Student) -> Sets | None:
    """Return thresholds of prediction sets, found on valid or on rows left out; None where a class has no row.

    Where valid has no labels the teachers' fused probabilities weigh the classes.
    """
    if (held := student.left_out) is not None:
        return Sets.of(fit_sets(student.calibrated(held.logits), held.labels), classifier.classes, "left out")
    truth = student.valid_labels if student.valid_soft is None else student.valid_soft
    weight = np.bincount(truth, minlength=len(classifier.classes)) if truth.ndim == 1 else truth.sum(axis=0)
    if not len(truth) or not (weight > 0).all():
        return None
    return Sets.of(fit_sets(classifier.submit(student.valid_rows).result(), truth), classifier.classes, "valid")


def seen_rows(recipe: Recipe, rows: Dataset) -> np.ndarray:
    """Return the rows int64 that a student is trained on or chosen by: with teachers, unlabelled ones too."""
    taught = bool(recipe.teachers) or any(OBJECTIVES[name].taught for name in recipe.objective.losses)
    parts = ["train", "valid", *(["unlabelled"] if taught or viewed(recipe.objective.losses) else [])]
    return np.flatnonzero(np.isin(rows.split, parts))


def save_weights(network: Network, file: Path) -> None:
    """Store every weight that half precision holds exactly as half precision, the others as they are."""
    stored = {}
    for name, value in network.state_dict().items():
        half = value.half()
        exact = value.is_floating_point() and torch.equal(half.to(value.dtype), value)
        stored[name] = (half if exact else value.clone()).contiguous()
    file.write_bytes(save(stored))


def manifest_facts(recipe: Recipe, rows: Dataset, student: Student, gate: Gate, name: str) -> dict[str, Any]:
    """Return the facts of ``bundle.json`` of a classifier or detector of anomalies, all but the hashes."""
    return usual_facts(recipe, student.network, student.encoder.settings, rows.classes, gate.serve, name) | {
        "layout": recipe.data.layout,
        "columns": recipe.data.columns,
        "labels": written_as(recipe.task, rows.classes),
        "positive": student.positive,
        "threshold": student.threshold,
        "temperature": student.temperature,
        "offset": [] if student.offset is None else student.offset.tolist(),
        "attacks": recipe.evaluation.attacks,
    }


def usual_facts(
    recipe: Recipe, network: Network, settings: Input, classes: Sequence[str], serve: str, name: str
) -> dict[str, Any]:
    """Return the facts that ``bundle.json`` has for every task; the file to ``serve`` is one of them."""
    packages = ("torch", "transformers", "onnx", "onnxruntime", "numpy", "tokenizers", "pillow")
    return {
        "limbeck": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "name": name,
        "task": recipe.task,
        "input": settings,
        "classes": list(classes),
        "labels": {one: one for one in classes},
        "positive": 0,
        "network": recipe.student.network,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "arrays": list(network.arrays),
        "temperature": 1.0,
        "serve": serve,
        "versions": {package: version(package) for package in packages},
    }


def written_as(task: Task, classes: Sequence[str]) -> dict[str, str]:
    """Return class -> how the table writes it; the first of several ways."""
    written: dict[str, str] = {}
    for value, label in (task.class_map or {label: label for label in classes}).items():
        written.setdefault(label, value)
    return written
