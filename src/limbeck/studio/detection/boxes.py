"""What a model that finds boxes answers to a picture, how it is kept, and how a page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from limbeck.bundle.detect.found import Detections
from limbeck.studio.detection.models import Prediction
from limbeck.studio.registry.facts import Version

COLOURS = 8  # the classes series-0 to series-7 of studio.css


@dataclass(frozen=True)
class Found:
    """A box as a page draws it, in pixels of the upright picture; ``series`` is its colour."""

    label: str
    kind: str
    score: float
    left: float
    top: float
    width: float
    height: float
    series: int


def fields_of(found: Detections, version: Version) -> dict[str, Any]:
    """Return the fields of a `Prediction`.

    Its class and probability are those of the box with the highest score, "" and 0 where none is found; its
    probabilities the highest score of each class.
    """
    rows = [{"label": row.pop("class"), **row} for row in found.rows()]
    best: dict[str, float] = dict.fromkeys(version.manifest.classes, 0.0)
    for row in rows:
        best[row["label"]] = max(best[row["label"]], row["score"])
    first: dict[str, Any] = rows[0] if rows else {"label": "", "score": 0.0}
    assert version.manifest.detection is not None
    threshold = version.manifest.detection.thresholds.get(first["label"], 0.0)
    return {
        "label": first["label"], "probability": first["score"], "probabilities": best, "threshold": threshold,
        "margin": abs(first["score"] - threshold), "boxes": rows,
    }  # fmt: skip


def drawn_boxes(prediction: Prediction) -> list[Found]:
    """Return the boxes of an answer, the highest score first."""
    names = list(prediction.probabilities)
    return [
        Found(
            label=row["label"], kind=row.get("kind", ""), score=row["score"], left=round(row["x0"], 1),
            top=round(row["y0"], 1), width=round(row["x1"] - row["x0"], 1), height=round(row["y1"] - row["y0"], 1),
            series=(names.index(row["label"]) if row["label"] in names else 0) % COLOURS,
        )
        for row in prediction.boxes or []
    ]  # fmt: skip
