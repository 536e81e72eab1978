"""Whether a detector's map is high where the anomaly is: the AUROC over pixels (Bergmann et al. 2019, §5.1).

Every pixel of every picture whose mask is known is a row; normal pictures have an empty one. There are many millions,
so they are counted in 65,536 bins of equal width between the lowest and the highest value, and pixels of one bin are
level: that moves the figure by less than a ten-thousandth. Map and mask are compared on the square that the network
saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import ENDINGS, Picture, upright
from limbeck.kinds.image.reading.files import MASK, pictures_of, quiet_pillow
from limbeck.kinds.predictor import Predictor
from limbeck.messages.message import Message, message
from limbeck.metrics.curves import roc_auc

BINS = 2**16
_SHOWN = 5
_LOSSY = (*ENDINGS["JPEG"], *ENDINGS["WEBP"])
Mask = NDArray[np.bool_]


def mask_of(picture: Picture, file: str, side: int, margin: float = 0.0) -> Mask:
    """Return the marked pixels of a picture on a square of ``side``, bool [side, side]: those that are not black.

    Of a JPEG or WebP those count that are brighter than half of its brightest.

    Raises
    ------
    LimbeckError
        When the mask cannot be read, or has another size than its picture.
    """
    with quiet_pillow():
        size = upright(picture).size
        image = upright(Picture(file)).convert("L")
    if image.size != size:
        own = {"width": image.size[0], "height": image.size[1]}
        what = message("picture.mask_size", across=size[0], down=size[1], **own)
        raise LimbeckError(what, where=file, fix=message("fix.mask"))
    if picture.box is not None:
        image = image.crop(picture.box.edges(size, margin))
    # Any colour marks: masks are written as 0 and 1 as well as 0 and 255. What is lossy strays around black.
    grey = np.asarray(image)
    least = int(grey.max(initial=0)) // 2 if Path(file).suffix.lower() in _LOSSY else 0
    marked = Image.fromarray((grey > least).astype(np.uint8) * 255)
    return np.asarray(marked.resize((side, side), Image.Resampling.BILINEAR)) >= 128


def pixel_auroc(maps: Sequence[NDArray[np.float32]], masks: Sequence[Mask]) -> float | None:
    """Return the AUROC over all pixels of maps float [h, w] against masks bool [side, side]; None for one class."""
    low = min((float(one.min()) for one in maps), default=0.0)
    high = max((float(one.max()) for one in maps), default=0.0)
    scale = (BINS - 1) / max(high - low, 1e-12)
    counts = np.zeros((2, BINS), dtype=np.float64)
    for one, mask in zip(maps, masks, strict=True):
        whole = np.asarray(Image.fromarray(one).resize(mask.shape[::-1], Image.Resampling.BILINEAR))
        bins = ((whole - low) * scale).clip(0, BINS - 1).astype(np.int64)
        for kind in (0, 1):
            counts[kind] += np.bincount(bins[mask == bool(kind)], minlength=BINS)
    normal, marked = counts
    if not normal.sum() or not marked.sum():
        return None
    below = np.cumsum(normal) - normal
    return float((marked * (below + 0.5 * normal)).sum() / (marked.sum() * normal.sum()))


def anomaly_metrics(
    classifier: Predictor, frame: pl.DataFrame, labels: NDArray[np.int64], p: NDArray[np.float32]
) -> tuple[dict[str, Any], list[Message]]:
    """Return, of pictures, ``image_auroc`` and, with masks, ``pixel_auroc`` and ``masks``, and findings.

    A normal picture without a mask has nothing marked; an anomaly without one is left out of the pixels.
    """
    task = classifier.manifest.task
    known = labels >= 0
    found: dict[str, Any] = {}
    if task.rows == "image":
        found["image_auroc"] = roc_auc(labels[known] == 1, p[known, 1])
    if MASK not in frame.columns or not classifier.mapped or not frame[MASK].is_not_null().any():
        return found, []
    kept, masks, bad = _masks(classifier, frame, labels)
    if not masks:
        return found, bad
    pictures = pictures_of(frame, task)
    maps = classifier.maps([pictures[at] for at in kept])
    value = pixel_auroc(list(maps), masks)
    return found | {"pixel_auroc": value, "masks": sum(bool(mask.any()) for mask in masks)}, bad


def pixel_facts(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the metrics that only detectors have."""
    return {name: metrics[name] for name in ("image_auroc", "pixel_auroc", "masks") if name in metrics}


def _masks(
    classifier: Predictor, frame: pl.DataFrame, labels: NDArray[np.int64]
) -> tuple[list[int], list[Mask], list[Message]]:
    """Return the rows whose marked pixels are known, their masks, and a line for each mask that is of no use."""
    settings = classifier.manifest.input
    kept, masks, bad = [], [], []
    pictures = pictures_of(frame, classifier.manifest.task)
    for at, (picture, file) in enumerate(zip(pictures, frame[MASK].to_list(), strict=True)):
        if file is None and labels[at] == 1:
            continue
        try:
            none = np.zeros((settings.size, settings.size), dtype=bool)
            masks.append(none if file is None else mask_of(picture, file, settings.size, settings.margin))
            kept.append(at)
        except LimbeckError as error:
            bad.append(message("masks.left_out", picture=picture.where, file=Path(file).name, reason=error.what))
    rest = len(bad) - _SHOWN
    return kept, masks, bad if rest <= 0 else [*bad[:_SHOWN], message("masks.more_left_out", count=rest)]
