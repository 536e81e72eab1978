"""The evaluation of a bundle with several labels as one offline HTML page, in the style of that of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.evaluation.report import frame
from limbeck.files import write_text
from limbeck.messages import svg
from limbeck.messages.escape import shorten
from limbeck.messages.svg import Axes
from limbeck.metrics.curves import average_precision, precision_recall_curve

if TYPE_CHECKING:
    from limbeck.evaluation.multilabel.evaluate import MeasuredLabels

HERE = Path(__file__).parent
CARDS = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "map", "ece")
COLUMNS = ("support", "given", "precision", "recall", "f1", "ap", "threshold")
COMPARED = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss")
_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_COLOURED = 4


def write_report(
    path: str | Path, found: MeasuredLabels, classifier: MultiLabelClassifier, facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]], *, lang: str = "en",
) -> None:  # fmt: skip
    """Write the page, whole or not at all.

    Parameters
    ----------
    facts
        Name -> value, shown under the title.
    history
        A dictionary for each epoch of the training.
    baselines
        Lines as `limbeck.tasks.multilabel.baseline.baseline_row` gives.

    Raises
    ------
    LimbeckError
        For another language than "en" and "zh", or a path that cannot be written.
    """
    drawn = [("pr", precision_recall(found, classifier.classes)), *frame.history_figures(history)]
    values = {
        "title": classifier.manifest.name,
        "facts": facts,
        "verdict": found.verdict,
        "warning": None,
        "m": found.figures,
        "card_names": CARDS,
        "columns": COLUMNS,
        "compared": COMPARED,
        "baselines": baselines,
        "figures": frame.drawings(drawn),
        "worst": found.worst,
    }
    write_text(path, frame.rendered(HERE / "multilabel.html", values, lang=lang, images=False))


def precision_recall(found: MeasuredLabels, names: Sequence[str]) -> str:
    """Return precision over recall, a line for each label; labels beyond the four most frequent are grey."""
    axes = Axes()
    body = axes.grid(_FIFTHS, _FIFTHS, "recall", "precision")
    counts = found.truth.sum(axis=0)
    shown = [at for at in np.argsort(-counts, kind="stable").tolist() if counts[at]]
    for place, at in reversed(list(enumerate(shown))):
        precision, recall = _curve(found.truth[:, at], found.p[:, at])
        css = f"line c{place}" if place < _COLOURED else "line other"
        body.append(axes.path(recall, precision, css))
        if place < _COLOURED:
            y = svg.HEIGHT - svg.BOTTOM - 12 - 19 * (min(len(shown), _COLOURED) - 1 - place)
            body.append(f'<rect x="{svg.LEFT + 10}" y="{y - 8}" width="10" height="10" class="swatch c{place}"/>')
            area = average_precision(found.truth[:, at], found.p[:, at]) or 0.0
            body.append(
                svg.text(svg.LEFT + 26, y + 1, f"{svg.escape(shorten(names[at], 16))} {area:.2f}", "tick", "start")
            )
    told = ("precision over recall of each label", "各标签的精确率-召回率曲线")
    return svg.picture("pr", told, body)


def _curve(truth: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    precision, recall, _ = precision_recall_curve(truth, scores)
    return precision, recall
