"""Many shards: how much faster than one core, what a kill repeats, what a resumed job reads, what 1,000 nodes would do.

The rows are the real reviews, over and over; the bundle is the n-gram student of recipes/fake-news.toml. With Ray installed the shards also run
on a cluster of two raylets on this machine. With moto installed they also run in a real S3 server that fails now and then.
"""

from __future__ import annotations

import csv
import heapq
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl

import limbeck
from benchmarks.figures import ROOT, Figure
from limbeck.scale.predict_shards import predict_shards

COMMAND = "make bench ONLY=scale"
# The child reports the peak of its own memory map; see benchmarks/memory.py.
DRIVER = (
    "import sys; from limbeck.scale.predict_shards import predict_shards;"
    "predict_shards(*sys.argv[1:4], on=sys.argv[4], progress=lambda event: None);"
    "print(next(int(line.split()[1]) for line in open('/proc/self/status') if line.startswith('VmHWM')) / 1024)"
)
NODES, FAIL, SLOW, FACTOR, SHARD = 1_000, 0.01, 0.01, 10.0, 10_000


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


def answers(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


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


@contextmanager
def two_raylets() -> Iterator[Any]:
    """Start a cluster of two nodes of one processor each on this machine."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def lost_nodes(bundle: Path, home: Path, expected: dict[str, bytes], times: int, life: float) -> Figure:
    """Kill the raylet of the second node at a random moment of a job, with all its workers, and start another node."""
    chance, good = random.Random(0), 0
    for at in range(times):
        with two_raylets() as cluster:

            def strike(cluster: Any = cluster) -> None:
                cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)
                cluster.add_node(num_cpus=1)

            timer = threading.Timer(chance.uniform(0.1, 0.8) * life, strike)
            timer.start()
            out = home / f"lost-{at}"
            predict_shards(bundle, home / "in", out, on="ray", progress=lambda event: None)
            timer.join()
            good += answers(out) == expected
    return Figure("scale", "a node of the Ray cluster killed at random moments: jobs that end with the same bytes", 100.0 * good / times, "%",
                  "higher", COMMAND, floor=100.0, note=f"{times} jobs, a node each.")  # fmt: skip


def killed(bundle: Path, home: Path, kills: int, shards: int, on: str) -> Figure:
    """Kill the driver or a worker at random moments until that has happened so often; compare the bytes at the end."""
    life = run(bundle, home / "in", home / "undisturbed", on, lambda process: False)
    expected = whole(home / "undisturbed")
    chance, done, good, jobs = random.Random(0), 0, 0, 0
    while done < kills:
        out, here = home / f"killed-{jobs}", 0
        while not (out / "_limbeck/manifest.json").exists():
            noted = {file: file.stat().st_mtime_ns for file in out.glob("_limbeck/shards/*.json")}
            # The last attempts of a job come late in its life; it must be let to end.
            wait = chance.uniform(0.2, 0.9) * life if done + here < kills else None
            victim = chance.choice(("driver", "worker"))
            here += run(bundle, home / "in", out, on, partial(strike, wait=wait, victim=victim)) < 0
            if any(file.stat().st_mtime_ns != before for file, before in noted.items()):
                raise SystemExit("a shard that was done was answered again")
        good += here * (whole(out) == expected)
        done, jobs = done + here, jobs + 1
    return Figure("scale", "driver or worker killed at random moments: kills after which every row was answered once, with the same bytes",
                  100.0 * good / done, "%", "higher", COMMAND, floor=100.0,
                  note=f"{done} kills in {jobs} jobs of {shards} shards; the manifest is compared too. No shard that was done was answered "
                  "again, so a kill repeats at most the shard that each killed worker had begun.")  # fmt: skip


def whole(out: Path) -> dict[str, bytes]:
    return {**answers(out), "manifest": (out / "_limbeck/manifest.json").read_bytes()}


def run(bundle: Path, source: Path, out: Path, on: str, during: Callable[[subprocess.Popen[bytes]], bool]) -> float:
    """Run the command; return seconds, or -1 where ``during`` killed something."""
    words = [sys.executable, "-m", "limbeck", "predict", str(bundle), str(source), str(out), "--on", on]
    started = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    struck = during(process)
    process.wait()
    return -1.0 if struck else time.perf_counter() - started


def strike(process: subprocess.Popen[bytes], wait: float | None, victim: str) -> bool:
    """Kill the driver, or one of its workers, after some seconds; return whether anything was there to kill."""
    if wait is None:
        return False
    try:
        process.wait(wait)
    except subprocess.TimeoutExpired:
        target = process.pid
        if victim == "worker":
            lists = list(Path(f"/proc/{process.pid}/task").glob("*/children"))
            workers = [int(word) for file in lists for word in file.read_text().split()]
            target = min(workers, default=process.pid)
        os.kill(target, signal.SIGKILL)
        return True
    return False


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


def storage(bundle: Path, source: Path, count: int) -> Figure:
    """Answer shards in moto's S3 server, of whose requests one in twenty fails; return the share that is complete."""
    import pyarrow.fs as arrow
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    from limbeck.scale.places import open_place

    application, chance, refused = DomainDispatcherApplication(create_backend_app), random.Random(0), [0]

    def failing(environ, begin):  # type: ignore[no-untyped-def]
        if environ["REQUEST_METHOD"] != "HEAD" and chance.random() < 0.05:
            refused[0] += 1
            begin("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
        return application(environ, begin)

    handler = type("Quiet", (WSGIRequestHandler,), {"log_request": lambda *_: None})
    server = make_server("127.0.0.1", 0, failing, threaded=True, request_handler=handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    known = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
    }
    before = dict(os.environ)
    os.environ.update(known)
    try:
        local = f"127.0.0.1:{server.server_port}"
        arrow.S3FileSystem(endpoint_override=local, scheme="http", allow_bucket_creation=True).create_dir("bucket")
        place = open_place("s3://bucket/in")
        for file in sorted(source.iterdir())[:count]:
            place.put(file, file.name, lambda: None)
        done = predict_shards(
            bundle, "s3://bucket/in", "s3://bucket/out", on="processes:2", progress=lambda event: None
        )
        written = open_place("s3://bucket/out")
        manifest = json.loads(written.read("_limbeck/manifest.json") or b"{}")
        sizes = {entry.name: entry.size for entry in written.entries(deep=True)}
        whole = sum(sizes.get(shard["output"]) == shard["size"] for shard in manifest["shards"])
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.shutdown()
    return Figure("scale", "S3 (moto's server) with 5 % of requests refused: shards that are complete", 100.0 * whole / done.shards, "%", "higher",
                  COMMAND, floor=100.0, note=f"{done.shards} shards; {refused[0]} requests were refused.")  # fmt: skip


def thousand_nodes(rate: float, rows: int = 10**9) -> Figure:
    """Simulate the plan on 1,000 one-core nodes: 1 % of tasks fail half-way, 1 % run ten times slower."""
    overhead, backups = (simulated(rate, rows, backup=backup) for backup in (False, True))
    note = (
        f"{rows:,} rows in shards of {SHARD:,} at the measured {rate:,.0f} rows/s a core: {100 * overhead:.0f} % over the ideal time. "
        f"With a second copy of tasks that take three times the usual time it would be {100 * backups:.0f} %."
    )
    return Figure(
        "scale", "simulation of 1,000 nodes: time over the ideal", 100.0 * overhead, "%", "lower", COMMAND, note=note
    )


def simulated(rate: float, rows: int, *, backup: bool, seed: int = 0) -> float:
    """Return by how much the time of the plan is over rows / (rate x nodes); events are ends of tasks."""
    chance, shards = random.Random(seed), rows // SHARD
    usual = SHARD / rate
    ends = [0.0] * NODES
    heapq.heapify(ends)
    waiting, last = shards, 0.0
    while waiting:
        at = heapq.heappop(ends)
        waiting -= 1
        took = usual * (FACTOR if chance.random() < SLOW else 1.0)
        if backup and took > 3 * usual:
            took = 4 * usual  # the copy begins once three times the usual time has passed
        while chance.random() < FAIL:
            took += usual / 2  # the part that is lost
        heapq.heappush(ends, at + took)
        last = max(last, at + took)
    return last / (rows / rate / NODES) - 1.0
