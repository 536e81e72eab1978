"""Physical lines of a text file in blocks of bounded size, however long a hostile line is."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TextIO

LONGEST = 1 << 24  # characters in a line or a quoted record; beyond it is no text but an attack or an accident
BLOCK = 1 << 22  # characters read at a time, whatever the number of rows


class Lines:
    """Physical lines with their ends, some at a time; a line over `LONGEST` is cut there and its rest passed over."""

    def __init__(self, text: TextIO) -> None:
        self._next = iter(partial(text.readline, LONGEST), "")
        self.ended = False

    def header(self) -> str | None:
        """Return the first line that is not blank; None when there is none."""
        return next((line for line in self._next if line.strip()), None)

    def take(self, rows: int, characters: int) -> list[str]:
        """Return at most ``rows`` lines, and no more once there are that many characters."""
        lines: list[str] = []
        size = 0
        for line in islice(self._next, rows):
            lines.append(line)
            size += len(line)
            if size >= characters:
                if len(line) >= LONGEST and not line.endswith(("\n", "\r")):
                    next(
                        (more for more in self._next if len(more) < LONGEST or more.endswith(("\n", "\r"))),
                        None,
                    )
                return lines
        self.ended = len(lines) < rows
        return lines
