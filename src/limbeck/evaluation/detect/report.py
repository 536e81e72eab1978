"""The evaluation of a detector as one offline HTML page, in the style of that of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbeck.bundle.detect.detector import Detector
from limbeck.evaluation.detect.charts import precision_recall, worst_pictures
from limbeck.evaluation.report import charts, frame
from limbeck.evaluation.report.thumbnail import is_thumbnail
from limbeck.files import write_text
from limbeck.messages.labels import pair
from limbeck.messages.message import Message

if TYPE_CHECKING:
    from limbeck.evaluation.detect.evaluate import Evaluated

HERE = Path(__file__).parent
CARDS = ("ap", "ap50", "ap75", "precision", "recall", "f1")
SIZES = ("small", "medium", "large")
COLUMNS = ("objects", "ap", "ap50", "ap_small", "ap_medium", "ap_large", "threshold", "precision", "recall")


def write_report(
    path: str | Path, found: Evaluated, detector: Detector, facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]], *, lang: str = "en",
    pictures: bool = False, warning: Message | None = None,
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
    warning
        What is said before all else.

    Raises
    ------
    LimbeckError
        For another language than "en" and "zh", or a path that cannot be written.
    """
    metrics = found.figures
    worst = worst_pictures(found.pictures, found.found, detector.facts.thresholds, images=pictures)
    gallery = [row for row in worst if is_thumbnail(row.get("thumbnail"))]
    names = [*detector.classes, pair("background")[0]]
    figures = [("pr", precision_recall(found.curves)), ("confusion", charts.confusion(metrics["confusion"], names))]
    values = {
        "title": detector.manifest.name,
        "facts": facts,
        "verdict": found.verdict,
        "warning": warning,
        "m": metrics,
        "card_names": CARDS,
        "sizes": SIZES,
        "columns": COLUMNS,
        "baselines": baselines,
        "figures": frame.drawings([*figures, *frame.history_figures(history)]),
        "worst": worst,
        "gallery": gallery,
    }
    write_text(path, frame.rendered(HERE / "detect.html", values, lang=lang, images=bool(gallery)))
