"""Figures of a bundle on labelled rows, and the page that shows them: after training and at any later time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.data.dataset import Dataset
from limbeck.data.tables.rows import text_column
from limbeck.evaluation.baselines import left_out
from limbeck.evaluation.bundle_files import export_facts, facts_of
from limbeck.evaluation.coverage import coverage_of
from limbeck.evaluation.measure_rows import RowFigures, groups_of, measure_rows
from limbeck.evaluation.report import headline
from limbeck.evaluation.report.decision import Decision, decide
from limbeck.evaluation.report.page import Report
from limbeck.evaluation.seen_rows import Seen
from limbeck.messages.message import Message
from limbeck.metrics.automation import Automatic, automatic
from limbeck.metrics.operating_points import sweep
from limbeck.tasks import task_of


@dataclass(frozen=True)
class Measured:
    """The figures of a bundle on N labelled rows.

    Attributes
    ----------
    p
        Its answers float32 [N, C].
    known
        What `Seen.measured` found, where it has learned from some of the rows; None where from none that is known.
    findings
        Those of the rows, and what was found while they were measured.
    """

    rows: Dataset
    p: np.ndarray
    figures: RowFigures
    known: dict[str, Any] | None
    findings: list[Message]

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics; see `limbeck.metrics.measure.measure`."""
        return self.figures.metrics

    def pictured(self, classifier: Classifier) -> Measured:
        """Return it with small pictures of the worst errors."""
        return replace(self, figures=self.figures.pictured(self.rows.frame, classifier))

    def verdict(self, classifier: Classifier, baselines: Sequence[Mapping[str, Any]]) -> Message:
        """Return the headline."""
        detects = task_of(classifier.manifest.task).detects
        return headline.verdict(self.metrics, baselines, detector=detects, seen=self.known is not None)

    def decision(self, classifier: Classifier, baselines: Sequence[Mapping[str, Any]]) -> Decision:
        """Return whether the bundle can be used, by these figures."""
        detects = task_of(classifier.manifest.task).detects
        return decide(
            self.metrics, baselines, self.automatic(classifier), detector=detects, seen=self.known is not None
        )

    def automatic(self, classifier: Classifier) -> tuple[Automatic, ...]:
        """Return how many of the rows could be answered without people."""
        return automatic(self.rows.labels, classifier.decide(self.p), self.p)

    def page(
        self, classifier: Classifier, title: str, baselines: Sequence[Mapping[str, Any]], *, facts: Mapping[str, Any],
        findings: Sequence[Message], history: Sequence[Mapping[str, Any]], trust: Mapping[str, Any] | None,
    ) -> Report:  # fmt: skip
        """Return the report; ``facts`` and ``findings`` stand behind those that every bundle has."""
        return Report(
            title=title,
            detector=task_of(classifier.manifest.task).detects,
            metrics=self.metrics,
            y=self.rows.labels,
            p=self.p,
            facts={**facts_of(classifier), **task_of(classifier.manifest.task).facts(self.metrics), **facts},
            baselines=baselines,
            seen=self.known,
            slices=self.figures.slices,
            worst=self.figures.worst,
            strangest=self.figures.strangest,
            findings=[*self.findings, *left_out(baselines), *findings],
            export=export_facts(classifier.path),
            history=history,
            trust=trust,
            decision=self.decision(classifier, baselines),
            automatic=() if task_of(classifier.manifest.task).detects else self.automatic(classifier),
            operating=sweep(self.rows.labels, self.p, classifier.manifest.threshold, classifier.manifest.positive),
            **pages_of(classifier, self.rows, self.p),
        )


def measured(
    classifier: Classifier, rows: Dataset, p: np.ndarray, *, slices: Sequence[str] = (), group: str | None = None,
    bootstrap: int = 1000, seen: Seen | None = None, more: Mapping[str, Any] | None = None,
) -> Measured:  # fmt: skip
    """Measure answers p float32 [N, C] to N labelled rows.

    Parameters
    ----------
    slices
        Columns by which the worst slices are sought.
    group
        Column whose groups the bootstrap keeps together.
    seen
        Which of the rows the bundle has learned from.
    more
        Metrics that were measured elsewhere.
    """
    manifest, frame, y = classifier.manifest, rows.frame, rows.labels
    how: dict[str, Any] = {"threshold": manifest.threshold, "bootstrap": bootstrap, "groups": groups_of(frame, group)}
    row_figures = measure_rows(
        y,
        p,
        classifier.decide(p),
        classifier.classes,
        positive=manifest.positive,
        texts=rows.texts,
        numbers=rows.numbers,
        columns={name: text_column(frame[name]).to_list() for name in slices},
        by_length=classifier.kind.one_text,
        attacks=manifest.attacks,
        frame=frame,
        **how,
    )
    covered, told = coverage_of(classifier, y, p, how["groups"])
    row_figures.metrics.update(covered)
    own, odd = task_of(manifest.task).figures(classifier, frame, y, p)
    row_figures.metrics.update({**(more or {}), **own})
    positive = manifest.positive if len(classifier.classes) == 2 else None
    known = None if seen is None else seen.measured(y, p, classifier.classes, positive=positive, **how)
    return Measured(rows, p, row_figures, known, [*rows.findings, *row_figures.findings, *odd, *told])


def pages_of(classifier: Classifier, rows: Dataset, p: np.ndarray) -> dict[str, Any]:
    """Return the fields of the report that only the classifier's kind has."""
    if not classifier.kind.has("report"):
        return {}
    pages: dict[str, Any] = classifier.kind.load("report").pages(classifier, rows.frame, rows.labels, p)
    return pages
