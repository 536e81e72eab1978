"""`make bench`: run every benchmark, or the one named, and write docs/results.md.

Each benchmark is a module with `measure(data, quick)`; quick is the small version that the tests run.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.figures import data_folder, keep

BENCHMARKS = (
    "auto",
    "strangers",
    "multilabel",
    "auto_anomalies",
    "startup",
    "fake_news",
    "sentiment",
    "albert",
    "prediction",
    "memory",
    "cold_start",
    "holds",
    "accounts",
    "compression",
    "pruning",
    "distil_speed",
    "table_speed",
    "processes",
    "traffic_signs",
    "liveness",
    "adversarial",
    "pictures",
    "detection",
    "detection_distil",
    "ecg",
    "operating_points",
    "ecg_transfer",
    "ecg_candidates",
    "strange_beats",
    "anomaly",
    "explain",
    "loop",
    "loop_on_reviews",
    "walks",
    "serving",
    "serving_hostile",
    "studio",
    "studio_review",
    "studio_backup",
    "api_document",
    "exchange",
    "scale",
    "two_hosts",
    "reliability_http",
    "reliability_cache",
    "reliability_suite",
    "reliability_kills",
    "reliability_writers",
    "reliability_fuzz_tables",
    "reliability_fuzz_media",
    "reliability_hostile_models",
    "reliability_footprint",
)


def main(names: list[str]) -> None:
    for name in names or BENCHMARKS:
        if name not in BENCHMARKS:
            raise SystemExit(f"no benchmark {name!r}; known: {', '.join(BENCHMARKS)}")
        started = time.monotonic()
        figures = import_module(f"benchmarks.{name}").measure(data_folder(), quick=False)
        keep(figures)
        for figure in figures:
            print(f"{figure.name}: {figure.value} {figure.unit}")
        print(f"{name}: {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
