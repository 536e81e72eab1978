"""`predict` on 100,000 and on 1,000,000 rows: peak memory and time of the whole process."""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import limbeck
from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=memory"
# The child reports the peak of its own memory map: ru_maxrss is handed down through exec, so a child's would be at
# least that of this process, which has torch in it.
CHILD = (
    "import sys, limbeck; limbeck.predict(*sys.argv[1:], quiet=True);"
    "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) / 1024)"
)


def measure(data: Path, *, quick: bool) -> list[Figure]:
    small, large = (2_000, 20_000) if quick else (100_000, 1_000_000)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bundle = folder / "bundle"
        settings = ["evaluation.bootstrap=0", "evaluation.baseline=false", "student.network=ngram"]
        settings += ["data.where.category=科技"] if quick else []
        limbeck.train(ROOT / "recipes" / "fake-news.toml", data=data / "fake-news", out=bundle, settings=settings)
        with (data / "reviews" / "reviews.csv").open(encoding="utf-8-sig", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        megabytes, seconds = {}, {}
        for count in (small, large):
            table = folder / f"{count}.csv"
            write(table, texts, count)
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(bundle), str(table), str(folder / "out.csv")],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            seconds[count], megabytes[count] = time.perf_counter() - started, float(done.stdout)
    return [
        Figure("text", f"predict, {large:,} rows: peak memory", megabytes[large], "MiB", "lower", COMMAND, floor=1430.0),
        Figure("text", f"predict: peak memory, {large:,} rows / {small:,} rows", megabytes[large] / megabytes[small], "×",
               "lower", COMMAND, floor=1.1, baseline=f"{megabytes[small]:.0f} MiB"),
        Figure("text", f"predict: time, {large:,} rows / {small:,} rows", seconds[large] / seconds[small], "×", "lower",
               COMMAND, floor=10.5, baseline=f"{seconds[small]:.1f} s", note=f"{large / seconds[large]:,.0f} rows per second."),
    ]  # fmt: skip


def write(table: Path, texts: list[str], count: int) -> None:
    """Write a table of ``count`` reviews, going round as often as it takes."""
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "content"])
        writer.writerows(enumerate(itertools.islice(itertools.cycle(texts), count), 1))
