"""The line that a running video shows: frames, boxes, frames a second."""

from __future__ import annotations

import time
from typing import Self

from limbeck.progress import progress, say

EVERY = 5.0  # seconds between two lines of a camera or a stream


class Live:
    """Counts frames, and says from time to time how many there are a second."""

    def __init__(self, source: str, expected: int | None, *, quiet: bool) -> None:
        self._quiet, self._expected, self._source = quiet, expected, source
        self._count = self._boxes = self._since = 0
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        self._bar = progress("frames", self._expected, quiet=self._quiet)
        self._add = self._bar.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.__exit__(None, None, None)

    def tick(self, boxes: int) -> None:
        """Count a frame with so many boxes."""
        self._count, self._since, self._boxes = self._count + 1, self._since + 1, boxes
        self._add(1)
        now = time.monotonic()
        if now - self._told >= EVERY and not self._quiet:
            rate = self._since / (now - self._told)
            say(f"frame {self._count:,}: {self._boxes} boxes, {rate:.1f} frames a second")
            self._told, self._since = now, 0
