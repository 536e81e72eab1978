"""`limbeck train`: recipe and rows in, a finished, judged and verified bundle out."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import write_manifest
from limbeck.bundle.seen import frame_keys, write_seen
from limbeck.data.prepare import Dataset, prepare
from limbeck.data.read import need
from limbeck.errors import LimbeckError
from limbeck.evaluation.baseline import baseline_row
from limbeck.evaluation.baseline_forest import forest_row
from limbeck.evaluation.baseline_table import table_baseline_row
from limbeck.evaluation.pixels import anomaly_metrics, pixel_facts
from limbeck.evaluation.report import Report, write_report
from limbeck.evaluation.run import Judgement, export_facts, facts_of, judge
from limbeck.evaluation.trust import read_trust
from limbeck.files import whole_folder, write_json, write_text
from limbeck.inputs.kinds import values_of
from limbeck.networks import Network
from limbeck.objectives import OBJECTIVES, viewed
from limbeck.progress import say
from limbeck.recipe import Recipe, dump_recipe, load_recipe, override
from limbeck.training.card import model_card
from limbeck.training.distil import distil
from limbeck.training.export import Gate, export, gate_facts
from limbeck.training.pretrain import is_pretraining, pretrain
from limbeck.training.student import Student, positive_index, train_student


@dataclass(frozen=True)
class Trained:
    """What `train` made: the bundle's folder and its metrics on ``test`` (or on ``valid`` where there is no test)."""

    bundle: Path
    metrics: dict[str, Any]
    baselines: list[dict[str, Any]]
    history: list[dict[str, float]]
    judged_on: str
    trust: dict[str, Any] | None = None


def work_folder(out: Path) -> Path:
    """Return where a run keeps its checkpoints: hidden, beside its output."""
    return out.with_name(f".{out.name}.training")


def train(
    recipe: str | Path | Recipe,
    *,
    out: str | Path,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    resume: bool = False,
    lang: str = "en",
) -> Trained:
    """Train the recipe's student, judge it once on ``test``, and export it through the gate.

    Parameters
    ----------
    recipe
        A TOML file, or a `Recipe` already read.
    data
        Folder that the recipe's data paths are relative to; by default the recipe's own.
    settings
        ``section.key=value`` overrides.
    resume
        Go on from the checkpoint that a killed run left; on a CPU the result is the same, bit for bit.

    Raises
    ------
    LimbeckError
        For whatever the user can mend: the recipe, the rows, the disk. An earlier bundle at ``out`` stays as it was.
    """
    parsed = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, settings)
    home = None if isinstance(recipe, Recipe) else Path(recipe).resolve().parent
    target, folder = Path(out), None if data is None else Path(data)
    if not target.name or target.name == "..":  # "." and the like: the work is done beside it, under its name
        target = target.resolve()
    refuse_foreign(target)
    if folder is not None and not folder.is_dir():
        raise LimbeckError("there is no such folder", where=folder, mend="check --data")
    if is_pretraining(parsed):
        pretrain(parsed, out=target, folder=folder, home=home, resume=resume)
        return Trained(target, {}, [], [], "valid")
    rows = prepare(parsed, folder, recipe_folder=home)
    for finding in rows.findings:
        say(finding)
    work = work_folder(target)
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    folders = [folder, home]
    taught = distil(parsed, rows, folders=folders) if parsed.teachers else None
    targets = taught.targets if taught else None
    student = train_student(parsed, rows, folders=folders, checkpoints=work, targets=targets, resume=resume)
    trained = finish(parsed, rows, student, target, trust=taught.trust if taught else None, lang=lang)
    shutil.rmtree(work, ignore_errors=True)
    return trained


def refuse_foreign(target: Path) -> None:
    """Raise where something stands that is neither a bundle nor a start: it would be replaced."""
    if not target.exists():
        return
    entries = [entry.name for entry in target.iterdir()] if target.is_dir() else ["a file"]
    if entries and "bundle.json" not in entries and "config.json" not in entries:
        raise LimbeckError("is there already, and is no bundle", where=target, mend="choose another --out")


def finish(
    recipe: Recipe, rows: Dataset, student: Student, out: Path, *, trust: dict[str, Any] | None = None, lang: str = "en"
) -> Trained:
    """Export a trained student, judge the exported bundle and write everything that belongs to it."""
    with whole_folder(out) as folder:
        gate = export(
            student.network,
            student.encoder,
            student.valid_rows,
            folder,
            temperature=student.temperature,
            threshold=student.threshold,
            positive=student.positive,
            int8=recipe.export.int8,
            sample=student.sample,
        )
        student.encoder.save(folder)
        save_weights(student.network, folder / "weights.safetensors")
        settled = override(recipe, {"export.int8": "keep" if gate.int8["kept"] else "never"})
        write_text(folder / "recipe.toml", dump_recipe(settled))
        write_json(folder / "export.json", gate_facts(gate))
        if trust is not None:
            write_json(folder / "trust.json", trust)
        if recipe.export.seen:
            write_seen(folder, frame_keys(rows.frame[seen_rows(recipe, rows)], recipe.task, recipe.input))
        facts = manifest_facts(recipe, rows, student, gate, out.resolve().name)
        write_manifest(folder, facts)
        trained = _judge(recipe, rows, student, folder, out, lang)
        write_manifest(folder, facts)  # once more: the metrics and the report now belong to it
        with Classifier(folder):
            pass  # a bundle that cannot be loaded must not take the place of one that can
    return replace(trained, trust=trust)


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


def _judge(recipe: Recipe, rows: Dataset, student: Student, folder: Path, out: Path, lang: str) -> Trained:
    """Let the exported bundle answer the test rows, once, and write what it is worth."""
    part = "test" if len(rows.part("test")) else "valid"
    if part == "valid" and not len(rows.part("valid")):
        say("no row has a label to measure by; trust.json holds the expected accuracy")
    elif part == "valid":
        say("there are no test rows: the figures are those of valid, on which the student was chosen")
    index = rows.part(part)
    texts = [rows.texts[row] for row in index]
    with Classifier(folder) as classifier:
        frame = rows.frame[index]
        p = classifier.predict_proba(values_of(frame, recipe.task))
        group = recipe.evaluation.group
        need(frame.columns, [*recipe.evaluation.slices, *([group] if group else [])], "the data")
        judgement = judge(
            rows.labels[index],
            p,
            classifier.decide(p),
            rows.classes,
            positive=student.positive,
            threshold=student.threshold,
            texts=texts,
            numbers=rows.numbers[index],
            columns={name: frame[name].cast(pl.String).to_list() for name in recipe.evaluation.slices},
            groups=frame[group].cast(pl.String).to_list() if group else None,
            bootstrap=recipe.evaluation.bootstrap,
            by_length=recipe.task.rows != "image",
        )
        strange, odd = anomaly_metrics(classifier, frame, rows.labels[index], p)
        judgement.metrics.update(strange)
        rows.findings.extend(odd)
        baselines = _baselines(recipe, rows, index)
        history = student.history.epochs
        stored = {
            "judged_on": part,
            "test": judgement.metrics,
            "baselines": baselines,
            "slices": judgement.slices,
            "findings": rows.findings,
            "history": history,
            "best_epoch": student.history.best,
        }
        write_json(folder / "metrics.json", stored)
        _report(classifier, rows, index, p, judgement, baselines, history, part, out, lang)
    write_text(folder / "README.md", model_card(recipe, rows, student, stored, read_trust(folder)))
    return Trained(out, judgement.metrics, baselines, history, part)


def _report(
    classifier: Classifier, rows: Dataset, index: np.ndarray, p: np.ndarray, judgement: Judgement,
    baselines: list[dict[str, Any]], history: list[dict[str, float]], part: str, out: Path, lang: str,
) -> None:  # fmt: skip
    counts = {name: int((rows.split == name).sum()) for name in ("train", "valid", "test")}
    page = Report(
        title=out.resolve().name,
        metrics=judgement.metrics,
        y=rows.labels[index],
        p=p,
        facts=facts_of(classifier)
        | {"judged_on": part}
        | pixel_facts(judgement.metrics)
        | {f"{name} rows": n for name, n in counts.items()},
        baselines=baselines,
        slices=judgement.slices,
        worst=judgement.worst,
        findings=rows.findings,
        export=export_facts(classifier.path),
        history=history,
        trust=read_trust(classifier.path),
    )
    write_report(classifier.path / "report.html", page, lang=lang)


def _baselines(recipe: Recipe, rows: Dataset, index: np.ndarray) -> list[dict[str, Any]]:
    train = rows.part("train")
    if not recipe.evaluation.baseline or not len(train) or recipe.task.rows == "image":
        return []
    positive = None if len(rows.classes) > 2 else positive_index(recipe, rows.classes)
    labels = rows.labels[train], rows.labels[index]
    if recipe.task.anomaly:
        seen, judged = (rows.frame[part].select(recipe.task.inputs) for part in (train, index))
        return [forest_row(seen, judged, labels[1], rows.classes, recipe.anomaly.false_alarms)]
    if recipe.task.rows == "table":
        seen, judged = (rows.frame[part].select(recipe.task.inputs) for part in (train, index))
        return [table_baseline_row(seen, labels[0], judged, labels[1], rows.classes, positive)]
    texts, asked = ([rows.texts[row] for row in part] for part in (train, index))
    return [baseline_row(texts, labels[0], asked, labels[1], rows.classes, positive)]


def manifest_facts(recipe: Recipe, rows: Dataset, student: Student, gate: Gate, name: str) -> dict[str, Any]:
    """Return the facts of ``bundle.json``, all but the hashes."""
    raw = recipe.task.class_map or {label: label for label in rows.classes}
    labels: dict[str, str] = {}
    for value, label in raw.items():
        labels.setdefault(label, value)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    packages = ("torch", "transformers", "onnx", "onnxruntime", "numpy", "tokenizers", "pillow")
    return {
        "limbeck": limbeck.__version__,
        "created": now,
        "name": name,
        "task": recipe.task,
        "input": student.encoder.settings,
        "layout": recipe.data.layout,
        "columns": recipe.data.columns,
        "classes": list(rows.classes),
        "labels": labels,
        "positive": student.positive,
        "network": recipe.student.network,
        "parameters": student.parameters,
        "arrays": list(student.network.arrays),
        "threshold": student.threshold,
        "temperature": student.temperature,
        "serve": gate.serve,
        "versions": {package: version(package) for package in packages},
    }
