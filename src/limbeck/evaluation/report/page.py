"""The evaluation as one offline HTML page: no network, no scripts, English and Chinese in the same file.

The language switch is two radio buttons and CSS. A strict content policy (only the page's own style sheet, by
its hash) and escaping everywhere keep text from data inert; see `inert` for what escaping alone would leave.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.evaluation.report import charts as pictures
from limbeck.evaluation.report import trust_chart as trust_picture
from limbeck.evaluation.report.headline import verdict
from limbeck.evaluation.report.thumbnail import is_thumbnail
from limbeck.evaluation.report.trust import checked, expectation, meaning, weakest, with_labels
from limbeck.evaluation.seen_rows import warning
from limbeck.files import write_text
from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.messages.findings import doubtful
from limbeck.messages.labels import pair
from limbeck.messages.message import LANGUAGES, both
from limbeck.metrics.confusions import top_confusions
from limbeck.metrics.measure import NAMES

if TYPE_CHECKING:
    from markupsafe import Markup

HERE = Path(__file__).parent
CARDS = ("accuracy", "macro_f1", "roc_auc", "ap", "eer", "ece")
BASELINE_COLUMNS = ("accuracy", "macro_f1", "roc_auc", "n_train", "seconds")
LIVENESS = ("apcer", "bpcer", "acer", "bpcer_at_apcer_1")
_NOTES = ("liveness_note", "liveness_point")
_MOST_RATES = 60
_PERCENT = frozenset(
    (
        "accuracy",
        "precision",
        "recall",
        "f1",
        "macro_f1",
        "fpr",
        "eer",
        "ece",
        "balanced_accuracy",
        "probability",
        *LIVENESS,
    )
)


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
    if lang not in LANGUAGES:
        raise LimbeckError(f"no report in the language {lang!r}", fix="known: 'en', 'zh'")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "t": bilingual,
        "both": both_languages,
        "named": named,
        "names": NAMES,
        "cards": CARDS,
    }
    environment.globals |= {"baseline_columns": BASELINE_COLUMNS, "interval": interval, "weakest": weakest}
    environment.globals |= {"liveness_cards": LIVENESS, "span": _span}
    environment.filters |= {"data": inert, "value": figure, "shown": shown, "points": _points}
    # A lone "</style" cannot occur in our own file; the hash covers exactly what stands between the tags.
    css = (HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    galleries = [
        (name, [row for row in rows if is_thumbnail(row.get("thumbnail"))])
        for name, rows in (("strangest", report.strangest), ("gallery", report.worst))
    ]
    galleries = [(name, rows) for name, rows in galleries if rows]
    images = "img-src data:; " if galleries else ""
    return environment.get_template("report.html").render(
        report=report,
        m=report.metrics,
        lang=lang,
        css=Markup(css),  # noqa: S704 - our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; {images}base-uri 'none'; form-action 'none'",
        galleries=galleries,
        findings=_by_gravity(report.findings),
        confusions=top_confusions(report.metrics["confusion"], list(report.metrics["classes"])),
        liveness=_liveness(report.metrics),
        verdict=verdict(report.metrics, report.baselines, detector=report.detector, seen=report.seen is not None),
        warning=None if report.seen is None else warning(report.seen),
        trust=_trust(report),
        beats=[(one["caption"], Markup(one["drawing"])) for one in report.beats],  # noqa: S704 - svg.py escapes
        figures=[(name, Markup(drawn)) for name, drawn in _figures(report)],  # noqa: S704 - svg.py escapes
        history=[(name, Markup(drawn)) for name, drawn in _history(report)],  # noqa: S704
    )


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
    from markupsafe import Markup

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
        "picture": Markup(trust_picture.teachers(facts)),  # noqa: S704 - svg.py escapes
    }


def _history(report: Report) -> list[tuple[str, str]]:
    named = (("history_loss", True), ("history_score", False))
    drawn = ((name, pictures.history(report.history, losses)) for name, losses in named)
    return [(name, picture) for name, picture in drawn if picture]


def bilingual(key: str) -> Markup:
    """Return a word of the page in both languages, of which the style sheet shows one."""
    return both_languages(pair(key))


def both_languages(words: str | Sequence[str]) -> Markup:
    """Return a sentence in both languages, of which the style sheet shows one."""
    from markupsafe import Markup, escape

    english, chinese = both(words) if isinstance(words, str) else words
    # Sentences may quote data (a model's name, say), so they are made inert like data.
    english, chinese = inert(english, 2000), inert(chinese, 2000)
    if english == chinese:
        return Markup(escape(english))  # noqa: S704
    marked = '<span class="en" lang="en">{}</span><span class="zh" lang="zh-Hans">{}</span>'
    return Markup(marked).format(english, chinese)  # noqa: S704 - Markup.format escapes what it fills in


def figure(value: Any, name: str = "") -> Any:
    """Return a number as its metric is read: shares as percentages, the rest with three decimals."""
    if value is None:
        return both_languages(("–", "–"))
    if isinstance(value, bool | str):
        return shown(value)
    if name == "seconds":
        return f"{float(value):.1f}"
    if name in _PERCENT:
        return f"{100 * float(value):.1f}%"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{int(value):,}"
    return f"{float(value):.3f}" if abs(value) < 100 else f"{float(value):,.1f}"


def interval(metrics: Mapping[str, Any], name: str) -> str:
    """Return the confidence interval of a metric, "" without one."""
    return _span(metrics.get("confidence_intervals", {}).get(name), name)


def _span(span: Sequence[float] | None, name: str) -> str:
    if not span:
        return ""
    low, high = (str(figure(end, name)) for end in span)
    return f"{low.removesuffix('%')}–{high}"


def _points(value: float | None) -> str:
    # A true minus sign: a hyphen is half as wide, and columns of differences would not line up.
    return "–" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def shown(value: Any) -> Any:
    """Return a fact of any plain kind as inert text."""
    if isinstance(value, bool):
        return bilingual("yes" if value else "no")
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Mapping):
        return inert(", ".join(f"{k}: {shown(v)}" for k, v in value.items() if not isinstance(v, bool)))
    if isinstance(value, list | tuple):
        return inert(", ".join(str(item) for item in value))
    return inert("–" if value is None else value)
