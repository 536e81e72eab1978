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
from limbeck.kinds.image.reading.decode import Picture, upright
from limbeck.kinds.image.reading.files import quiet_pillow
from limbeck.kinds.image.whole.draw import WHITE, colour_of, drawn
from limbeck.messages import svg
from limbeck.messages.escape import shorten
from limbeck.messages.svg import Axes
from limbeck.metrics.boxes.coco import RECALLS, Curves
from limbeck.metrics.boxes.operating import LEAST_OVERLAP
from limbeck.metrics.boxes.overlap import overlaps
from limbeck.tasks.detect.boxes import Labelled

WORST = 12  # pictures that are shown
SIDE = 480  # pixels of a shown picture at most
_FIFTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_COLOURED = 4
_QUALITY = 75


def precision_recall(curves: Mapping[str, Curves | None]) -> str:
    """Return precision over recall at an IoU of 0.5, a line for each class; classes beyond four are grey."""
    axes = Axes()
    body = axes.grid(_FIFTHS, _FIFTHS, "recall", "precision")
    shown = [(name, one) for name, one in curves.items() if one is not None]
    for place, (name, one) in enumerate(shown):
        css = f"line c{place}" if place < _COLOURED else "line other"
        reached = one.precision[0] > 0
        body.append(axes.path(RECALLS[reached], one.precision[0][reached], css))
        if place < _COLOURED:
            y = svg.HEIGHT - svg.BOTTOM - 12 - 19 * (min(len(shown), _COLOURED) - 1 - place)
            body.append(f'<rect x="{svg.LEFT + 10}" y="{y - 8}" width="10" height="10" class="swatch c{place}"/>')
            label = f"{svg.escape(shorten(name, 16))} {one.precision[0].mean():.2f}"
            body.append(svg.text(svg.LEFT + 26, y + 1, label, "tick", "start"))
    told = ("precision over recall of each class", "各类别的精确率-召回率曲线")
    return svg.picture("pr", told, body)


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
