"""`limbeck train`: recipe and rows in, a finished, judged and verified bundle out."""

from __future__ import annotations

import contextlib
import datetime
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import write_manifest
from limbeck.bundle.reference import FILE as REFERENCE
from limbeck.bundle.reference import Reference, looked_at, reference_of, sizes_of, to_json
from limbeck.bundle.training_hashes import telling_keys, write_seen
from limbeck.data.dataset import Dataset
from limbeck.data.tables.read import need
from limbeck.data.tables.rows import text_column
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.evaluation.baselines import baseline_rows, left_out
from limbeck.evaluation.evaluate import export_facts, facts_of, pages_of
from limbeck.evaluation.judge import Judgement, groups_of, judge
from limbeck.evaluation.report.headline import verdict
from limbeck.evaluation.report.page import Report, write_report
from limbeck.evaluation.report.trust import read_trust
from limbeck.evaluation.seen_rows import seen_among, warning
from limbeck.events import Listener, Token, check, stage, told
from limbeck.files import no_nan, whole_folder, write_json, write_text
from limbeck.kinds import kind_of
from limbeck.kinds.given_rows import rows_given
from limbeck.kinds.image.resize_check import lost_frequencies
from limbeck.kinds.select import values_of
from limbeck.locks import sole_writer
from limbeck.messages.message import Message, message
from limbeck.messages.message import stored as stored_messages
from limbeck.model_names import model_path
from limbeck.networks import Network
from limbeck.objectives import OBJECTIVES, viewed
from limbeck.progress import say
from limbeck.recipe import Recipe, dump_recipe, load_recipe, override, with_settings
from limbeck.tasks import task_of
from limbeck.tasks.anomaly.pixel_metrics import anomaly_metrics, pixel_facts
from limbeck.training.adversarial_accuracy import robust_accuracy, under_attack
from limbeck.training.default_recipe import default_recipe
from limbeck.training.distill.distill import distil
from limbeck.training.distill.targets import Distilled, Targets
from limbeck.training.distributed.processes import current, joined, refuse_unshared, restarted
from limbeck.training.export.gate import Gate, export, gate_facts
from limbeck.training.export.model_card import model_card
from limbeck.training.one_at_a_time import alone
from limbeck.training.pretrain.masked_words import is_pretraining, pretrain
from limbeck.training.student import Student, network_kind, positive_index, start_of, train_student
from limbeck.training.warm_start import PREFIX
from limbeck.version import __version__


@dataclass(frozen=True)
class Trained:
    """What `train` made: the bundle's folder and its metrics on ``test`` (or on ``valid`` where there is no test)."""

    bundle: Path
    metrics: dict[str, Any]
    baselines: list[dict[str, Any]]
    history: list[dict[str, float]]
    judged_on: str
    trust: dict[str, Any] | None = None
    verdict: str = ""
    warnings: list[str] = field(default_factory=list)


def work_folder(out: Path) -> Path:
    """Return where a run keeps its checkpoints: hidden, beside its output."""
    return out.with_name(f".{out.name}.training")


def train(
    recipe: str | Path | Recipe | Any,
    *,
    out: str | Path,
    data: str | Path | Any = None,
    label: str | None = None,
    start: str | Path | None = None,
    settings: Iterable[str] = (),
    resume: bool = False,
    lang: str = "en",
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> Trained:
    """Train the recipe's student, judge it once on ``test``, and export it through the gate.

    Processes that torchrun has started share the work, end with the same weights and return the same; once one was
    lost and torchrun has started them anew, they go on from the checkpoint.

    Parameters
    ----------
    recipe
        A TOML file, or a `Recipe` already read; or rows: a frame of polars or pandas, or a list of dictionaries, for
        which `limbeck.training.default_recipe` makes a recipe.
    data
        Folder that the recipe's data paths are relative to; by default the recipe's own. Or rows that stand for
        ``data.train``.
    label
        Column of the label, where rows are given without a recipe; by default ``"label"``.
    start
        A bundle, or its name in the registry, from whose weights and encoder the student begins; it stands for
        ``student.init = "bundle:…"``. Classes, network and input have to be those of the recipe.
    settings
        ``section.key=value`` overrides.
    resume
        Go on from the checkpoint that a killed run left; on a CPU the result is the same, bit for bit.
    progress
        Called with each `limbeck.events.Event` of the run; nothing is written to stderr then. What it raises ends the
        run.
    cancel
        Stops the run at its next safe point: a training step, whose checkpoint ``resume`` goes on from.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For whatever the user can fix: the recipe, the rows, the disk, another process that writes ``out``. An earlier
        bundle at ``out`` stays as it was.
    """
    with told(progress, cancel), alone(), joined():
        return _train(recipe, out, data, label, start, settings, resume or restarted(), lang)


def _train(
    recipe: Any,
    out: str | Path,
    data: Any,
    label: str | None,
    start: str | Path | None,
    settings: Iterable[str],
    resume: bool,
    lang: str,
) -> Trained:
    parsed, home, memory = _recipe_and_rows(recipe, data, label, settings)
    if start is not None:
        parsed = override(parsed, {"student.init": f"{PREFIX}{model_path(start).resolve()}"})
    refuse_unshared(parsed)
    target, folder = Path(out), None if data is None or memory is not None else Path(data)
    if not target.name or target.name == "..":  # "." and the like: the work is done beside it, under its name
        target = target.resolve()
    refuse_foreign(target)
    refuse_unwritable(target)
    if folder is not None and not folder.is_dir():
        raise LimbeckError("there is no such folder", where=folder, fix="check --data")
    with sole_writer(target) if current().first else contextlib.nullcontext():
        return _trained(parsed, home, target, folder, memory, resume, lang)


def _recipe_and_rows(
    recipe: Any, data: Any, label: str | None, settings: Iterable[str]
) -> tuple[Recipe, Path | None, pl.DataFrame | None]:
    """Return the recipe, its folder, and the rows in memory, where some are given."""
    if not isinstance(recipe, str | os.PathLike | Recipe):
        if data is not None:
            raise LimbeckError("rows are given twice", where="train", fix="leave data out, or give a recipe first")
        memory = rows_given(recipe)
        assert memory is not None  # it is no path
        return with_settings(default_recipe(memory, label), settings), None, memory
    if label is not None:
        fix = "set task.label in the recipe"
        raise LimbeckError("label is for rows without a recipe", where="train", fix=fix)
    memory = None if data is None else rows_given(data)
    if isinstance(recipe, Recipe):
        return with_settings(recipe, settings), None, memory
    return load_recipe(Path(recipe), settings), Path(recipe).resolve().parent, memory


def _trained(
    parsed: Recipe, home: Path | None, target: Path, folder: Path | None, memory: pl.DataFrame | None, resume: bool,
    lang: str,
) -> Trained:  # fmt: skip
    """Train with the lock on the output held: nobody else touches its checkpoints, or what a killed run left."""
    if is_pretraining(parsed):
        pretrain(parsed, out=target, folder=folder, home=home, memory=memory, resume=resume)
        return Trained(target, {}, [], [], "valid")
    network_kind(parsed)  # before rows are read and teachers asked, which may take long
    start_of(parsed, [folder, home], quiet=True)
    with stage("read"):
        rows = prepare(parsed, folder, recipe_folder=home, memory=memory)
    lost = lost_frequencies(parsed, rows)
    if lost is not None:
        rows = replace(rows, findings=[*rows.findings, message("data.resize", what=lost.what, fix=lost.fix)])
    for finding in rows.findings:
        say(finding)
    work = work_folder(target)
    company = current()
    if not resume and company.first:
        shutil.rmtree(work, ignore_errors=True)
    folders = [folder, home]
    taught = None
    if parsed.teachers:
        with stage("teachers"):
            taught = _taught(parsed, rows, folders)
    targets = taught.targets if taught else None
    student = train_student(parsed, rows, folders=folders, checkpoints=work, targets=targets, resume=resume)
    trained = None
    if company.first:
        trained = finish(parsed, rows, student, target, trust=taught.trust if taught else None, lang=lang)
        shutil.rmtree(work, ignore_errors=True)
    return shared(trained, target)


def _taught(recipe: Recipe, rows: Dataset, folders: list[Path | None]) -> Distilled:
    """Let the first process ask the teachers, and tell the others."""
    company = current()
    if company.size == 1:
        return distil(recipe, rows, folders=folders)
    found = distil(recipe, rows, folders=folders) if company.first else None
    content = company.tell(found.targets.to_bytes() if found else b"")
    return found or Distilled(Targets.from_bytes(content), {})


def shared(trained: Trained | None, target: Path) -> Trained:
    """Return what the first process made, in every process."""
    facts = current().tell_json(trained and no_nan({**asdict(trained), "bundle": ""}))
    return trained or Trained(**{**facts, "bundle": target})


def refuse_foreign(target: Path) -> None:
    """Raise where something stands that is neither a bundle nor a start: it would be replaced."""
    if not target.exists():
        return
    entries = [entry.name for entry in target.iterdir()] if target.is_dir() else ["a file"]
    if entries and "bundle.json" not in entries and "config.json" not in entries:
        raise LimbeckError("is there already, and is no bundle", where=target, fix="choose another --out")


def refuse_unwritable(target: Path) -> None:
    """Raise where nothing could be written in the end: better before the training than after it."""
    above = next(place for place in (target.absolute(), *target.absolute().parents) if place.exists())
    if not above.is_dir():
        raise LimbeckError("is a file, and a folder is wanted", where=above, fix="choose another --out")
    if not os.access(above, os.W_OK | os.X_OK):
        raise LimbeckError("nothing may be written here", where=above, fix="choose another --out")


def finish(
    recipe: Recipe, rows: Dataset, student: Student, out: Path, *, trust: dict[str, Any] | None = None, lang: str = "en"
) -> Trained:
    """Export a trained student, judge the exported bundle and write everything that belongs to it."""
    with whole_folder(out) as folder, contextlib.ExitStack() as stack:
        check()
        stack.enter_context(stage("export"))
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
            keys = telling_keys(rows.frame, recipe.task, recipe.input)
            write_seen(folder, [keys[row] for row in seen_rows(recipe, rows)])
        facts = manifest_facts(recipe, rows, student, gate, out.resolve().name)
        write_manifest(folder, facts)
        with Classifier(folder) as classifier:
            write_text(folder / REFERENCE, to_json(reference(classifier, recipe, rows, student)).decode("utf-8"))
        write_manifest(folder, facts)
        stack.close()
        with stage("evaluate"):
            trained = _judge(recipe, rows, student, folder, out, lang)
        write_manifest(folder, facts)  # once more: the metrics and the report now belong to it
        with Classifier(folder):
            pass  # a bundle that cannot be loaded must not take the place of one that can
    return replace(trained, trust=trust)


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
        p = classifier.probabilities_of(values_of(frame, recipe.task))
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
            columns={name: text_column(frame[name]).to_list() for name in recipe.evaluation.slices},
            groups=groups_of(frame, group),
            bootstrap=recipe.evaluation.bootstrap,
            by_length=kind_of(recipe.task).by_length,
            attacks=recipe.evaluation.attacks,
            frame=frame,
        )
        known = _known(recipe, rows, index, part, p, student)
        robust = robust_accuracy(recipe, rows, student, index.tolist())
        if robust is not None:
            judgement.metrics["robust"] = robust
        strange, odd = anomaly_metrics(classifier, frame, rows.labels[index], p)
        judgement.metrics.update(strange)
        findings = [*rows.findings, *judgement.findings, *odd]
        if recipe.evaluation.pictures:
            judgement = judgement.pictured(frame, classifier)
        baselines = _baselines(recipe, rows, index)
        findings += left_out(baselines)
        history = student.history.epochs
        stored = {
            "judged_on": part,
            "test": judgement.metrics,
            "baselines": baselines,
            "slices": judgement.slices,
            "findings": findings,
            "messages": stored_messages(findings),
            "history": history,
            "best_epoch": student.history.best,
            "seen": known,
            "verdict": verdict(
                judgement.metrics, baselines, detector=task_of(recipe.task).detects, seen=known is not None
            ),
        }
        write_json(folder / "metrics.json", stored)
        _report(classifier, rows, index, p, judgement, findings, baselines, history, part, out, lang, known)
        made = facts_of(classifier)
    write_text(folder / "README.md", model_card(recipe, rows, student, stored, made, read_trust(folder)))
    warnings = [] if known is None else [warning(known)]
    return Trained(out, judgement.metrics, baselines, history, part, None, str(stored["verdict"]), list(warnings))


def _known(
    recipe: Recipe, rows: Dataset, index: np.ndarray, part: str, p: np.ndarray, student: Student
) -> dict[str, Any] | None:
    """Return what `Seen.measured` finds where rows that are measured are among those learned from, as copies kept."""
    learned = seen_rows(recipe, rows)
    learned = learned if part == "test" else np.setdiff1d(learned, rows.part("valid"))
    found = seen_among(rows.frame, index, learned, recipe.task, recipe.input)
    positive = student.positive if len(rows.classes) == 2 else None
    if found is None:
        return None
    how: dict[str, Any] = {"positive": positive, "threshold": student.threshold}
    how["bootstrap"] = recipe.evaluation.bootstrap
    return found.measured(rows.labels[index], p, rows.classes, **how)


def _report(
    classifier: Classifier, rows: Dataset, index: np.ndarray, p: np.ndarray, judgement: Judgement,
    findings: list[Message], baselines: list[dict[str, Any]], history: list[dict[str, float]], part: str, out: Path,
    lang: str, known: dict[str, Any] | None,
) -> None:  # fmt: skip
    counts = {name: int((rows.split == name).sum()) for name in ("train", "valid", "test", "unlabelled")}
    page = Report(
        title=out.resolve().name,
        detector=task_of(classifier.manifest.task).detects,
        metrics=judgement.metrics,
        y=rows.labels[index],
        p=p,
        facts=facts_of(classifier)
        | {"judged_on": part}
        | pixel_facts(judgement.metrics)
        | {f"{name} rows": n for name, n in counts.items() if n or name == "train"},
        baselines=baselines,
        slices=judgement.slices,
        worst=judgement.worst,
        strangest=judgement.strangest,
        findings=[*findings, *under_attack(judgement.metrics)],
        export=export_facts(classifier.path),
        history=history,
        trust=read_trust(classifier.path),
        seen=known,
        **pages_of(classifier, rows.frame[index], rows.labels[index], p),
    )
    write_report(classifier.path / "report.html", page, lang=lang)


def _baselines(recipe: Recipe, rows: Dataset, index: np.ndarray) -> list[dict[str, Any]]:
    if not len(index):
        return []
    positive = None if len(rows.classes) > 2 else positive_index(recipe, rows.classes)
    return baseline_rows(recipe, rows, rows.part("train"), rows, index, positive, plain=recipe.evaluation.baseline)


def manifest_facts(recipe: Recipe, rows: Dataset, student: Student, gate: Gate, name: str) -> dict[str, Any]:
    """Return the facts of ``bundle.json``, all but the hashes."""
    raw = recipe.task.class_map or {label: label for label in rows.classes}
    labels: dict[str, str] = {}
    for value, label in raw.items():
        labels.setdefault(label, value)
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    packages = ("torch", "transformers", "onnx", "onnxruntime", "numpy", "tokenizers", "pillow")
    return {
        "limbeck": __version__,
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
        "attacks": recipe.evaluation.attacks,
        "versions": {package: version(package) for package in packages},
    }
