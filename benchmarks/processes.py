"""What it gives to train in two processes under torchrun: the same weights, in how much less time.

Each run is one `train_student` with one thread a process; the weights are those of the checkpoint, not yet rounded.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=processes"
SETTINGS = ["data.where.domain=酒店", "input.wide=false", "training.average=0", "training.precision=fp32", "training.device=cpu",
            "training.learning_rate=0.001", "training.epochs=2"]  # fmt: skip
QUICK = ["student.hidden=8", "input.max_length=16", "student.bigrams=256", "training.epochs=1"]


def measure(data: Path, *, quick: bool) -> list[Figure]:
    settings = SETTINGS + (QUICK if quick else [])
    with tempfile.TemporaryDirectory() as scratch:
        seconds = {
            count: run(data / "reviews", Path(scratch), count, settings, here=quick and count == 1) for count in (1, 2)
        }
        apart = difference(Path(scratch, "1"), Path(scratch, "2"))
    how = (
        "GRU of recipes/sentiment.toml on the hotels alone, without its wide branch, dropout on, rate 0.001, fp32, gloo"
    )
    return [
        Figure("text", "two processes: largest difference of a weight to one process", apart, "", "lower", COMMAND,
               floor=1e-5, note=how + f": {apart:.1e}."),
        Figure("text", "two processes on two cores: training time over that of one", seconds[1] / seconds[2], "×", "higher",
               COMMAND, baseline=f"{seconds[1]:.0f} s", note=how + "; encoding and evaluating on valid included, by the clock."),
    ]  # fmt: skip


def run(data: Path, scratch: Path, count: int, settings: list[str], *, here: bool) -> float:
    """Train in ``count`` new processes, or ``here``; the checkpoint lands in ``scratch/count``. Returns seconds."""
    asked = {"data": str(data), "out": str(scratch / str(count)), "settings": settings}
    if here:  # torch is loaded already
        return train(**asked) or 0.0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "-m", __name__]
    env = os.environ | {"OMP_NUM_THREADS": "1", "LIMBECK_HOME": str(scratch)}
    done = subprocess.run(
        [*launch, json.dumps(asked)], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    return float(done.stdout.splitlines()[-1])


def difference(one: Path, two: Path) -> float:
    """Return the largest difference of a weight between two checkpoints."""
    import torch

    left, right = (torch.load(place / "checkpoint.pt", weights_only=True)["best"] for place in (one, two))
    return max(float((value - right[name]).abs().max()) for name, value in left.items())


def train(data: str, out: str, settings: list[str]) -> float | None:
    """Train among the processes that were started together; return the seconds it took, on rank 0."""
    from limbeck.dataset.prepare import prepare
    from limbeck.recipe import load_recipe
    from limbeck.training.distributed.processes import joined
    from limbeck.training.student import train_student

    with joined() as process_group:
        recipe = load_recipe(ROOT / "recipes" / "sentiment.toml", settings)
        rows = prepare(recipe, Path(data))
        started = time.monotonic()
        train_student(recipe, rows, folders=[Path(data)], checkpoints=Path(out))
        return time.monotonic() - started if process_group.is_main else None


if __name__ == "__main__":
    from limbeck.process.cores import leave

    if (seconds := train(**json.loads(sys.argv[1]))) is not None:
        print(seconds, flush=True)
    leave(0)
