"""`limbeck train` with several labels a row: a recipe and rows in, an evaluated and verified bundle out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.manifest import MultiLabel, write_manifest
from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.bundle.training_hashes import telling_keys, write_seen
from limbeck.data.dataset import Dataset
from limbeck.data.label_sets import membership, names_in, truth_of
from limbeck.dataset.prepare import prepare
from limbeck.evaluation.multilabel.evaluate import measured
from limbeck.evaluation.multilabel.report import write_report
from limbeck.events import check, stage
from limbeck.files import whole_folder, write_json, write_text
from limbeck.messages.message import Message, message
from limbeck.messages.message import stored as stored_messages
from limbeck.progress import say
from limbeck.recipe import Recipe, dump_recipe
from limbeck.tasks.multilabel.baseline import baseline_row
from limbeck.training.export.bundle_parts import save_weights, usual_facts, written_as
from limbeck.training.export.gate import Gate, gate_facts, through_gate
from limbeck.training.finish import Trained
from limbeck.training.multilabel.card import card
from limbeck.training.multilabel.fit import Fitted, fit_labels
from limbeck.training.multilabel.settle import Sigmoids
from limbeck.training.multilabel.support import check_support
from limbeck.training.multilabel.teachers import taught


def train(
    recipe: Recipe, *, home: Path | None, out: Path, folder: Path | None, memory: pl.DataFrame | None, resume: bool,
    lang: str, told: list[Message],
) -> Trained:  # fmt: skip
    """Train, evaluate once on ``test``, and export; see `limbeck.training.train.train`.

    Raises
    ------
    LimbeckError
        For what the user can fix: a key that is not supported, the rows, the teachers.
    """
    check_support(recipe)
    folders = [folder, home]
    with stage("read"):
        rows = prepare(recipe, folder, recipe_folder=home, memory=memory, several=True)
    names = names_in(rows.classes, recipe.task, "data")
    truth = truth_of(rows.labels, membership(rows.classes, names, recipe.task))
    findings = [*told, *rows.findings, *label_counts(rows, truth, names)]
    for line in findings[len(told) :]:
        say(line)
    targets, trust = None, None
    if recipe.teachers:
        with stage("teachers"):
            targets, trust = taught(recipe, rows, names, truth, folders)
    work = out.with_name(f".{out.name}.training")
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    fitted = fit_labels(
        recipe, rows, names, truth, folders=folders, targets=targets, checkpoints=work, resume=resume
    )  # fmt: skip
    made = finish(recipe, rows, truth, names, fitted, out, lang=lang, findings=findings, trust=trust)
    shutil.rmtree(work, ignore_errors=True)
    return made


def label_counts(rows: Dataset, truth: NDArray[np.float32], names: tuple[str, ...]) -> list[Message]:
    """Return a line that says how many rows of train, valid and test have each label."""
    known = truth[np.isin(rows.split, ["train", "valid", "test"])]
    counts = np.nansum(known, axis=0).astype(int)
    shown = [message("data.class_count", name=name, count=n) for name, n in zip(names, counts, strict=True)]
    mean = float(np.nansum(known) / max(len(known), 1))
    return [message("several.counts", count=len(known), labels=len(names), mean=mean, classes=shown)]


def finish(
    recipe: Recipe, rows: Dataset, truth: NDArray[np.float32], names: tuple[str, ...], fitted: Fitted, out: Path, *,
    lang: str, findings: list[Message], trust: dict[str, Any] | None,
) -> Trained:  # fmt: skip
    """Export a trained network, evaluate the exported bundle and write everything that belongs to it."""
    thresholds = fitted.settled.thresholds

    def decide(answers: list[np.ndarray]) -> np.ndarray:
        return np.asarray(np.concatenate(answers) >= thresholds.astype(np.float32))

    with whole_folder(out) as folder:
        check()
        with stage("export"):
            answering = Sigmoids(fitted.network.cpu().eval(), fitted.settled).eval()
            gate = through_gate(
                answering, fitted.encoder, fitted.valid_rows, folder, decide=decide, int8=recipe.export.int8
            )  # fmt: skip
            fitted.encoder.save(folder)
            if recipe.export.weights:
                save_weights(fitted.network, folder / "weights.safetensors")
            write_text(folder / "recipe.toml", dump_recipe(recipe))
            write_json(folder / "export.json", gate_facts(gate))
            if recipe.export.seen:
                keys = telling_keys(rows.frame, recipe.task, recipe.input)
                parts = ["train", "valid", *(["unlabelled"] if recipe.teachers else [])]
                write_seen(folder, [keys[row] for row in np.flatnonzero(np.isin(rows.split, parts))])
            facts = _facts(recipe, names, fitted, gate, out.resolve().name)
            write_manifest(folder, facts)
        with stage("evaluate"):
            trained = _evaluated(recipe, rows, truth, fitted, folder, out, lang, findings, trust)
        write_manifest(folder, facts)
        with MultiLabelClassifier(folder):
            pass  # a bundle that cannot be loaded must not take the place of one that can
    return trained


def _evaluated(
    recipe: Recipe, rows: Dataset, truth: NDArray[np.float32], fitted: Fitted, folder: Path, out: Path, lang: str,
    findings: list[Message], trust: dict[str, Any] | None,
) -> Trained:  # fmt: skip
    part = "test" if len(rows.part("test")) else "valid"
    if part == "valid":
        say("there are no test rows: the figures are those of valid, on which thresholds were chosen")
    with MultiLabelClassifier(folder) as classifier:
        names = classifier.classes
        found = measured(
            classifier, rows.take(rows.part(part)), group=recipe.evaluation.group,
            bootstrap=recipe.evaluation.bootstrap,
        )  # fmt: skip
        wanted = recipe.evaluation.baseline and len(rows.part("train"))
        baselines = [baseline_row(recipe, rows, truth, part, names)] if wanted else []
        history = fitted.history.epochs
        stored = {
            "judged_on": part, "test": found.figures, "baselines": baselines, "findings": findings,
            "messages": stored_messages(findings), "history": history, "best_epoch": fitted.history.best,
            "verdict": found.verdict, **({} if trust is None else {"teachers": trust}),
        }  # fmt: skip
        write_json(folder / "metrics.json", stored)
        counts = {f"{name} rows": len(rows.part(name)) for name in ("train", "valid", "test", "unlabelled")}
        facts = {"judged_on": part, **{key: count for key, count in counts.items() if count}}
        write_report(folder / "report.html", found, classifier, facts, history, baselines, lang=lang)
        write_text(folder / "README.md", card(recipe, rows, truth, classifier, fitted, found.figures, part))
    return Trained(out, found.figures, baselines, history, part, trust, str(found.verdict), [])


def _facts(recipe: Recipe, names: tuple[str, ...], fitted: Fitted, gate: Gate, name: str) -> dict[str, Any]:
    settled = fitted.settled

    def each(values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(names, map(float, values), strict=True))

    return usual_facts(recipe, fitted.network, fitted.encoder.settings, names, gate.serve, name) | {
        "layout": recipe.data.layout,
        "columns": recipe.data.columns,
        "labels": written_as(recipe.task, names),
        "threshold": float(settled.thresholds.mean()),
        "multilabel": MultiLabel(
            thresholds=each(np.clip(settled.thresholds, 0.0, 1.0)), slopes=each(settled.slopes),
            shifts=each(settled.shifts), settled_on="left out" if fitted.crossed else "valid",
        ),
    }  # fmt: skip
