"""Tables of what was not used, or not as written: boxes and files of labels, pictures and frames of a prediction."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from limbeck.files import whole_file, writable


def write_rejects(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV table, whole or not at all, with the keys of the first of N >= 1 rows as its columns."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(rows[0])
        table.writerows([["" if cell is None else writable(str(cell)) for cell in row.values()] for row in rows])
