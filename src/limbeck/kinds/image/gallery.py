"""Small copies of pictures for a report, made only where a person asked for them: pictures may show people.

Each is decoded and cropped as the classifier sees it, scaled down and compressed anew, so that nothing of the file but
these pixels (no EXIF, no place, no name) comes into the page.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import polars as pl
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.kinds.image.heatmap import heat
from limbeck.kinds.image.reading.decode import Picture, cropped
from limbeck.kinds.image.reading.files import pictures_of, quiet_pillow
from limbeck.kinds.predictor import Predictor
from limbeck.process.cores import each

SIDE = 96  # pixels, at most, of either side
HEATED = 224  # where a heat map lies over it: places have to be told apart
MOST = 24  # pictures that are shown of a list at most
_QUALITY = 80


def thumbnails(pictures: Sequence[Picture], margin: float = 0.0, detector: Predictor | None = None) -> list[str | None]:
    """Return a ``data:`` URI of JPEG for each of the first `MOST` pictures, None for one that cannot be read any more.

    ``margin`` is the share of a box's sides added around it, as in ``[input]``; a ``detector`` lays its heat maps
    over them.
    """
    made: list[str | None] = [None] * len(pictures)

    def one(at: int) -> None:
        try:
            if detector is None:
                image = cropped(pictures[at], margin)
                image.thumbnail((SIDE, SIDE), Image.Resampling.BICUBIC)
            else:
                image = heat(pictures[at], detector.maps([pictures[at]])[0], margin=margin, largest=HEATED)
        except LimbeckError:
            return
        memory = io.BytesIO()
        image.save(memory, "JPEG", quality=_QUALITY)
        made[at] = "data:image/jpeg;base64," + base64.b64encode(memory.getvalue()).decode("ascii")

    with quiet_pillow():
        each(one, min(len(pictures), MOST))
    return made


def with_thumbnails(worst: list[dict[str, Any]], frame: pl.DataFrame, classifier: Predictor) -> list[dict[str, Any]]:
    """Return the worst errors, each with the ``thumbnail`` of its picture as far as there is one.

    ``at`` of each is its row in the frame. Those of a detector have its heat map over them, and ``heat``.
    """
    pictures = pictures_of(frame[[row["at"] for row in worst]], classifier.manifest.task)
    made = thumbnails(pictures, classifier.manifest.input.margin, classifier if classifier.mapped else None)
    more = {"heat": True} if classifier.mapped else {}
    return [{**row, **({"thumbnail": uri, **more} if uri else {})} for row, uri in zip(worst, made, strict=True)]
