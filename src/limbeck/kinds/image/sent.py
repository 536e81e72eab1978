"""Pictures on their way to another process: which are worth it, and what is sent of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput, Pictures
from limbeck.kinds.image.reading.decode import Box, Picture

MANY = 2000  # pictures; below that starting a process costs more than it saves
EACH = 1000  # pictures that are worth one more process
_RUN = 64  # pictures handed over at once, at least


def run_of(encoder: ImageInput, tokens: int) -> int:
    """Return how many pictures are handed over at once: whole batches, the same ones as in one process."""
    batch = max(1, min(encoder.most, tokens // encoder.cost))
    return batch * -(-_RUN // batch)


def sent(pictures: Sequence[Picture]) -> list[Any]:
    """Return pictures that are files as plain data."""
    return [[str(picture.source), picture.name, _edges(picture.box)] for picture in pictures]


def received(plain: Sequence[Any]) -> list[Picture]:
    """Return the pictures that were sent."""
    return [Picture(source, None if edges is None else Box(*edges), name) for source, name, edges in plain]


def encoded(encoder: ImageInput, pictures: Sequence[Picture]) -> tuple[Pictures, dict[int, LimbeckError]]:
    """Encode pictures in this thread alone, as the other cores have processes of their own."""
    return encoder.encode_each(pictures, workers=1)


def _edges(box: Box | None) -> list[float] | None:
    return None if box is None else [box.x, box.y, box.width, box.height, box.frame]
