"""Counters, gauges and histograms of one worker, and the text that Prometheus reads: the sum over all workers.

Each worker writes its numbers to a file of its own about once a second, as a scrape reaches only one of them; whoever
is scraped adds up the files. The format is text version 0.0.4 of the Prometheus exposition formats.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]

HELP = {
    "limbeck_requests_total": ("counter", "Requests by model, door and status."),
    "limbeck_rows_total": ("counter", "Rows answered by model, version and label; none for rows without an answer."),
    "limbeck_boxes_total": ("counter", "Boxes found by model, version and label."),
    "limbeck_batches": ("gauge", "Batches that the running workers have given to a model."),
    "limbeck_request_seconds": ("histogram", "Seconds from the end of a request's head to its answer."),
    "limbeck_shadow_rows_total": ("counter", "Rows that a shadow answered too."),
    "limbeck_shadow_different_labels_total": ("counter", "Rows for which a shadow's label was another one."),
    "limbeck_shadow_failures_total": ("counter", "Requests that a shadow did not answer."),
    "limbeck_waiting_rows": ("gauge", "Rows that wait to be answered."),
    "limbeck_model_info": ("gauge", "1 for each loaded model, with its version."),
}


class Ledger:
    """The numbers of one worker."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.counts: dict[tuple[str, Labels], float] = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.times: dict[Labels, list[float]] = {}  # counts of each bucket, of all above, then the sum
        self._written = ""

    def add(self, name: str, labels: Mapping[str, str], count: float = 1) -> None:
        """Add to a counter."""
        self.bump((name, tuple(labels.items())), count)

    def bump(self, key: Key, count: float = 1) -> None:
        """Add to a counter whose name and labels are put together already."""
        self.counts[key] = self.counts.get(key, 0.0) + count

    def gauge(self, name: str, labels: Mapping[str, str], value: float) -> None:
        """Set a gauge."""
        self.gauges[name, tuple(labels.items())] = value

    def observe(self, labels: Labels, seconds: float) -> None:
        """Count how long a request took."""
        counts = self.times.get(labels)
        if counts is None:
            counts = self.times[labels] = [0.0] * (len(BOUNDS) + 2)
        counts[bisect.bisect_left(BOUNDS, seconds)] += 1
        counts[-1] += seconds

    def flush(self) -> None:
        """Write the numbers to this worker's file, if they have changed."""
        if self.folder is None:
            return
        text = json.dumps({
            "counts": [[name, labels, value] for (name, labels), value in self.counts.items()],
            "gauges": [[name, labels, value] for (name, labels), value in self.gauges.items()],
            "times": list(self.times.items()),
        })  # fmt: skip
        if text == self._written:
            return
        self._written = text
        part = self.folder / f".{os.getpid()}.part"
        with contextlib.suppress(OSError):  # a full disk costs figures, not answers
            part.write_text(text, "utf-8")
            part.replace(self.folder / f"{os.getpid()}.json")

    def exposition(self, living: Iterable[int] = ()) -> str:
        """Return the numbers of all workers as Prometheus reads them; of gauges only those of ``living`` processes."""
        counts: dict[tuple[str, Labels], float] = {}
        times: dict[Labels, list[float]] = {}
        living = {os.getpid(), *living}
        for pid, told in self._all():
            for name, labels, value in [*told["counts"], *(told["gauges"] if pid in living else [])]:
                key = (name, _labels(labels))
                # Each worker has every model: there is one of each, not one for each worker.
                old = counts.get(key, 0.0)
                counts[key] = max(old, value) if name == "limbeck_model_info" else old + value
            for given, values in told["times"]:
                before = times.get(_labels(given)) or [0.0] * len(values)
                times[_labels(given)] = [a + b for a, b in zip(before, values, strict=True)]
        return _rendered(counts, times)

    def _all(self) -> list[tuple[int, dict[str, Any]]]:
        if self.folder is None:
            return []
        found = []
        for file in sorted(self.folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                found.append((int(file.stem), json.loads(file.read_text("utf-8"))))
        return found


def _labels(given: Iterable[Any]) -> Labels:
    return tuple((str(name), str(value)) for name, value in given)


def _rendered(counts: Mapping[tuple[str, Labels], float], times: Mapping[Labels, list[float]]) -> str:
    lines: list[str] = []
    for name, (kind, told) in HELP.items():
        lines += [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
        if kind != "histogram":
            lines += [f"{name}{_shown(labels)} {value:.17g}" for (of, labels), value in counts.items() if of == name]
            continue
        for labels, values in times.items():
            total = 0.0
            for bound, value in zip((*map(str, BOUNDS), "+Inf"), values[:-1], strict=True):
                total += value
                lines.append(f"{name}_bucket{_shown((*labels, ('le', bound)))} {total:.17g}")
            lines.append(f"{name}_sum{_shown(labels)} {values[-1]:.17g}")
            lines.append(f"{name}_count{_shown(labels)} {total:.17g}")
    return "\n".join(lines) + "\n"


def _shown(labels: Labels) -> str:
    """Return labels in braces, escaped as the format wants it."""
    parts = (f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    inside = ",".join(parts)
    return f"{{{inside}}}" if inside else ""
