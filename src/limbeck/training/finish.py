"""From a trained student to a bundle: exported through the gate, evaluated once on ``test``, with its report."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import write_manifest
from limbeck.data.dataset import Dataset
from limbeck.data.tables.read import need
from limbeck.evaluation.baselines import baseline_rows, left_out
from limbeck.evaluation.bundle_files import facts_of
from limbeck.evaluation.measured import measured
from limbeck.evaluation.report.page import write_report
from limbeck.evaluation.report.trust import read_trust
from limbeck.evaluation.seen_rows import Seen, seen_among, warning
from limbeck.events import check, stage
from limbeck.files import whole_folder, write_json, write_text
from limbeck.kinds.select import values_of
from limbeck.messages.message import stored as stored_messages
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.training.adversarial_accuracy import robust_accuracy, under_attack
from limbeck.training.build import positive_index
from limbeck.training.export.bundle_parts import seen_rows
from limbeck.training.export.model_card import model_card
from limbeck.training.export.write_bundle import write_bundle
from limbeck.training.left_out import figures, told
from limbeck.training.limits import refuse_too_large
from limbeck.training.search.attempts import Attempts
from limbeck.training.search.choice import Choice
from limbeck.training.student import Student


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
    decision: dict[str, Any] | None = None


def finish(
    recipe: Recipe, rows: Dataset, student: Student, out: Path, *, trust: dict[str, Any] | None = None,
    lang: str = "en", choice: Choice | None = None, limits: Attempts | None = None,
) -> Trained:  # fmt: skip
    """Export a trained student, evaluate the exported bundle and write everything that belongs to it.

    ``choice`` says how the student was chosen among candidates, where the recipe lists some; ``limits`` how it holds
    those of ``[export]``.

    Raises
    ------
    TooLargeError
        When the finished bundle is larger than ``export.max_size``; nothing is left of it.
    """
    with whole_folder(out) as folder:
        check()
        with stage("export"):
            facts = write_bundle(recipe, rows, student, folder, out.resolve().name, trust)
        with stage("evaluate"):
            trained = _evaluated(recipe, rows, student, folder, out, lang, choice, limits)
        write_manifest(folder, facts)  # once more: the metrics and the report now belong to it
        refuse_too_large(recipe, folder)
        with Classifier(folder):
            pass  # a bundle that cannot be loaded must not take the place of one that can
    return replace(trained, trust=trust)


def _evaluated(
    recipe: Recipe, rows: Dataset, student: Student, folder: Path, out: Path, lang: str, choice: Choice | None,
    limits: Attempts | None,
) -> Trained:  # fmt: skip
    """Let the exported bundle answer the test rows, once, and write what it is worth."""
    part = "test" if len(rows.part("test")) else "valid"
    if part == "valid" and not len(rows.part("valid")):
        say("no row has a label to measure by; trust.json holds the expected accuracy")
    elif part == "valid":
        say("there are no test rows: the figures are those of valid, on which the student was chosen")
    index = rows.part(part)
    evaluated, asked, history = rows.take(index), recipe.evaluation, student.history.epochs
    need(evaluated.frame.columns, [*asked.slices, *([asked.group] if asked.group else [])], "the data")
    baselines = _baselines(recipe, rows, index)
    with Classifier(folder) as classifier:
        p = classifier.probabilities_of(values_of(evaluated.frame, recipe.task))
        robust = robust_accuracy(recipe, rows, student, index.tolist())
        found = measured(
            classifier, evaluated, p, slices=asked.slices, group=asked.group, bootstrap=asked.bootstrap,
            seen=_known(recipe, rows, index, part), more={} if robust is None else {"robust": robust},
        )  # fmt: skip
        if asked.pictures:
            found = found.pictured(classifier)
        settling = [*told(student, rows.classes), *([student.pruning.message] if student.pruning else [])]
        findings = [*found.findings, *left_out(baselines), *settling]
        decided = found.decision(classifier, baselines).facts()
        stored = {
            "judged_on": part,
            "test": found.metrics,
            "baselines": baselines,
            "slices": found.figures.slices,
            "findings": findings,
            "messages": stored_messages(findings),
            "history": history,
            "best_epoch": student.history.best,
            "seen": found.known,
            "verdict": found.verdict(classifier, baselines),
            "decision": decided,
            **({} if choice is None else {"candidates": choice.facts()}),
            **({} if student.pruning is None else {"pruning": asdict(student.pruning)}),
            **({} if limits is None else {"limits": limits.facts()}),
            **({} if student.left_out is None else {"operating_point": figures(student, rows.classes)}),
        }
        write_json(folder / "metrics.json", stored)
        counts = {name: len(rows.part(name)) for name in ("train", "valid", "test", "unlabelled")}
        facts = {"judged_on": part, **{f"{name} rows": n for name, n in counts.items() if n or name == "train"}}
        chosen = [*(choice.messages if choice else []), *(limits.lines if limits else [])]
        notes = [*under_attack(found.metrics), *chosen, *settling]
        page = found.page(
            classifier, out.resolve().name, baselines, facts=facts, findings=notes, history=history,
            trust=read_trust(folder),
        )  # fmt: skip
        write_report(folder / "report.html", page, lang=lang)
        made = facts_of(classifier)
    write_text(folder / "README.md", model_card(recipe, rows, student, stored, made, read_trust(folder)))
    warnings = [] if found.known is None else [str(warning(found.known))]
    return Trained(out, found.metrics, baselines, history, part, None, str(stored["verdict"]), warnings, decided)


def _known(recipe: Recipe, rows: Dataset, index: np.ndarray, part: str) -> Seen | None:
    """Return which of the rows that are measured are among those learned from, as copies that were kept."""
    learned = seen_rows(recipe, rows)
    learned = learned if part == "test" else np.setdiff1d(learned, rows.part("valid"))
    return seen_among(rows.frame, index, learned, recipe.task, recipe.input)


def _baselines(recipe: Recipe, rows: Dataset, index: np.ndarray) -> list[dict[str, Any]]:
    if not len(index):
        return []
    positive = None if len(rows.classes) > 2 else positive_index(recipe, rows.classes)
    return baseline_rows(recipe, rows, rows.part("train"), rows, index, positive, plain=recipe.evaluation.baseline)
