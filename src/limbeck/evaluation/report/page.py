"""The evaluation of a classifier as one offline HTML page: no network, no scripts, English and Chinese in one file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.evaluation.report import charts as pictures
from limbeck.evaluation.report import frame
from limbeck.evaluation.report import trust_chart as trust_picture
from limbeck.evaluation.report.decision import Decision
from limbeck.evaluation.report.frame import LIVENESS
from limbeck.evaluation.report.headline import verdict
from limbeck.evaluation.report.thumbnail import is_thumbnail
from limbeck.evaluation.report.trust import checked, expectation, meaning, weakest, with_labels
from limbeck.evaluation.seen_rows import warning
from limbeck.files import write_text
from limbeck.messages.escape import inert
from limbeck.messages.findings import doubtful
from limbeck.messages.labels import pair
from limbeck.metrics.automation import Automatic
from limbeck.metrics.confusions import top_confusions
from limbeck.metrics.measure import NAMES

HERE = Path(__file__).parent
CARDS = ("accuracy", "macro_f1", "roc_auc", "ap", "eer", "ece")
BASELINE_COLUMNS = ("accuracy", "macro_f1", "roc_auc", "n_train", "seconds")
_NOTES = ("liveness_note", "liveness_point")
_MOST_RATES = 60


@dataclass(frozen=True)
class Report:
    """What the page shows; only title, metrics, y and p are needed.

    Parameters
    ----------
    metrics
        The dict of `metrics.measure` on y int64[N] and p float[N, C].
    facts, export
        Name -> value; names known to `words` appear in both languages, others as they are.
    baselines
        Dicts like `baseline.baseline_row`'s.
    slices
        The list of `slices.worst_slices`.
    worst
        Dicts with row, text (or path), true, predicted, probability, and for a gallery the ``thumbnail`` that
        `gallery.thumbnails` made.
    strangest
        The same of the rows that a detector of pictures finds strangest; only those with a ``thumbnail`` are shown.
    findings
        Sentences, or (English, Chinese) pairs of them; messages appear in Chinese too.
    comparison
        The dict of `compare.compare`.
    history
        Dicts with epoch, train_loss and validation values.
    trust
        The dict of ``trust.json``: how far each teacher of a distilled student can be trusted.
    detector
        Whether it looks for anomalies: the headline tells how well it orders rows, not how calibrated it is.
    seen
        What `seen_rows.Seen.measured` found, where the bundle learned from some of the rows: it is told first.
    operating, beats
        The table of `operating.sweep`, and the pictures of `beats.beat_figures`; see `kinds.signal.report.pages`.
    decision, automatic
        Whether the model can be used, and how many rows it could answer without people.
    """

    title: str
    metrics: Mapping[str, Any]
    y: ArrayLike
    p: ArrayLike
    facts: Mapping[str, Any] = field(default_factory=dict)
    baselines: Sequence[Mapping[str, Any]] = ()
    slices: Sequence[Mapping[str, Any]] = ()
    worst: Sequence[Mapping[str, Any]] = ()
    strangest: Sequence[Mapping[str, Any]] = ()
    findings: Sequence[str | tuple[str, str]] = ()
    comparison: Mapping[str, Any] | None = None
    export: Mapping[str, Any] | None = None
    history: Sequence[Mapping[str, Any]] = ()
    trust: Mapping[str, Any] | None = None
    detector: bool = False
    seen: Mapping[str, Any] | None = None
    operating: Sequence[Mapping[str, Any]] = ()
    beats: Sequence[Mapping[str, Any]] = ()
    decision: Decision | None = None
    automatic: Sequence[Automatic] = ()


def write_report(path: str | os.PathLike[str], report: Report, *, lang: str = "en") -> None:
    """Write the page, whole or not at all; ``lang`` ("en" or "zh") is the language it opens in.

    Raises
    ------
    LimbeckError
        For another language, a trust report that is none, or a path that cannot be written.
    """
    write_text(path, render_report(report, lang=lang))


def render_report(report: Report, *, lang: str = "en") -> str:
    """Return the page as text; see `write_report`."""
    galleries = [
        (name, [row for row in rows if is_thumbnail(row.get("thumbnail"))])
        for name, rows in (("strangest", report.strangest), ("gallery", report.worst))
    ]
    galleries = [(name, rows) for name, rows in galleries if rows]
    values = {
        "report": report,
        "m": report.metrics,
        "title": report.title,
        "facts": report.facts,
        "verdict": verdict(report.metrics, report.baselines, detector=report.detector, seen=report.seen is not None),
        "warning": None if report.seen is None else warning(report.seen),
        "names": NAMES,
        "card_names": CARDS,
        "liveness_cards": LIVENESS,
        "baseline_columns": BASELINE_COLUMNS,
        "weakest": weakest,
        "galleries": galleries,
        "findings": _by_gravity(report.findings),
        "confusions": top_confusions(report.metrics["confusion"], list(report.metrics["classes"])),
        "liveness": _liveness(report.metrics),
        "trust": _trust(report),
        "beats": frame.drawings([(one["caption"], one["drawing"]) for one in report.beats]),
        "figures": frame.drawings(_figures(report)),
        "history": frame.drawings(frame.history_figures(report.history)),
    }
    return frame.rendered(HERE / "report.html", values, lang=lang, images=bool(galleries))


def _by_gravity(findings: Sequence[str | tuple[str, str]]) -> list[tuple[bool, list[str | tuple[str, str]]]]:
    """Return the findings that call for a look, then those that say what was done, as (grave, findings)."""
    grave = [one for one in findings if doubtful(one if isinstance(one, str) else one[0])]
    return [(name, part) for name, part in ((True, grave), (False, [f for f in findings if f not in grave])) if part]


def _figures(report: Report) -> list[tuple[str, str]]:
    classes: list[str] = list(report.metrics["classes"])
    named = report.metrics.get("positive")
    positive = classes.index(named) if named in classes else None
    y, p, threshold = (
        np.asarray(report.y, dtype=np.int64),
        np.asarray(report.p),
        float(report.metrics["threshold"]),
    )
    if not len(y):
        return []
    drawn = [("confusion", pictures.confusion(report.metrics["confusion"], classes))]
    drawn.append(("calibration", pictures.calibration(y, p)))
    # With a single class in the truth these three have no points: an empty frame would only puzzle.
    if len(np.unique(y)) > 1:
        drawn += [
            ("roc", pictures.roc(y, p, classes, positive, threshold)),
            ("pr", pictures.precision_recall(y, p, classes, positive, threshold)),
            ("det", pictures.det(y, p, classes, positive)),
        ]
    return drawn


def _liveness(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the notes of the section on attacks, in both languages; None for a classifier of something else."""
    if "apcer_by_species" not in metrics:
        return None
    cut = metrics["threshold_at_apcer_1"]
    name, shown = inert(metrics["bona_fide"], 40), "–" if cut is None else f"{cut:.4g}"
    note, point = (
        [text.replace("{bona_fide}", name).replace("{threshold}", shown) for text in pair(key)] for key in _NOTES
    )
    return {"note": note, "point": None if cut is None else point}


def _trust(report: Report) -> dict[str, Any] | None:
    """Return what the section on the teachers shows, None for a student that had none."""
    if report.trust is None:
        return None
    facts = checked(report.trust)
    notes = facts.told()
    means = meaning(notes)
    # Beside labels one teacher is measured; what it would be expected to reach without them is of no interest.
    hoped = None if means == "beside" else expectation(facts, report.metrics, str(report.facts.get("judged_on")))
    said = (hoped, with_labels(facts))
    english, chinese = pair("trust_note")
    return {
        "facts": facts,
        "note": (english.replace("{n}", f"{facts.rows:,}"), chinese.replace("{n}", f"{facts.rows:,}")),
        "meaning": means,
        "notes": notes,
        "sentences": [sentence for sentence in said if sentence],
        "teachers": facts.by_relevance(),
        "classes": facts.shown_classes(),
        "rates": list(facts.class_rates.items())[:_MOST_RATES],
        "measured": any(teacher.measured_accuracy is not None for teacher in facts.teachers),
        "picture": frame.drawings([("trust_picture", trust_picture.teachers(facts))])[0][1],
    }
