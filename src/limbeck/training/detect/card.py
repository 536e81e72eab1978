"""The model card of a detector (Mitchell et al. 2019): what it finds, on what it was measured, how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from limbeck.bundle.detect.detector import Detector
from limbeck.messages.escape import in_markdown
from limbeck.recipe import Recipe
from limbeck.tasks.detect.boxes import Annotated
from limbeck.training.detect.fit import Fitted

_FIGURES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "precision", "recall")


def card(
    recipe: Recipe, rows: Annotated, detector: Detector, fitted: Fitted, metrics: Mapping[str, Any], part: str
) -> str:
    """Return the card as Markdown."""
    names = ", ".join(in_markdown(name) for name in rows.classes)
    width, height = fitted.encoder.box
    lines = [
        f"# Detector of {names}",
        "",
        "It finds boxes in pictures, each with a class and a score. "
        f"A picture is fitted into {width} x {height} pixels.",
        f"{recipe.student.network}, {fitted.parameters:,} weights, {detector.model}.",
        "",
        "## What it learned from",
        "",
    ]
    for name in ("train", "valid", "test"):
        counts = ", ".join(f"{in_markdown(label)} {count:,}" for label, count in rows.counts(name).items())
        lines.append(f"- {name}: {len(rows.part(name)):,} pictures; boxes: {counts}")
    lines += ["", f"## Measured on {part}", "", "| figure | value |", "|---|---|"]
    lines += [f"| {name} | {_shown(metrics[name])} |" for name in _FIGURES]
    lines += [
        "",
        "Average precision as of COCO; precision and recall at the threshold of each class, which was chosen on valid.",
        "",
        "## How far to trust it",
        "",
        "The figures hold for pictures like those above. On pictures of another camera, country or season measure",
        "again (`limbeck evaluate`) before you rely on it.",
        "",
        "## Use",
        "",
        "```python",
        "import limbeck",
        "",
        f'detector = limbeck.load("{in_markdown(detector.manifest.name)}")',
        'for box in detector.detect(["picture.jpg"])[0].rows():',
        "    print(box)",
        "```",
        "",
    ]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
