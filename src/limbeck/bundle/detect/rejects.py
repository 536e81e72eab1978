"""The table of boxes and files that were not used, or not as written."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from limbeck.files import writable, write_text
from limbeck.tasks.detect.boxes import Rejected

COLUMNS = ("file", "line", "picture", "done", "reason")


def write_rejects(path: Path, rejected: Sequence[Rejected]) -> None:
    """Write a row for each: file and line of the label, its picture, "dropped" or "clipped", and why."""
    memory = io.StringIO()
    table = csv.writer(memory)
    table.writerow(COLUMNS)
    for one in rejected:
        line = "" if one.line is None else one.line
        done = "clipped" if one.clipped else "dropped"
        table.writerow([writable(one.file), line, writable(one.picture), done, writable(str(one.reason))])
    write_text(path, memory.getvalue())
