"""The tests again and again: in other orders, on one core, and as other processors compute.

Every run has an order of its own and one core. Settings of OpenBLAS, PyTorch and oneDNN choose the kernels of older
processors, whose sums differ in the last bits.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=reliability_suite"
OLDER = {"OPENBLAS_CORETYPE": "Sandybridge", "ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"}
BLAS = (*OLDER, "OPENBLAS_L2_SIZE")
SMALL = ["tests/evaluation/test_curves.py"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    del data
    cores = sorted(os.sched_getaffinity(0))
    seeds = range(1, 3 if quick else 11)
    asked = [(seed, OLDER if seed % 2 == 0 else {}, cores[at % len(cores)]) for at, seed in enumerate(seeds)]
    parts = SMALL if quick else []
    with ThreadPoolExecutor(len(cores)) as pool:
        runs = list(pool.map(lambda one: run(*one, parts), asked))
    for one in runs:
        print(one, flush=True)
    count = len(runs)
    seconds = sorted(one["seconds"] for one in runs)
    return [
        Figure("reliability", "`make test`, ten runs in ten orders, one core each: failures", sum(one["failed"] for one in runs),
               "", "lower", COMMAND, floor=0,
               note=f"{count} runs, every second one with {', '.join(f'{name}={value}' for name, value in OLDER.items())}; "
               f"{min(one['passed'] for one in runs):,} tests or more passed in each."),
        Figure("reliability", "`make test` on one core, the other busy with the same: median", seconds[count // 2] / 60, "min", "lower", COMMAND),
    ]  # fmt: skip


def run(seed: int, kernels: dict[str, str], core: int, parts: list[str]) -> dict[str, Any]:
    """Run the tests in the order of ``seed`` on one core; return how many passed and failed, and the seconds."""
    env = {name: value for name, value in os.environ.items() if name not in BLAS} | kernels | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", f"--randomly-seed={seed}"]
    command += parts
    started = time.monotonic()
    code = f"import os, sys; os.sched_setaffinity(0, {{{core}}}); os.execv(sys.executable, {command!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    told = re.findall(r"(\d+) (passed|failed|error)", done.stdout[-300:])
    found = {what: int(count) for count, what in told}
    failed = found.get("failed", 0) + found.get("error", 0)
    if done.returncode and not failed:
        failed = 1  # it did not even end
    if failed:
        print(done.stdout[-4000:], done.stderr[-2000:], flush=True)
    return {
        "seed": seed,
        "kernels": kernels,
        "passed": found.get("passed", 0),
        "failed": failed,
        "seconds": time.monotonic() - started,
    }
