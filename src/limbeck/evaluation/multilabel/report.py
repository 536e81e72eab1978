"""The evaluation of a bundle with several labels as one offline HTML page, in the style of that of classifiers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.evaluation.report import charts, frame
from limbeck.files import write_text
from limbeck.messages.message import Message
from limbeck.metrics.curves import average_precision, precision_recall_curve

if TYPE_CHECKING:
    from limbeck.evaluation.multilabel.evaluate import MeasuredLabels

HERE = Path(__file__).parent
CARDS = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "map", "ece")
COLUMNS = ("support", "given", "precision", "recall", "f1", "ap", "threshold")
COMPARED = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss")


def write_report(
    path: str | Path, found: MeasuredLabels, classifier: MultiLabelClassifier, facts: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]], *, lang: str = "en",
    warning: Message | None = None,
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
    warning
        What is said before all else.

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
        "warning": warning,
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
    """Return precision over recall, a line for each label with a row, the most frequent labels first."""
    counts = found.truth.sum(axis=0)
    lines = []
    for at in np.argsort(-counts, kind="stable").tolist():
        if counts[at]:
            truth, scores = found.truth[:, at], found.p[:, at]
            precision, recall, _ = precision_recall_curve(truth, scores)
            lines.append((names[at], recall, precision, average_precision(truth, scores) or 0.0))
    told = ("precision over recall of each label", "各标签的精确率-召回率曲线")
    return charts.precision_recall_by_class(lines, told)
