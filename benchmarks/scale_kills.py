"""Jobs of many shards whose driver, workers or cluster nodes are killed at random moments; see benchmarks/scale.py."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from limbeck.scale.predict_shards import predict_shards

COMMAND = "make bench ONLY=scale"


def answers(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


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
