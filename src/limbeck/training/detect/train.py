"""`limbeck train` of a detector: a recipe and pictures with boxes in, a finished, evaluated and verified bundle out."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.detect.detector import Detector
from limbeck.bundle.detect.rejects import write_rejects
from limbeck.bundle.manifest import Detection, write_manifest
from limbeck.bundle.training_hashes import write_seen
from limbeck.errors import LimbeckError
from limbeck.evaluation.detect.evaluate import evaluated
from limbeck.events import check, stage
from limbeck.files import whole_folder, write_json, write_text
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.whole.letterbox import GREY
from limbeck.messages.message import Message, message
from limbeck.messages.message import stored as stored_messages
from limbeck.metrics.boxes.coco import coco_metrics
from limbeck.metrics.boxes.operating import best_thresholds
from limbeck.progress import say
from limbeck.recipe import Recipe, dump_recipe, override
from limbeck.tasks.detect.baseline import baseline_row
from limbeck.tasks.detect.boxes import Annotated, truths
from limbeck.training.build import start_of
from limbeck.training.detect.card import card
from limbeck.training.detect.export import CALIBRATED, Gate, export
from limbeck.training.detect.fit import Fitted, fit_detector, found_in, raw_boxes
from limbeck.training.detect.rows import read_annotated, settled
from limbeck.training.detect.teacher import HeatTeacher, pseudo_labelled, teacher_folder
from limbeck.training.distributed.processes import current_process_group
from limbeck.training.export.bundle_parts import save_weights, usual_facts
from limbeck.training.finish import Trained

OVERLAP = 0.6  # IoU from which on the lower of two boxes of a class is left out


def train(
    recipe: Recipe, *, home: Path | None, out: Path, folder: Path | None, memory: pl.DataFrame | None, resume: bool,
    lang: str, told: list[Message],
) -> Trained:  # fmt: skip
    """Train the recipe's detector, evaluate it once on ``test``, and export it; see `limbeck.training.train.train`.

    Raises
    ------
    LimbeckError
        For what the user can fix: the recipe, the labels, the pictures.
    """
    del told  # there is no recipe of boxes that Limbeck makes
    if memory is not None:
        raise LimbeckError("boxes are read from files", where="data", fix="give the folder with the labels")
    if current_process_group().size > 1:
        raise LimbeckError("a detector is trained by one process", where="train", fix="start it without torchrun")
    folders = [folder, home]
    start, taught_by = start_of(recipe, folders), teacher_folder(recipe, folders)
    if recipe.data.unlabelled and taught_by is None:
        raise LimbeckError(
            "unlabelled pictures need a teacher", where="data.unlabelled", fix="name one in [[teachers]]"
        )
    with stage("read"):
        rows = read_annotated(recipe, folder, home)
    tell(rows)
    teacher = None if taught_by is None else HeatTeacher(taught_by, recipe.teachers[0], rows.classes)
    taught = rows
    if taught_by is not None and recipe.data.unlabelled:
        with stage("teachers"):
            known = {one.sha256 for one in rows.pictures}
            more = pseudo_labelled(recipe, taught_by, Path(folder or home or Path()), rows.classes, known)
        taught = replace(rows, pictures=(*rows.pictures, *more))
    recipe = settled(recipe, rows.part("train"))
    work = out.with_name(f".{out.name}.training")
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    with stage("fit"):
        fitted = fit_detector(
            recipe, taught, start=start, teacher=teacher, checkpoints=work, resume=resume
        )  # fmt: skip
    trained = finish(recipe, rows, fitted, out, lang)
    shutil.rmtree(work, ignore_errors=True)
    return trained


def tell(rows: Annotated) -> None:
    """Say what was found in the labels: parts, classes, and what was left out."""
    for line in rows.findings:
        say(line)
    for part in ("train", "valid", "test"):
        if rows.part(part):
            counts = ", ".join(f"{name} {count:,}" for name, count in rows.counts(part).items())
            say(f"{part}: {len(rows.part(part)):,} pictures; boxes: {counts}")
    if rows.rejected:
        say(message("boxes.rejected", **rows.left_out()))


def finish(recipe: Recipe, rows: Annotated, fitted: Fitted, out: Path, lang: str) -> Trained:
    """Export a trained detector, evaluate the exported bundle and write everything that belongs to it."""
    valid = rows.part("valid")
    true = truths(valid)

    def ap(raw: np.ndarray) -> float:
        return float(coco_metrics(true, found_in(raw, fitted.valid), rows.classes)["ap"] or 0.0)

    with whole_folder(out) as folder:
        check()
        with stage("export"):
            train = rows.part("train")
            some = np.random.default_rng(recipe.training.seed).permutation(len(train))[:CALIBRATED]
            chosen = [train[at] for at in np.sort(some).tolist()] if recipe.export.int8 != "never" else []
            sample = fitted.encoder.encode([Picture(one.file, name=one.name) for one in chosen])
            gate = export(fitted, folder, int8=recipe.export.int8, sample=sample, ap=ap)
            if recipe.export.weights:
                save_weights(fitted.network, folder / "weights.safetensors")
            kept = override(recipe, {"export.int8": "keep" if gate.int8["kept"] else "never"})
            write_text(folder / "recipe.toml", dump_recipe(kept))
            write_json(folder / "export.json", asdict(gate))
            if recipe.export.seen:
                write_seen(folder, [one.sha256 for one in rows.pictures if one.part != "test"])
            if rows.rejected:
                write_rejects(folder / "rejected.csv", [one.row() for one in rows.rejected])
            found = found_in(raw_boxes(fitted.network, fitted.encoder, fitted.valid), fitted.valid)
            facts = _facts(recipe, rows, fitted, gate, out.resolve().name, best_thresholds(true, found, rows.classes))
            write_manifest(folder, facts)
        with stage("evaluate"):
            trained = _evaluated(recipe, rows, fitted, folder, out, lang)
        write_manifest(folder, facts)
        with Detector(folder):
            pass  # a bundle that cannot be loaded must not take the place of one that can
    return trained


def _evaluated(recipe: Recipe, rows: Annotated, fitted: Fitted, folder: Path, out: Path, lang: str) -> Trained:
    part = "test" if rows.part("test") else "valid"
    if part == "valid":
        say("there are no test pictures: the figures are those of valid, on which the detector was chosen")
    train, pictures = rows.part("train"), rows.part(part)
    baselines = [baseline_row(train, pictures, rows.classes)] if recipe.evaluation.baseline else []
    with Detector(folder) as detector:
        found = evaluated(detector, replace(rows, pictures=tuple(pictures)), recipe.evaluation.bootstrap)
        counts = {f"{name} pictures": len(rows.part(name)) for name in ("train", "valid", "test")}
        facts = {"judged_on": part, **counts}
        history = fitted.history.epochs
        found.write(
            folder / "report.html", detector, facts, history, baselines, lang=lang, pictures=recipe.evaluation.pictures
        )
        metrics = found.figures
        stored = {
            "judged_on": part, "test": metrics, "baselines": baselines, "findings": list(rows.findings),
            "messages": stored_messages(list(rows.findings)), "history": history,
            "best_epoch": fitted.history.best, "verdict": found.verdict,
        }  # fmt: skip
        write_json(folder / "metrics.json", stored)
        write_text(folder / "README.md", card(recipe, rows, detector, fitted, metrics, part))
    return Trained(out, metrics, baselines, history, part, None, str(found.verdict), [])


def _facts(
    recipe: Recipe, rows: Annotated, fitted: Fitted, gate: Gate, name: str, thresholds: dict[str, float]
) -> dict[str, Any]:
    fixed = recipe.evaluation.threshold
    if isinstance(fixed, float):
        thresholds = dict.fromkeys(rows.classes, fixed)
    detection = Detection(fill=GREY, top=fitted.network.options.top, thresholds=thresholds, overlap=OVERLAP)
    return usual_facts(recipe, fitted.network, fitted.encoder.settings, rows.classes, gate.serve, name) | {
        "threshold": float(np.mean(list(thresholds.values()))),
        "detection": detection,
    }
