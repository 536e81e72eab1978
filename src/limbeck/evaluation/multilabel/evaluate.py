"""`limbeck evaluate` of a bundle that gives several labels: rows with labels in, metrics and report out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.bundle.training_hashes import telling_keys
from limbeck.data.dataset import Dataset
from limbeck.data.label_sets import joined, membership, truth_of
from limbeck.data.labels import MEMORY
from limbeck.data.tables import layouts
from limbeck.data.tables.read import need
from limbeck.dataset.prepare import load_rows
from limbeck.errors import LimbeckError
from limbeck.evaluation.bundle_files import learned_warning, stored_baselines, stored_metrics
from limbeck.evaluation.measure_rows import groups_of
from limbeck.events import stage
from limbeck.kinds.given.given_rows import rows_given
from limbeck.kinds.select import values_of
from limbeck.messages.message import Message, message
from limbeck.messages.message import stored as to_json
from limbeck.metrics.multilabel import measure_labels

WORST = 24  # rows of the report's list


@dataclass(frozen=True)
class MeasuredLabels:
    """The figures of a bundle on N rows: as `measure_labels` gives them, and rows with most labels wrong."""

    figures: dict[str, Any]
    worst: list[dict[str, Any]]
    truth: NDArray[np.bool_]
    p: NDArray[np.float32]

    @property
    def verdict(self) -> Message:
        """The figures in a sentence."""
        told = {name: 100 * (self.figures[name] or 0.0) for name in ("micro_f1", "macro_f1", "subset_accuracy")}
        return message("several.verdict", count=self.figures["n"], **told)


def evaluate(
    bundle: str | Path | MultiLabelClassifier,
    data: str | Path | Any,
    *,
    report: str | Path | None = None,
    where: Mapping[str, str] | None = None,
    group: str | None = None,
    bootstrap: int = 1000,
    lang: str = "en",
    pictures: bool = False,
    encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Measure a bundle on rows with labels; see `limbeck.evaluate`.

    Returns
    -------
    dict
        What `limbeck.metrics.multilabel.measure_labels` gives, and ``verdict``, ``baselines`` as measured when the
        bundle was made, ``warnings``, ``findings`` and ``messages`` as of classifiers.

    Raises
    ------
    LimbeckError
        For rows that do not fit the bundle.
    """
    if pictures:
        raise LimbeckError("small pictures are of bundles of pictures", where="--pictures", fix="leave it out")
    with contextlib.ExitStack() as stack:
        if isinstance(bundle, MultiLabelClassifier):
            classifier = bundle
        else:
            classifier = stack.enter_context(MultiLabelClassifier(bundle))
        with stage("read"):
            rows = labelled(classifier, data, where, encoding, rename)
        place = data if isinstance(data, str | os.PathLike) else MEMORY
        need(rows.frame.columns, [group] if group else [], place)
        with stage("evaluate"):
            found = measured(classifier, rows, group=group, bootstrap=bootstrap)
        keys = telling_keys(rows.frame, classifier.manifest.task, classifier.manifest.input)
        warnings = learned_warning(classifier.path, keys)
        stored = stored_metrics(classifier.path)
        baselines = stored_baselines(stored)
        if report is not None:
            from limbeck.evaluation.multilabel.report import write_report

            facts = {"data": str(place)}
            history, warning = stored.get("history", []), next(iter(warnings), None)
            write_report(report, found, classifier, facts, history, baselines, lang=lang, warning=warning)
    return {
        **found.figures,
        "verdict": found.verdict,
        "baselines": baselines,
        "warnings": warnings,
        "findings": rows.findings,
        "messages": to_json(rows.findings),
    }


def labelled(
    classifier: MultiLabelClassifier, data: Any, where: Mapping[str, str] | None = None, encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
) -> Dataset:  # fmt: skip
    """Return the rows that have labels; an unknown label is an error that names its row."""
    manifest = classifier.manifest
    task = manifest.task
    if task.class_map is None:
        task = task.model_copy(update={"classes": {raw: name for name, raw in manifest.labels.items()}})
    given = rows_given(data)
    source = Path(data) if given is None else given
    columns = layouts.renamed(manifest.columns, rename)
    return load_rows(source, task, manifest.layout, columns, where=where, encoding=encoding, several=True)


def measured(
    classifier: MultiLabelClassifier, rows: Dataset, *, group: str | None = None, bootstrap: int = 1000
) -> MeasuredLabels:
    """Return what a bundle is worth on rows whose ``classes`` are sets of labels."""
    names, task = classifier.classes, classifier.manifest.task
    truth = truth_of(rows.labels, membership(rows.classes, names, task)) == 1
    p = classifier.probabilities_of(values_of(rows.frame, task))
    cuts = list(classifier.thresholds.values())
    groups = groups_of(rows.frame, group)
    figures = measure_labels(truth, p, cuts, names, bootstrap=bootstrap, groups=groups)
    return MeasuredLabels(figures, _worst(classifier, rows, truth, p), truth, p)


def _worst(
    classifier: MultiLabelClassifier, rows: Dataset, truth: NDArray[np.bool_], p: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """Return the rows with most labels wrong, the surest mistakes first among equals."""
    task, said = classifier.manifest.task, classifier.decide(p)
    wrong = said != truth
    count = wrong.sum(axis=1)
    sure = np.where(wrong, np.where(said, p, 1.0 - p), 0.0).max(axis=1, initial=0.0)
    order = [at for at in np.lexsort((-sure, -count)).tolist() if count[at]][:WORST]

    def cell(given: Sequence[bool] | NDArray[np.bool_]) -> str:
        return joined(classifier.names_of(np.asarray(given)), task)

    return [
        {
            "row": int(rows.numbers[at]), "text": rows.texts[at], "true": cell(truth[at]),
            "predicted": cell(said[at]), "wrong": int(count[at]),
        }
        for at in order
    ]  # fmt: skip
