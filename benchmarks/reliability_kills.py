"""Runs that are killed with SIGKILL, a hundred times for each verb: the next one ends with the same bytes.

Kills come at a random time of a run's life, or as soon as one of its named moments is seen in its folder (a checkpoint
half written, the export begun, the bundle put in its place, …), one to four in a row. Every second run finds an earlier
output in its place. After every kill the output is the earlier one or the new one, whole; at the end nothing but the
output is left, with the bytes of a run that was never killed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=reliability_kills"
TASKS = ("train", "predict", "tune", "distil", "export")


def measure(data: Path, *, quick: bool) -> list[Figure]:
    """Return for each verb the share of kills after which the run ended as if there had been none."""
    del data
    figures = []
    for at, task in enumerate(("predict",) if quick else TASKS):
        found = killed_runs(task, 2 if quick else 100, seed=at)
        print(task, found, flush=True)
        named = {name: count for name, count in found["moments"].items() if name != "at any time"}
        note = (
            f"{found['kills']} kills of {found['runs']} runs of {found['seconds']:.1f} s: "
            f"{found['moments'].get('at any time', 0)} at a random time, "
            + ", ".join(f"{name} {count}" for name, count in sorted(named.items()))
        )
        name = f"{task}: kills after which the run ended with the same bytes and left nothing"
        value = 100.0 * found["good"] / max(found["kills"], 1)
        figures.append(Figure("reliability", name, value, "%", "higher", COMMAND, floor=100.0, note=note))
    return figures


def killed_runs(task: str, kills: int, seed: int) -> dict[str, Any]:
    """Run a task in a process that kills it so often; see `benchmarks.killed_tasks`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "POLARS_MAX_THREADS": "1"}
    environment["ORT_DISABLE_TELEMETRY"] = "1"  # it begins a thread, and a fork has only one
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), environment.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="limbeck-kills-") as home:
        command = [sys.executable, str(ROOT / "benchmarks" / "killed_tasks.py"), task, str(kills), str(seed), home]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{task}: the runs could not be made")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
