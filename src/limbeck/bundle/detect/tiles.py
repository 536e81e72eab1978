"""Tiny objects in large pictures: tiles at full size, each answered like a picture, joined with the whole picture.

After slicing-aided inference (Akyon et al. 2022, https://arxiv.org/abs/2202.06934). Tiles are as large as the letterbox
and overlap by a fifth. A box that ends at the inner edge of a tile is cut off there, and left to the tile beside it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from limbeck.bundle.detect.detector import Detector
from limbeck.bundle.detect.found import Detections
from limbeck.events import check
from limbeck.kinds.image.reading.decode import Picture
from limbeck.metrics.boxes.overlap import suppressed

OVERLAP = 0.2
_EDGE = 2.0  # pixels from an inner edge within which a box is taken to be cut off


def tiled(detector: Detector, image: Image.Image, threshold: float | None) -> Detections:
    """Return what is found in an RGB picture: in its tiles, and in the whole of it."""
    width, height = image.size
    tile = detector.encoder.box
    whole = detector.found(detector.encode([Picture(image)]), threshold)[0]
    if width <= tile[0] and height <= tile[1]:
        return whole
    corners = [(x, y) for y in starts(height, tile[1]) for x in starts(width, tile[0])]
    found = [whole]
    for at in range(0, len(corners), detector.window):
        check()
        part = corners[at : at + detector.window]
        cut = [image.crop((x, y, min(x + tile[0], width), min(y + tile[1], height))) for x, y in part]
        answers = detector.found(detector.encode([Picture(one) for one in cut]), threshold)
        for one, (x, y) in zip(answers, part, strict=True):
            edges = one.edges + np.array([x, y, x, y], dtype=np.float32)
            inner = np.array([x > 0, y > 0, x + one.size[0] < width, y + one.size[1] < height])
            limits = np.array([x, y, x + one.size[0], y + one.size[1]], dtype=np.float32)
            kept = ~((np.abs(edges - limits) < _EDGE) & inner).any(axis=1)
            found.append(replace(one, edges=edges, size=whole.size).take(kept))
    edges, scores, labels = (
        np.concatenate([getattr(one, name) for one in found]) for name in ("edges", "scores", "labels")
    )
    joined = Detections(edges, scores, labels, whole.classes, whole.size)
    kept = suppressed(edges.astype(np.float64), scores.astype(np.float64), labels, detector.facts.overlap)
    return joined.take(kept)


def starts(side: int, tile: int) -> list[int]:
    """Return where tiles begin along a side, in pixels: evenly, so that the last one ends with the picture."""
    if side <= tile:
        return [0]
    count = int(np.ceil((side - tile) / (tile * (1 - OVERLAP)))) + 1
    return [round(at * (side - tile) / (count - 1)) for at in range(count)]
