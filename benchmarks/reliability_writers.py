"""Two to eight writers of one output at once: nothing is mixed, nothing is lost, and whoever has to wait is told.

Each round starts writers with inputs of their own, some at the same moment, some a little later: predictions into one
file, searches in one study, trainings into one bundle, evaluations into one report, distillations with one cache. At
the end there stands the output of one that finished, byte for byte; the others were told in one line which process was
writing. Distillations that share a cache all finish.
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

COMMAND = "make bench ONLY=reliability_writers"


def measure(data: Path, *, quick: bool) -> list[Figure]:
    """Return how many rounds ended with a mixed or lost output, or a writer that was not told."""
    del data
    found = contests(2 if quick else 200)
    print(found, flush=True)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(found["kinds"].items()))
    note = (
        f"{found['rounds']} rounds ({kinds}) of {found['writers']} writers in all: {found['finished']} finished, "
        f"{found['told']} were told that another process writes."
    )
    name = "2 to 8 writers at once: rounds with a mixed or lost output, or a loser that is not told"
    return [Figure("reliability", name, len(found["faults"]), "", "lower", COMMAND, floor=0, note=note)]


def contests(rounds: int) -> dict[str, Any]:
    """Run the rounds in a process of their own; see `benchmarks.contending_tasks`."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "POLARS_MAX_THREADS": "1"}
    environment["ORT_DISABLE_TELEMETRY"] = "1"  # it begins a thread, and a fork has only one
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), environment.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="limbeck-writers-") as home:
        command = [sys.executable, str(ROOT / "benchmarks" / "contending_tasks.py"), str(rounds), "0", home]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit("the rounds could not be made")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
