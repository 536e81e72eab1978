"""How fast a small tabular student answers beside the boosted trees it may learn from: recipes/accounts.toml.

Measured in a process of its own that has one core and one thread a library: encoding and answering of the same frame.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import ROOT, Figure

COMMAND = "make bench ONLY=table_speed"
THREADS = ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def measure(data: Path, *, quick: bool) -> list[Figure]:
    rows, repeats, epochs = (500, 2, 1) if quick else (50_000, 15, 20)
    with tempfile.TemporaryDirectory() as scratch:
        asked = {"data": str(data / "accounts"), "scratch": scratch, "rows": rows, "repeats": repeats, "epochs": epochs}
        alone = os.environ | dict.fromkeys(THREADS, "1") | {"LIMBECK_HOME": scratch}
        command = [sys.executable, "-m", "benchmarks.table_speed", json.dumps(asked)]
        done = subprocess.run(command, cwd=ROOT, env=alone, check=True, stdout=subprocess.PIPE, text=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    ours = seconds.pop("student")
    fastest, slowest = min(seconds, key=seconds.get), max(seconds, key=seconds.get)
    note = f"student {rows / ours:,.0f} rows/s; boosted trees of {slowest}: {rows / seconds[slowest]:,.0f}. One core, "
    note += f"{rows:,} rows in one frame, encoding included; medians of {repeats}, taken in turn."
    return [
        Figure("distil", "tabular student: rows/s over the fastest boosted teacher", seconds[fastest] / ours, "×", "higher",
               COMMAND, floor=3.0, aim=10.0, baseline=f"{rows / seconds[fastest]:,.0f} rows/s ({fastest})", note=note),
    ]  # fmt: skip


def alone(data: str, scratch: str, rows: int, repeats: int, epochs: int) -> dict[str, float]:
    """Return the median seconds of the student and of each scenario's booster, asked in turn about the same rows."""
    if repeats > 2 and hasattr(os, "sched_setaffinity"):  # the small version shares the machine with other tests
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    import limbeck
    from limbeck.recipe import load_recipe
    from limbeck.training.distill.panel import seat

    file, folder = ROOT / "recipes" / "accounts.toml", Path(data)
    recipe = load_recipe(file)
    # Its speed does not depend on who taught it, and labels teach it in a second.
    taught = ["teachers=[]", "objective.losses={hard=1.0}", "data.labels=all", f"training.epochs={epochs}",
              "evaluation.bootstrap=0", "evaluation.baseline=false"]  # fmt: skip
    limbeck.train(file, data=folder, out=Path(scratch, "bundle"), settings=taught)
    frame = jittered(folder / "accounts.csv", recipe.data.where, recipe.task.inputs, rows)
    with limbeck.load(Path(scratch, "bundle"), threads=1) as student:
        asked: dict[str, Callable[[], Any]] = {"student": lambda: student.predict_proba(frame)}
        for _, teacher in seat(recipe, student.classes, [folder]).scenarios:
            asked[teacher.name] = booster(teacher, frame)
        seconds: dict[str, list[float]] = {name: [] for name in asked}
        for _ in range(repeats + 1):  # the first is a warm-up
            for name, ask in asked.items():
                started = time.perf_counter()
                ask()
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


def jittered(file: Path, where: dict[str, Any], inputs: list[str], rows: int):
    """Return rows of the target's scenario, drawn with replacement, as numbers; all but flags moved by up to 5 %."""
    import numpy as np
    import polars as pl

    ((column, value),) = where.items()
    whole = pl.read_csv(file).filter(pl.col(column) == value).select(pl.col(inputs).cast(pl.Float64))
    random = np.random.default_rng(0)
    drawn = whole[random.integers(0, whole.height, rows)]
    moved = [name for name in inputs if whole[name].n_unique() > 3]
    return drawn.with_columns(pl.col(name) * random.uniform(0.95, 1.05, rows) for name in moved)


def booster(teacher, frame) -> Callable[[], Any]:
    """Return a question to boosted trees of a scenario's rows, as `limbeck.teachers.scenarios` trains and asks them."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    from limbeck.kinds.table.baseline import features
    from limbeck.kinds.table.encode import TableInput
    from limbeck.recipe import Input

    reader = TableInput.fit(Input(), teacher.rows)
    model = HistGradientBoostingClassifier(random_state=0, max_iter=100, learning_rate=0.08)
    model.fit(features(reader, teacher.rows), teacher.labels)
    known = frame.select(teacher.columns)
    return lambda: model.predict_proba(features(reader, known))


if __name__ == "__main__":
    print(json.dumps(alone(**json.loads(sys.argv[1]))))
