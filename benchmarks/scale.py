"""Many shards: how much faster than one core, what a kill repeats, what a resumed job reads, what 1,000 nodes would do.

The rows are the real reviews, over and over; the bundle is the n-gram student of recipes/fake-news.toml. With Ray installed the shards also run
on a cluster of two raylets on this machine. With moto installed they also run in a real S3 server that fails now and then.
"""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import polars as pl

import limbeck
from benchmarks.figures import ROOT, Figure
from benchmarks.scale_kills import answers, killed, lost_nodes, two_raylets
from benchmarks.scale_simulation import thousand_nodes
from benchmarks.scale_storage import storage
from limbeck.scale.predict_shards import predict_shards

COMMAND = "make bench ONLY=scale"
# The child reports the peak of its own memory map; see benchmarks/memory.py.
DRIVER = (
    "import sys; from limbeck.scale.predict_shards import predict_shards;"
    "predict_shards(*sys.argv[1:4], on=sys.argv[4], progress=lambda event: None);"
    "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) / 1024)"
)


def measure(data: Path, *, quick: bool) -> list[Figure]:
    """Return the figures of the subject ``scale``; the quick version takes seconds."""
    rows, shards, kills = (2_000, 4, 1) if quick else (2_000_000, 64, 30)
    all_rows, all_shards = (2_000, 4) if quick else (10_000_000, 100)
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        bundle, texts = trained(data, home / "bundle", quick), reviews(data)
        write_shards(home / "in", texts, rows, shards)
        seconds, expected = one_core(bundle, home)
        took = {"processes:2": run_on("processes:2", bundle, home, expected)}
        if find_spec("ray") is not None and not quick:
            with two_raylets():
                took["ray"] = run_on("ray", bundle, home, expected)
            lost = lost_nodes(bundle, home, expected, 10, took["ray"])
        figures = speeds(seconds, took, rows, shards) + ([lost] if "ray" in took else [])
        figures.append(killed(bundle, home, kills, shards, "processes:1" if quick else "processes:2"))
        figures.append(resumed(bundle, home))
        figures.append(once(bundle, home, texts, all_rows, all_shards, "processes:1" if quick else "processes:2"))
        figures.append(thousand_nodes(rows / seconds))
        if not quick:
            figures.append(memory(bundle, home, texts, 64, 4_096))
        if not quick and find_spec("moto") is not None and find_spec("pyarrow") is not None:
            figures.append(storage(bundle, home / "in", shards))
    return figures


def trained(data: Path, out: Path, quick: bool) -> Path:
    settings = ["evaluation.bootstrap=0", "evaluation.baseline=false", "student.network=ngram"]
    folder = data / "fake-news"
    if quick:
        folder = out.with_name("few")
        folder.mkdir()
        few = pl.read_csv(data / "fake-news" / "weibo21.csv").filter(pl.col("category") == "科技")
        few.write_csv(folder / "weibo21.csv")
        settings += ["training.epochs=1", "export.int8=never", "input.buckets=4096"]
    limbeck.train(ROOT / "recipes" / "fake-news.toml", data=folder, out=out, settings=settings)
    return out


def reviews(data: Path) -> list[str]:
    with (data / "reviews" / "reviews.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def write_shards(folder: Path, texts: list[str], rows: int, count: int) -> None:
    """Write ``count`` Parquet files with ``rows`` reviews together, each row with an id of its own."""
    folder.mkdir(parents=True)
    endless, each = itertools.cycle(texts), rows // count
    for number in range(count):
        here = {"id": range(number * each, (number + 1) * each), "content": list(itertools.islice(endless, each))}
        pl.DataFrame(here).write_parquet(folder / f"part-{number:05}.parquet")


def one_core(bundle: Path, home: Path) -> tuple[float, dict[str, bytes]]:
    """Answer every shard by `limbeck.predict` on one core; return seconds and the bytes of each file."""
    started, found = time.perf_counter(), {}
    with limbeck.load(bundle, threads=1) as classifier:
        for file in sorted((home / "in").iterdir()):
            limbeck.predict(classifier, file, home / "one.parquet", quiet=True)
            found[file.name] = (home / "one.parquet").read_bytes()
            if (beside := home / "one.parquet.rejected.csv").exists():
                found[f"{file.name}.rejected.csv"] = beside.read_bytes()
                beside.unlink()
    return time.perf_counter() - started, found


def run_on(on: str, bundle: Path, home: Path, expected: dict[str, bytes]) -> float:
    """Answer all shards; return seconds. Raises where a file has other bytes than one core gives."""
    out, started = home / f"out-{on.replace(':', '-')}", time.perf_counter()
    predict_shards(bundle, home / "in", out, on=on, progress=lambda event: None)
    took = time.perf_counter() - started
    if answers(out) != expected:
        raise SystemExit(f"{on}: not the bytes of one machine")
    return took


def speeds(seconds: float, took: dict[str, float], rows: int, shards: int) -> list[Figure]:
    names = {"processes:2": "two processes", "ray": "Ray on two raylets"}
    note = f"{rows:,} rows in {shards} shards; every file has the bytes that one core gives."
    base = f"{rows / seconds:,.0f} rows/s"
    figures = [
        Figure("scale", f"{names[on]} on two cores: rows per second over limbeck predict on one core", seconds / one, "×", "higher",
               COMMAND, floor=1.6, baseline=base, note=note)
        for on, one in took.items()
    ]  # fmt: skip
    if "ray" in took:
        more = 100.0 * (took["ray"] / took["processes:2"] - 1)
        figures.append(Figure("scale", "Ray over plain processes: more time", more, "%", "lower", COMMAND, floor=25.0,
                              baseline=f"{took['processes:2']:.0f} s"))  # fmt: skip
    return figures


def resumed(bundle: Path, home: Path) -> Figure:
    """Take the note and the answers of one shard in a hundred away, and count what is read again."""
    source, out = home / "hundred", home / "hundred-out"
    source.mkdir()
    first = min((home / "in").iterdir())
    head = pl.read_parquet(first).head(50)
    for number in range(100):
        head.write_parquet(source / f"part-{number:03}.parquet")
    predict_shards(bundle, source, out, on="processes:1", progress=lambda event: None)
    (out / "part-042.parquet").unlink()
    opened = []
    sys.addaudithook(
        lambda name, given: opened.append(given[0]) if name == "open" and str(source) in str(given[0]) else None
    )
    done = predict_shards(bundle, source, out, on="processes:1", progress=lambda event: None)
    assert done.answered_now == done.rows // 100
    return Figure("scale", "a job that is 99 % done, started again: share of the input that is read", 100.0 * done.answered_now / done.rows,
                  "%", "lower", COMMAND, floor=2.0, note="Of 100 shards one is left; the others are known by their notes.")  # fmt: skip


def once(bundle: Path, home: Path, texts: list[str], rows: int, shards: int, on: str) -> Figure:
    """Answer many rows for real; return the share of ids that stand in the answers or the rejects exactly once."""
    source, out = home / "all", home / "all-out"
    write_shards(source, texts, rows, shards)
    started = time.perf_counter()
    done = predict_shards(bundle, source, out, on=on, progress=lambda event: None)
    took = time.perf_counter() - started
    ids = pl.scan_parquet(str(out / "*.parquet")).select(pl.col("id").n_unique()).collect().item()
    value = 100.0 * (ids + done.rejected) / rows if done.rows == ids else 0.0
    return Figure("scale", "rows answered once or rejected with a reason", value, "%", "higher", COMMAND, floor=100.0,
                  note=f"{rows:,} rows in {shards} shards on two cores: {took:,.0f} s, {rows / took:,.0f} rows/s.")  # fmt: skip


def memory(bundle: Path, home: Path, texts: list[str], few: int, many: int) -> Figure:
    """Peak memory of the driver, which is not that of its workers."""
    peak = {}
    for count in (few, many):
        source = home / f"many-{count}"
        write_shards(source, texts, count * 2, count)
        words = [sys.executable, "-c", DRIVER, str(bundle), str(source), str(home / f"many-{count}-out"), "processes:2"]
        peak[count] = float(subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return Figure("scale", f"peak memory of the driver, {many:,} shards / {few} shards", peak[many] / peak[few], "×", "lower", COMMAND,
                  floor=1.2, baseline=f"{peak[few]:.0f} MiB")  # fmt: skip
