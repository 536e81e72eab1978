"""Evaluate a bundle on labelled rows: rows in, answers asked, metrics and report out."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.classifier import Classifier
from limbeck.data.dataset import Dataset
from limbeck.data.labels import MEMORY
from limbeck.data.tables.read import need
from limbeck.data.tables.rows import text_column
from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.evaluation.baselines import baseline_rows, has_baseline, left_out
from limbeck.evaluation.judge import groups_of, judge
from limbeck.evaluation.report.headline import ELSEWHERE, verdict
from limbeck.evaluation.report.page import Report, write_report
from limbeck.evaluation.report.trust import read_trust
from limbeck.evaluation.seen_rows import seen_by, warning
from limbeck.events import Listener, Token, stage, told
from limbeck.files import read_regular
from limbeck.kinds.given_rows import rows_given
from limbeck.kinds.select import values_of
from limbeck.kinds.text.baseline import NAME
from limbeck.locks import sole_writer
from limbeck.messages.baseline_names import elsewhere
from limbeck.messages.message import Message, from_json, message
from limbeck.messages.message import stored as to_json
from limbeck.metrics.majority_baseline import NAME as MAJORITY
from limbeck.metrics.majority_baseline import majority_row
from limbeck.process.forks import refuse_forked
from limbeck.recipe import load_recipe
from limbeck.tasks import task_of
from limbeck.tasks.anomaly.pixel_metrics import anomaly_metrics

_LARGEST = 32 * 2**20  # bytes of the JSON of a bundle


def labelled(
    classifier: Classifier, data: Any, where: Mapping[str, str] | None = None, encoding: str | None = None
) -> Dataset:
    """Read the rows of a table, a folder or memory that carry labels of the classifier's classes.

    Raises
    ------
    LimbeckError
        When a column is missing, a class unknown, or no row is left.
    """
    manifest = classifier.manifest
    task = manifest.task.model_copy(update={"classes": {raw: name for name, raw in manifest.labels.items()}})
    if manifest.task.class_map is not None:
        task = task.model_copy(update={"classes": manifest.task.class_map})
    given = rows_given(data)
    return load_rows(
        Path(data) if given is None else given, task, manifest.layout, manifest.columns, classifier.classes,
        manifest.input.box, manifest.input.signal, where, encoding,
    )  # fmt: skip


def only(rows: Dataset, index: np.ndarray) -> Dataset:
    """Return the chosen rows."""
    return replace(
        rows,
        frame=rows.frame[index.tolist()],
        texts=[rows.texts[row] for row in index],
        labels=rows.labels[index],
        split=rows.split[index],
        numbers=rows.numbers[index],
        origin=rows.origin[index],
    )


def evaluate(
    bundle: str | Path | Classifier,
    data: str | Path | Any,
    *,
    report: str | Path | None = None,
    where: Mapping[str, str] | None = None,
    slices: Sequence[str] = (),
    group: str | None = None,
    bootstrap: int = 1000,
    train_data: str | Path | Any = None,
    lang: str = "en",
    pictures: bool = False,
    encoding: str | None = None,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> dict[str, Any]:
    """Measure a bundle on labelled rows.

    Parameters
    ----------
    data
        A table or a folder; or rows: a frame of polars or pandas, or a list of dictionaries.
    report
        HTML file to write, besides returning the metrics.
    where
        Column -> value: only these rows count, e.g. ``{"split": "test"}``.
    slices
        Columns by which the worst slices are sought.
    group
        Column whose groups the bootstrap keeps together.
    train_data
        Folder with the training rows of the bundle's recipe, or these rows: scikit-learn's baseline is then trained on
        them and judged on the rows at hand. Without it the baseline stands as measured when the bundle was made.
    pictures
        Put small copies of the worst errors into the report; without it the page holds no picture of the rows.
    encoding
        That of a text table, e.g. ``"latin-1"``; found when None.
    progress
        Called with each `limbeck.events.Event` of the run; nothing is written to stderr then. What it raises ends the
        run.
    cancel
        Stops the run at its next safe point.

    Returns
    -------
    dict
        See `limbeck.metrics.measure.measure`; what `limbeck.metrics.presentation_attacks.measure_liveness` gives, for a
        bundle whose recipe names ``evaluation.attacks``; ``seen``, None or how many of the rows the bundle learned from
        and the figures of those that are new to it (``unseen``); ``verdict``, a sentence; ``warnings`` that come before
        any figure, and ``findings`` on the rows, lists of sentences; ``messages``, codes and values of the findings.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        For rows that do not fit the bundle, and for ``pictures`` without a report or of rows that are none.
    """
    refuse_forked()
    with told(progress, cancel), contextlib.ExitStack() as stack:
        if report is not None:
            stack.enter_context(sole_writer(report))
        classifier = bundle if isinstance(bundle, Classifier) else stack.enter_context(Classifier(bundle))
        return _evaluate(
            classifier, data, report, where, slices, group, bootstrap, train_data, lang, pictures, encoding
        )


def _evaluate(
    classifier: Classifier, data: Any, report: str | Path | None, where: Mapping[str, str] | None,
    slices: Sequence[str], group: str | None, bootstrap: int, train_data: Any, lang: str, pictures: bool,
    encoding: str | None,
) -> dict[str, Any]:  # fmt: skip
    if pictures and (report is None or not classifier.kind.pictured):
        fix = "name a file with --report" if report is None else "leave --pictures out"
        raise LimbeckError("small pictures are for the report of a bundle of pictures", where="--pictures", fix=fix)
    with stage("read"):
        rows = labelled(classifier, data, where, encoding)
    place = data if isinstance(data, str | os.PathLike) else MEMORY
    need(rows.frame.columns, [*slices, *([group] if group else [])], place)
    with stage("predict"):
        p = classifier.probabilities_of(values_of(rows.frame, classifier.manifest.task))
    manifest = classifier.manifest
    seen, notes = seen_by(classifier, rows.frame, where)
    findings = [*notes, *rows.findings]
    groups = groups_of(rows.frame, group)
    with stage("evaluate"):
        judgement = judge(
            rows.labels,
            p,
            classifier.decide(p),
            classifier.classes,
            positive=manifest.positive,
            threshold=manifest.threshold,
            texts=rows.texts,
            numbers=rows.numbers,
            columns={name: text_column(rows.frame[name]).to_list() for name in slices},
            groups=groups,
            bootstrap=bootstrap,
            by_length=classifier.kind.by_length,
            attacks=manifest.attacks,
            frame=rows.frame,
        )
    known = None if seen is None else seen.measured(
        rows.labels, p, classifier.classes, positive=manifest.positive if len(classifier.classes) == 2 else None,
        threshold=manifest.threshold, bootstrap=bootstrap, groups=groups,
    )  # fmt: skip
    findings += judgement.findings
    strange, odd = anomaly_metrics(classifier, rows.frame, rows.labels, p)
    findings += odd
    stored = stored_metrics(classifier.path)
    baselines = _baselines(classifier, rows, stored if known is None else {}, train_data)
    findings += left_out(baselines)
    if report is not None:
        if pictures:
            judgement = judgement.pictured(rows.frame, classifier)
        trust, missing = _trust(classifier.path)
        page = Report(
            title=manifest.name,
            detector=task_of(manifest.task).detects,
            metrics=judgement.metrics,
            y=rows.labels,
            p=p,
            facts=facts_of(classifier) | {"data": str(place)} | strange,
            baselines=baselines,
            seen=known,
            slices=judgement.slices,
            worst=judgement.worst,
            strangest=judgement.strangest,
            findings=[*findings, *missing],
            export=export_facts(classifier.path),
            history=stored.get("history", []),
            trust=trust,
            **pages_of(classifier, rows.frame, rows.labels, p),
        )
        write_report(report, page, lang=lang)
    more = strange | figures_of(classifier, rows.labels, p)
    warnings = [] if known is None else [warning(known)]
    said = verdict(judgement.metrics, baselines, detector=task_of(manifest.task).detects, seen=known is not None)
    told = {
        "verdict": said,
        "baselines": baselines,
        "slices": judgement.slices,
        "warnings": warnings,
        "seen": known,
        "findings": findings,
        "messages": to_json(findings),
    }
    return {**judgement.metrics, **more, **told}


def pages_of(classifier: Classifier, frame: pl.DataFrame, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """Return the fields of the report that are of the classifier's kind; frame holds the rows of y [N] and p [N, C]."""
    if not classifier.kind.reported:
        return {}
    pages: dict[str, Any] = classifier.kind.load("report").pages(classifier, frame, y, p)
    return pages


def figures_of(classifier: Classifier, y: np.ndarray, p: np.ndarray) -> dict[str, Any]:
    """Return the figures that are of the classifier's kind, beside those of every kind."""
    if not classifier.kind.reported:
        return {}
    figures: dict[str, Any] = classifier.kind.load("report").figures(y, p, classifier.manifest)
    return figures


def _trust(folder: Path) -> tuple[dict[str, Any] | None, list[Message]]:
    """Return a bundle's trust report, or why the page goes without: an evaluation does not fail for it."""
    try:
        return read_trust(folder), []
    except LimbeckError as error:
        return None, [message("evaluation.trust_left_out", reason=error.message())]


def facts_of(classifier: Classifier) -> dict[str, Any]:
    """Return what a reader of a report wants to know of the classifier."""
    manifest = classifier.manifest
    size = sum((classifier.path / name).stat().st_size for name in (*manifest.files, "bundle.json"))
    return {
        "network": manifest.network,
        "parameters": manifest.parameters,
        "size": f"{size / 2**20:,.1f} MiB" if size >= 2**20 else f"{size / 2**10:,.0f} KiB",
        "threshold": manifest.threshold,
        "temperature": manifest.temperature,
        "created": manifest.created.replace("T", " ").replace("+00:00", " UTC"),
        "limbeck": manifest.limbeck,
    }


def stored_metrics(folder: Path) -> dict[str, Any]:
    """Return what was measured when the bundle was made; empty when it is not there."""
    return _json(folder / "metrics.json")


def export_facts(folder: Path) -> dict[str, Any] | None:
    """Return what the gate found when the bundle was exported, flat."""
    found = _json(folder / "export.json")
    if not found:
        return None
    int8 = found.pop("int8", {})
    int8 = dict(int8) if isinstance(int8, dict) else {}
    known = int8.pop("message", None)
    if isinstance(int8.get("reason"), str):
        int8["reason"] = from_json(known, int8["reason"])
    return found | int8


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(read_regular(file, _LARGEST, inside=file.parent).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _baselines(
    classifier: Classifier, rows: Dataset, stored: Mapping[str, Any], train_data: Any
) -> list[dict[str, Any]]:
    """Return the lines of the baselines; that of the majority class is always of the rows at hand."""
    positive = classifier.manifest.positive if len(classifier.classes) == 2 else None
    if train_data is not None and has_baseline(classifier.manifest.task):
        recipe = load_recipe(classifier.path / "recipe.toml")
        given = rows_given(train_data)
        source = prepare(recipe, Path(train_data) if given is None else None, recipe_folder=None, memory=given)
        return baseline_rows(recipe, source, source.part("train"), rows, np.arange(len(rows.labels)), positive)
    known = [row for row in stored.get("baselines", []) if isinstance(row, dict)]
    most = next((row.get("class") for row in known if row.get("name") == MAJORITY), None)
    answer = classifier.classes.index(most) if most in classifier.classes else None
    majority = majority_row([], rows.labels, classifier.classes, positive, answer=answer)
    others = [row for row in known if row.get("name") != MAJORITY]
    then = [{**row, "name": elsewhere(row.get("name", NAME)), ELSEWHERE: True} for row in others]
    return [*then, majority]
