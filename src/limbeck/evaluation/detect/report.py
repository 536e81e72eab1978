"""The evaluation of a detector as one offline HTML page, in the style of that of classifiers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.bundle.detect.detector import Detector
from limbeck.errors import LimbeckError
from limbeck.evaluation.detect.charts import precision_recall, worst_pictures
from limbeck.evaluation.report import charts, page
from limbeck.evaluation.report.page import HERE
from limbeck.evaluation.report.thumbnail import is_thumbnail
from limbeck.files import write_text
from limbeck.messages.baseline_names import named
from limbeck.messages.escape import inert
from limbeck.messages.labels import pair
from limbeck.messages.message import LANGUAGES

if TYPE_CHECKING:
    from limbeck.evaluation.detect.evaluate import Evaluated

CARDS = ("ap", "ap50", "ap75", "precision", "recall", "f1")
SIZES = ("small", "medium", "large")
COLUMNS = ("objects", "ap", "ap50", "ap_small", "ap_medium", "ap_large", "threshold", "precision", "recall")


def write_report(
    path: str | Path, found: Evaluated, detector: Detector, facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]], *, lang: str = "en",
    pictures: bool = False,
) -> None:  # fmt: skip
    """Write the page, whole or not at all.

    Parameters
    ----------
    facts
        Name -> value, shown under the title.
    history
        A dictionary for each epoch of the training.
    baselines
        Lines as `limbeck.tasks.detect.baseline.baseline_row` gives.
    pictures
        Put small copies of the worst pictures into the page, with missed and wrong boxes drawn.

    Raises
    ------
    LimbeckError
        For another language than "en" and "zh", or a path that cannot be written.
    """
    if lang not in LANGUAGES:
        raise LimbeckError(f"no report in the language {lang!r}", fix="known: 'en', 'zh'")
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader([Path(__file__).parent, HERE]), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.globals |= {"t": page.bilingual, "both": page.both_languages, "interval": page.interval}
    environment.filters |= {"data": inert, "value": page.figure, "shown": page.shown}
    css = (HERE / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    metrics = found.figures
    worst = worst_pictures(found.pictures, found.found, detector.facts.thresholds, images=pictures)
    gallery = [row for row in worst if is_thumbnail(row.get("thumbnail"))]
    images = "img-src data:; " if gallery else ""
    names = [*detector.classes, pair("background")[0]]
    figures = [("pr", precision_recall(found.curves)), ("confusion", charts.confusion(metrics["confusion"], names))]
    lines = [
        (name, charts.history(history, losses)) for name, losses in (("history_loss", True), ("history_score", False))
    ]
    figures += [(name, drawing) for name, drawing in lines if drawing]
    html = environment.get_template("detect.html").render(
        title=detector.manifest.name, lang=lang, m=metrics, cards=CARDS, sizes=SIZES, columns=COLUMNS,
        css=Markup(css),  # noqa: S704 - our own file
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; {images}base-uri 'none'; form-action 'none'",
        figures=[(name, Markup(drawing)) for name, drawing in figures],  # noqa: S704 - svg.py escapes
        verdict=found.verdict, baselines=baselines, named=named, facts=facts, worst=worst, gallery=gallery,
    )  # fmt: skip
    write_text(path, html)
