"""The pictures of a detector's report: precision over recall, and errors drawn into small copies of pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from limbeck.bundle.detect.found import Detections
from limbeck.errors import LimbeckError
from limbeck.evaluation.report import charts
from limbeck.kinds.image.reading.decode import Picture, upright
from limbeck.kinds.image.reading.files import quiet_pillow
from limbeck.kinds.image.whole.draw import WHITE, colour_of, drawn
from limbeck.metrics.boxes.coco import RECALLS, Curves
from limbeck.metrics.boxes.operating import LEAST_OVERLAP
from limbeck.metrics.boxes.overlap import overlaps
from limbeck.tasks.detect.boxes import Labelled

WORST = 12  # pictures that are shown
SIDE = 480  # pixels of a shown picture at most
_QUALITY = 75


def precision_recall(curves: Mapping[str, Curves | None]) -> str:
    """Return precision over recall at an IoU of 0.5, a line for each class; classes beyond four are grey."""
    lines = []
    for name, one in curves.items():
        if one is not None:
            at_half = one.precision[0]
            reached = at_half > 0
            lines.append((name, RECALLS[reached], at_half[reached], float(at_half.mean())))
    told = ("precision over recall of each class", "各类别的精确率-召回率曲线")
    return charts.precision_recall_by_class(lines, told)


def errors_of(one: Labelled, found: Detections, cuts: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Return which true boxes are missed, bool [G], and which found boxes above the thresholds are wrong, bool [D]."""
    chosen = found.scores >= np.array(cuts, dtype=np.float32)[found.labels]
    boxes = one.boxes
    shared = overlaps(found.edges.astype(np.float64), boxes.edges, boxes.crowd)
    same = (found.labels[:, None] == boxes.labels[None, :]) | (boxes.labels[None, :] < 0)
    fits = (shared >= LEAST_OVERLAP) & same & chosen[:, None]
    return ~fits.any(axis=0) & ~boxes.crowd, chosen & ~fits.any(axis=1)


def worst_pictures(
    pictures: Sequence[Labelled], found: Sequence[Detections], thresholds: Mapping[str, float], *, images: bool
) -> list[dict[str, Any]]:
    """Return the pictures with most errors: name, missed, wrong, objects and, with ``images``, a small drawn copy."""
    cuts = list(thresholds.values())
    rows: list[tuple[dict[str, Any], tuple[Labelled, Detections, np.ndarray, np.ndarray]]] = []
    for one, other in zip(pictures, found, strict=True):
        missed, wrong = errors_of(one, other, cuts)
        if missed.any() or wrong.any():
            row = {"name": one.name, "missed": int(missed.sum()), "wrong": int(wrong.sum())}
            rows.append(({**row, "objects": int((~one.boxes.crowd).sum())}, (one, other, missed, wrong)))
    rows.sort(key=lambda pair: (-pair[0]["missed"] - pair[0]["wrong"], pair[0]["name"]))
    return [{**row, "thumbnail": _small(*errors)} if images else row for row, errors in rows[:WORST]]


def _small(one: Labelled, found: Detections, missed: np.ndarray, wrong: np.ndarray) -> str | None:
    """Return a ``data:`` URI of the picture: missed boxes white, wrong ones in the colour of their class."""
    try:
        with quiet_pillow():
            image = upright(Picture(one.file, name=one.name))
    except LimbeckError:
        return None
    scale = min(1.0, SIDE / max(image.size))
    image = image.resize(
        (max(1, round(image.size[0] * scale)), max(1, round(image.size[1] * scale))), Image.Resampling.BILINEAR
    )
    count = int(missed.sum())
    image = drawn(image, one.boxes.edges[missed] * scale, [""] * count, [WHITE] * count)
    chosen = found.take(wrong)
    captions = [f"{name} {score:.2f}" for name, score in zip(chosen.names, chosen.scores, strict=True)]
    image = drawn(image, chosen.edges * scale, captions, [colour_of(label) for label in chosen.labels.tolist()])
    memory = io.BytesIO()
    image.save(memory, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")
