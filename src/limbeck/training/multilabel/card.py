"""The model card of a bundle with several labels (Mitchell et al. 2019): what it gives, on what it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.data.dataset import Dataset
from limbeck.kinds import kind_of
from limbeck.messages.escape import in_markdown
from limbeck.recipe import Recipe
from limbeck.training.multilabel.fit import Fitted

_FIGURES = ("micro_f1", "macro_f1", "subset_accuracy", "hamming_loss", "map", "ece")


def card(
    recipe: Recipe, rows: Dataset, truth: NDArray[np.float32], classifier: MultiLabelClassifier, fitted: Fitted,
    metrics: Mapping[str, Any], part: str,
) -> str:  # fmt: skip
    """Return the card as Markdown."""
    kind, inputs = kind_of(recipe.task), ", ".join(f"`{in_markdown(name)}`" for name in recipe.task.inputs)
    lines = [
        f"# Labels of {kind.plural}: {', '.join(in_markdown(name) for name in classifier.classes)}",
        "",
        f"It reads {inputs} and gives each label by itself: a row may have several of them, or none.",
        f"{recipe.student.network}, {fitted.parameters:,} weights, {classifier.model}.",
        "",
        "## What it learned from",
        "",
    ]
    for name in ("train", "valid", "test"):
        part_rows = rows.part(name)
        counts = np.nansum(truth[part_rows], axis=0).astype(int)
        told = ", ".join(f"{in_markdown(one)} {n:,}" for one, n in zip(classifier.classes, counts, strict=True))
        lines.append(f"- {name}: {len(part_rows):,} rows; labels: {told}")
    lines += ["", f"## Measured on {part}", "", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {_shown(metrics[name])} |" for name in _FIGURES]
    lines += ["", "| label | rows | precision | recall | F1 | AP | threshold |", "|---|---|---|---|---|---|---|"]
    for name, row in metrics["per_label"].items():
        cells = " | ".join(_shown(row[key]) for key in ("precision", "recall", "f1", "ap", "threshold"))
        lines.append(f"| {in_markdown(name)} | {row['support']:,} | {cells} |")
    held = "rows left out of train and valid in turn" if fitted.crossed else "valid"
    lines += [
        "",
        f"Probabilities are calibrated label by label (Platt scaling) on {held}, and the",
        "thresholds were chosen there by F1. A label with few rows there has a rough calibration; how labels occur",
        "together is not modelled.",
        "",
        "## How far to trust it",
        "",
        "The figures hold for rows like those above. On rows of another source, time or language measure again",
        "(`limbeck evaluate`) before you rely on it, and keep a person in every decision that affects someone.",
        "",
    ]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
