"""Pictures given from Python: paths, Pillow images or arrays, or the column of a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limbeck.errors import LimbeckError
from limbeck.kinds.given.from_memory import frame_or_items
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.image.reading.files import pictures_of
from limbeck.recipe import Task

_READ = (str, Path, Image.Image, np.ndarray, Picture)  # what a picture may be


def pictures_from(values: object, task: Task) -> list[Picture]:
    """Return pictures that are given from Python.

    Raises
    ------
    LimbeckError
        When one is neither path nor image nor array.
    """
    frame, items = frame_or_items(values, task, "pictures")
    return pictures_of(frame, task) if frame is not None else _pictures(items)


def _pictures(items: list[Any]) -> list[Picture]:
    for index, item in enumerate(items):
        if not isinstance(item, _READ):
            what = f"expected a path, a Pillow image or a uint8 array, got {type(item).__name__}"
            raise LimbeckError(what, where=f"value {index}")
    named = [(item, "" if isinstance(item, str | Path) else f"value {index}") for index, item in enumerate(items)]
    return [item if isinstance(item, Picture) else Picture(item, name=name) for item, name in named]
