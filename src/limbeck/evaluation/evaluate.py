"""Evaluate a bundle on labelled rows: rows in, answers asked, metrics and report out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.load import own_verb
from limbeck.data.dataset import Dataset
from limbeck.data.labels import MEMORY
from limbeck.data.tables import layouts
from limbeck.data.tables.read import need
from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.evaluation.baselines import baseline_rows, has_baseline, left_out
from limbeck.evaluation.bundle_files import stored_baselines, stored_metrics, trust_of
from limbeck.evaluation.measured import measured
from limbeck.evaluation.report.headline import ELSEWHERE
from limbeck.evaluation.report.page import write_report
from limbeck.evaluation.seen_rows import seen_by, warning
from limbeck.events import Listener, Token, stage, told
from limbeck.kinds.given.given_rows import rows_given
from limbeck.kinds.select import values_of
from limbeck.kinds.text.baseline import NAME
from limbeck.locks import sole_writer
from limbeck.messages.message import stored as to_json
from limbeck.metrics.baselines.majority_baseline import NAME as MAJORITY
from limbeck.metrics.baselines.majority_baseline import majority_row
from limbeck.metrics.operating_points import sweep
from limbeck.process.forks import refuse_forked
from limbeck.recipe import load_recipe

_LARGEST = 32 * 2**20  # bytes of the JSON of a bundle


def labelled(
    classifier: Classifier, data: Any, where: Mapping[str, str] | None = None, encoding: str | None = None, *,
    labels: bool = True, rename: Mapping[str, str] | None = None,
) -> Dataset:  # fmt: skip
    """Read the rows of a table, a folder or memory that carry labels of the classifier's classes.

    Without ``labels`` all rows are read, and none of their labels. ``rename`` is as for `limbeck.predict`.

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
        Path(data) if given is None else given, task, manifest.layout, layouts.renamed(manifest.columns, rename),
        classifier.classes,
        manifest.input.box, manifest.input.signal, where, encoding, labelled=labels,
    )  # fmt: skip


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
    rename: Mapping[str, str] | None = None,
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
        them and evaluated on the rows at hand. Without it the baseline stands as measured when the bundle was made.
    pictures
        Put small copies of the worst errors into the report; without it the page holds no picture of the rows.
    encoding
        That of a text table, e.g. ``"latin-1"``; found when None.
    rename
        Column of the data -> the column that the bundle knows, where they are called otherwise.
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
        if (own := own_verb(bundle, "evaluate")) is not None:
            if slices or train_data is not None:
                fix = "leave --slices and --train-data out"
                raise LimbeckError("these options are of bundles with one label a row", where="evaluate", fix=fix)
            found: dict[str, Any] = own(
                bundle, data, report=report, where=where, group=group, bootstrap=bootstrap, lang=lang,
                pictures=pictures, encoding=encoding, rename=rename,
            )  # fmt: skip
            return found
        classifier = bundle if isinstance(bundle, Classifier) else stack.enter_context(Classifier(bundle))
        return _evaluate(
            classifier, data, report, where, slices, group, bootstrap, train_data, lang, pictures, encoding, rename
        )


def _evaluate(
    classifier: Classifier, data: Any, report: str | Path | None, where: Mapping[str, str] | None,
    slices: Sequence[str], group: str | None, bootstrap: int, train_data: Any, lang: str, pictures: bool,
    encoding: str | None, rename: Mapping[str, str] | None,
) -> dict[str, Any]:  # fmt: skip
    if pictures and (report is None or not classifier.kind.has("gallery")):
        fix = "name a file with --report" if report is None else "leave --pictures out"
        raise LimbeckError("small pictures are for the report of a bundle of pictures", where="--pictures", fix=fix)
    with stage("read"):
        rows = labelled(classifier, data, where, encoding, rename=rename)
    place = data if isinstance(data, str | os.PathLike) else MEMORY
    need(rows.frame.columns, [*slices, *([group] if group else [])], place)
    manifest = classifier.manifest
    with stage("predict"):
        p = classifier.probabilities_of(values_of(rows.frame, manifest.task))
    seen, notes = seen_by(classifier, rows.frame, where)
    rows = replace(rows, findings=[*notes, *rows.findings])
    with stage("evaluate"):
        found = measured(classifier, rows, p, slices=slices, group=group, bootstrap=bootstrap, seen=seen)
    stored = stored_metrics(classifier.path)
    baselines = _baselines(classifier, rows, stored if found.known is None else {}, train_data)
    if report is not None:
        trust, missing = trust_of(classifier.path)
        shown = found.pictured(classifier) if pictures else found
        page = shown.page(
            classifier, manifest.name, baselines, facts={"data": str(place)}, findings=missing,
            history=stored.get("history", []), trust=trust,
        )  # fmt: skip
        write_report(report, page, lang=lang)
    findings = [*found.findings, *left_out(baselines)]
    return {
        **found.metrics,
        "operating": sweep(rows.labels, p, manifest.threshold, manifest.positive),
        "verdict": found.verdict(classifier, baselines),
        "decision": found.decision(classifier, baselines).facts(),
        "baselines": baselines,
        "slices": found.figures.slices,
        "warnings": [] if found.known is None else [warning(found.known)],
        "seen": found.known,
        "findings": findings,
        "messages": to_json(findings),
    }


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
    then = [{**row, ELSEWHERE: True} for row in stored_baselines({"baselines": others}, NAME)]
    return [*then, majority]
