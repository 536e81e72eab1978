"""One process that starts several writers of one output at once, again and again, and looks at what becomes of it.

Usage: contending_tasks.py ROUNDS SEED FOLDER; it prints one JSON object. Writers are forks, as in `killed_tasks`; each
has an input of its own, so that rows of two of them in one file could be told.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import limbeck
import limbeck.training.search.tune
from benchmarks.forked_runs import ended, forked, remove, until_end
from benchmarks.killed_tasks import recipe, write_rows
from limbeck.bundle.prediction import predict_files as stream
from limbeck.recipe import dump_recipe

MOST = 8  # writers at once
KINDS = ("predict", "tune", "predict", "train", "predict", "report", "predict", "cache")
TOLD = re.compile(r"another process \((\d+)\) is writing this (file|folder); wait for it, or name another output$")


class Writers:
    """What each kind of writer does, and what is right."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.right: dict[str, dict[str, str]] = {}

    def prepare(self) -> None:
        """Make inputs and bundles."""
        write_rows(self.home / "rows.csv", 120)
        for at in range(MOST):
            write_rows(self.home / f"questions{at}.csv", 1500 + 700 * at)
        space = {"training.learning_rate": {"low": 1e-3, "high": 0.2, "log": True}}
        short = recipe().model_dump(mode="json", exclude_none=True)["training"] | {"epochs": 1}
        (self.home / "tune.toml").write_text(dump_recipe(recipe(training=short, tune={"space": space})), "utf-8")
        limbeck.train(recipe(), data=self.home, out=self.home / "bundle")

    def run(self, kind: str, number: int, place: Path) -> None:
        """Do what writer ``number`` of a kind does, into ``place``."""
        os.environ["LIMBECK_HOME"] = str(place / "caches")
        if kind == "predict":
            stream.WINDOW = 256
            limbeck.predict(self.home / "bundle", self.home / f"questions{number}.csv", place / "out.csv")
        elif kind == "tune":
            limbeck.training.search.tune.tune(self.home / "tune.toml", data=self.home, out=place / "out", trials=3)
        elif kind == "train":
            limbeck.train(
                recipe(input={"encoder": "ngrams", "buckets": 256 * (number + 1)}), data=self.home, out=place / "out"
            )
        elif kind == "report":
            data = self.home / f"questions{number}.csv"
            limbeck.evaluate(self.home / "bundle", data, where={"label": "1"}, bootstrap=0, report=place / "out.html")
        else:
            teachers = [{"name": "model", "source": f"bundle:{self.home / 'bundle'}"}]
            taught = recipe(teachers=teachers, objective={"losses": {"hard": 0.5, "distil": 0.5}})
            limbeck.train(taught, data=self.home, out=place / f"out{number}")

    def result(self, kind: str, place: Path) -> dict[str, str]:
        """Return what is left in a folder; of a bundle and a cache what has no time in it."""
        found = {}
        for file in sorted(file for file in place.rglob("*") if file.is_file()):
            name = str(file.relative_to(place))
            if name.startswith("caches/"):
                continue
            same = kind in ("predict", "report") or file.name in ("weights.safetensors", "model.onnx", "best.toml")
            found[name] = file.read_bytes().hex() if same else ""
        return found

    def alone(self, kind: str, number: int) -> dict[str, str]:
        """Return what writer ``number`` leaves when it is alone; computed once."""
        key = kind if kind == "tune" else f"{kind} {number}"
        if key not in self.right:
            place = self.home / "alone"
            place.mkdir()
            if status := until_end(forked(lambda: self.run(kind, number, place), self.home / "log")):
                raise SystemExit(f"{kind}: {status}: {(self.home / 'log').read_text('utf-8')[-2000:]}")
            self.right[key] = self.result(kind, place)
            remove(place)
        return self.right[key]


def told(work: Callable[[], None], line: Path) -> None:
    """Do some work; of an error that the user is told, keep the line and end with 2."""
    try:
        work()
    except limbeck.LimbeckError as error:
        line.write_text(str(error), "utf-8")
        os._exit(2)


def contest(writers: Writers, kind: str, count: int, at: int, chance: random.Random) -> tuple[list[str], int, int]:
    """Let ``count`` writers write at once; return what is wrong, how many finished and how many were told."""
    place, lines = writers.home / f"round{at}", writers.home / f"lines{at}"
    place.mkdir()
    lines.mkdir()
    running: dict[int, int] = {}
    numbers = chance.sample(range(MOST), count)
    for number in numbers:

        def work(number: int = number) -> None:
            told(lambda: writers.run(kind, number, place), lines / str(number))

        running[forked(work, writers.home / "log")] = number
        time.sleep(chance.choice((0.0, 0.0, chance.uniform(0.0, 0.3))))
    pids, won, faults, lost = set(running), [], [], 0
    while running:
        for pid in list(running):
            status = ended(pid)
            if status is None:
                continue
            number = running.pop(pid)
            if status == 0:
                won.append(number)
                continue
            lost += 1
            line = (lines / str(number)).read_text("utf-8") if (lines / str(number)).exists() else ""
            match = TOLD.search(line)
            if status != 2 or not match or "\n" in line or int(match.group(1)) not in pids:
                faults.append(f"writer {number} ended with {status}: {line!r}")
        time.sleep(0.001)
    found = writers.result(kind, place)
    if kind == "cache":
        expected = {name: text for number in won for name, text in writers.alone(kind, number).items()}
        if lost or found != expected:
            faults.append(f"{lost} lost with one cache, or other answers: {sorted(found.keys() ^ expected.keys())}")
    elif not won:
        faults.append("nobody finished")
    elif not any(found == writers.alone(kind, number) for number in won[-2:]):
        # Two that end within the same millisecond are met in either order.
        faults.append(f"what is left is of none that finished: {sorted(found)}")
    if not faults:
        remove(place)
    remove(lines)
    return faults, len(won), lost


def main(rounds: int, seed: int, home: Path) -> None:
    """Run the rounds; print what came of them."""
    writers, chance = Writers(home), random.Random(seed)
    if until_end(forked(writers.prepare, home / "log")):
        raise SystemExit((home / "log").read_text("utf-8")[-2000:])
    facts: dict[str, Any] = {"rounds": 0, "writers": 0, "finished": 0, "told": 0, "faults": [], "kinds": {}}
    for at in range(rounds):
        kind = KINDS[at % len(KINDS)]
        count = chance.randint(2, MOST)
        faults, won, lost = contest(writers, kind, count, at, chance)
        facts["rounds"] += 1
        facts["writers"] += count
        facts["finished"] += won
        facts["told"] += lost
        facts["kinds"][kind] = facts["kinds"].get(kind, 0) + 1
        if faults:
            facts["faults"].append(f"round {at}, {count} x {kind}: {'; '.join(faults)}")
            print(facts["faults"][-1], file=sys.stderr, flush=True)
    print(json.dumps(facts))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
