"""The small tasks of `reliability_kills`, and one process that runs one of them again and again and kills it.

Usage: killed_tasks.py TASK KILLS SEED FOLDER; it prints one JSON object. Every run is a fork made while this process has
no threads and no onnxruntime session, so that libraries are imported once; it is ended with SIGKILL, which nothing can
catch. Nothing in the runs knows of it: moments are told by the clock, or by what stands in the folder.
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

# What runs import when they need it: here once, and not in every fork.
import jinja2  # noqa: F401
import numpy as np
import onnxruntime  # noqa: F401
import sympy  # noqa: F401
import torch._dynamo  # noqa: F401

import limbeck
import limbeck.training.search.tune
import limbeck.training.train
from benchmarks.forked_runs import PATIENCE, forked, killed, remove, until_end
from limbeck.bundle.classifier import Classifier  # noqa: F401
from limbeck.bundle.manifest import read_manifest
from limbeck.bundle.prediction import predict_files as stream
from limbeck.recipe import Recipe, dump_recipe, parse_recipe

ROWS, QUESTIONS = 300, 4000
# Files of a bundle with a time or a duration in them.
DATED = ("bundle.json", "export.json", "report.html", "README.md")


def recipe(**sections: Any) -> Recipe:
    """Return a recipe that trains in a second."""
    raw: dict[str, Any] = {
        "task": {"kind": "text", "classes": {"0": "bad", "1": "good"}},
        "data": {"train": "rows.csv", "split": "split"},
        "input": {"encoder": "ngrams", "ngrams": [1, 2], "buckets": 4096, "max_length": 32},
        "student": {"network": "ngram"},
        "evaluation": {"bootstrap": 0, "baseline": False},
        "export": {"int8": "never"},
        "training": {
            "epochs": 6, "patience": 6, "learning_rate": 0.05, "batch_size": 32, "threads": 1, "device": "cpu",
            "precision": "fp32", "checkpoint_every": 0,
        },
    }  # fmt: skip
    return parse_recipe(raw | sections)


def write_rows(path: Path, count: int) -> None:
    """Write made-up texts of two classes."""
    numbers = np.random.default_rng(0)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "text", "label", "score", "split"])
        for at in range(count):
            words = [*(f"w{word}" for word in numbers.integers(0, 400, 5)), ("awful", "lovely")[at % 2]]
            text = "" if at % 97 == 96 and count > ROWS else " ".join(numbers.permutation(words))
            split = ("train", "train", "train", "valid", "test")[at // 2 % 5]
            writer.writerow([f"r{at}", text, at % 2, round((at % 2 * 0.6 + numbers.random() * 0.4), 3), split])


class Task:
    """A task in a folder: how it begins, runs, and what it leaves when it is finished.

    ``moments`` are conditions on the folder of a run; a kill comes as soon as one is met.
    """

    def __init__(self, name: str, home: Path) -> None:
        self.name, self.home = name, home
        self.out_name = "out.csv" if name == "predict" else "out"
        self.home.mkdir(parents=True, exist_ok=True)
        write_rows(home / "rows.csv", ROWS)
        write_rows(home / "questions.csv", QUESTIONS)
        space = {"training.learning_rate": {"low": 1e-3, "high": 0.2, "log": True}, "student.idf": [0.5, 1.0]}
        short = recipe().model_dump(mode="json", exclude_none=True)["training"] | {"epochs": 2}
        (home / "tune.toml").write_text(dump_recipe(recipe(training=short, tune={"space": space})), "utf-8")
        distil = {
            "teachers": [
                {"name": "score", "source": "column:score"},
                {"name": "model", "source": f"bundle:{home / 'bundle'}"},
            ],
            "objective": {"losses": {"hard": 0.5, "distil": 0.5}},
        }
        self.recipes = {"distil": recipe(**distil)}

    def prepare(self) -> None:
        """Make what the runs begin with; in a process of its own, as it may start threads."""
        limbeck.train(recipe(), data=self.home, out=self.home / "bundle")
        if self.name not in ("predict", "tune"):
            other = recipe(input={"encoder": "ngrams", "buckets": 1024})
            limbeck.train(other, data=self.home, out=self.home / "earlier")
        if self.name == "export":
            with_checkpoint(self.home)

    def begin(self, place: Path, earlier: bool) -> None:
        """Make the folder of a run; with ``earlier`` an earlier output stands there already."""
        place.mkdir()
        if earlier and self.name == "predict":
            (place / "out.csv").write_text("earlier\n", "utf-8")
        elif earlier and self.name not in ("predict", "tune"):
            copy(self.home / "earlier", place / "out")
        if self.name == "export":
            copy(self.home / ".export.training", place / ".out.training")

    def run(self, place: Path) -> None:
        """Do the task, from where an earlier run came to."""
        os.environ["LIMBECK_HOME"] = str(place / "caches")
        out = place / self.out_name
        if self.name == "predict":
            stream.WINDOW = 128
            limbeck.predict(self.home / "bundle", self.home / "questions.csv", out)
        elif self.name == "tune":
            limbeck.training.search.tune.tune(self.home / "tune.toml", data=self.home, out=out, trials=5)
        else:
            limbeck.train(self.recipes.get(self.name, recipe()), data=self.home, out=out, resume=True)

    def result(self, place: Path) -> dict[str, str]:
        """Return name and content of all that a finished run has left, but for times."""
        files = sorted(file for file in place.rglob("*") if not file.is_dir())
        kept = [file for file in files if "caches" not in file.relative_to(place).parts]
        found = {
            str(file.relative_to(place)): "" if file.name in (*DATED, "study.db") else file.read_bytes().hex()
            for file in kept
        }
        # Of the caches only that nothing half-written stays; a lock may.
        halves = [file for file in files if file not in kept and file.suffix == ".part"]
        return found | {str(file.relative_to(place)): "left" for file in halves}

    def whole(self, place: Path, earlier: bool, right: dict[str, str]) -> bool:
        """Return whether, after a kill, the output is the earlier one or the new one, and whole."""
        out = place / self.out_name
        if self.name == "tune":
            return True
        if not out.exists():
            return not earlier
        if self.name == "predict":
            return out.read_bytes() == b"earlier\n" or out.read_bytes().hex() == right["out.csv"]
        try:
            read_manifest(out)
        except limbeck.LimbeckError:
            return False
        return True

    def moments(self, place: Path) -> dict[str, Callable[[], bool]]:
        """Return the moments between which a kill may do harm, as conditions on the folder."""
        out = place / self.out_name
        lock = place / f".{self.out_name}.lock"
        ino = inode(out)

        def first(pattern: str) -> Callable[[], bool]:
            return lambda: any(place.glob(pattern))

        common = {"locked": lock.exists, "output in its place": lambda: inode(out) not in (0, ino)}
        if self.name == "predict":
            journal = place / ".out.csv.journal.json"
            stood = inode(journal)
            return common | {
                "first rows": (place / ".out.csv.part").exists,
                "journal half written": first("..out.csv.journal.json.*.part"),
                "journal renamed": lambda: inode(journal) not in (0, stood),
                "rejects in their place": (place / "out.csv.rejected.csv").exists,
            }
        if self.name == "tune":
            best = out / "best.toml"
            stood = inode(best)
            return {
                "locked": lock.exists,
                "study begun": (out / "study.db").exists,
                "in a transaction": (out / "study.db-journal").exists,
                "best half written": first("out/.best.toml.*.part"),
                "best renamed": lambda: inode(best) not in (0, stood),
            }
        work = place / ".out.training"
        checkpoint = work / "checkpoint.pt"
        stood = inode(checkpoint)
        found = {
            "export begun": first(".out.*.part"),
            "model written": first(".out.*.part/model.onnx"),
            "report written": first(".out.*.part/report.html"),
            "manifest written": first(".out.*.part/bundle.json"),
            "checkpoint removed": lambda: inode(out) not in (0, ino) and not checkpoint.exists(),
            "unlocked": lambda: inode(out) not in (0, ino) and not lock.exists(),
        }
        if self.name != "export":
            found |= {
                "checkpoint half written": first(".out.training/.checkpoint.pt.*.part"),
                "checkpoint renamed": lambda: inode(checkpoint) not in (0, stood),
            }
        if self.name == "distil":
            found["answers kept"] = first("caches/**/*.keys")
        return common | found


def with_checkpoint(home: Path) -> None:
    """Train to the end and stop in the export, so that the checkpoint of a finished training is there."""
    made = limbeck.training.train
    finish = made.finish

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    made.finish = stop
    try:
        limbeck.train(recipe(), data=home, out=home / "export")
    except KeyboardInterrupt:
        pass
    finally:
        made.finish = finish


def copy(source: Path, target: Path) -> None:
    """Copy a folder of plain files."""
    target.mkdir()
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())


def inode(path: Path) -> int:
    """Return the inode of what stands at a path, 0 where nothing does."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


class Trials:
    """Runs that are killed, and what became of them."""

    def __init__(self, task: Task, seed: int) -> None:
        self.task, self.random = task, random.Random(seed)
        self.log = task.home / "log"
        self.faults: list[str] = []
        self.moments: dict[str, int] = {}
        self.kills = self.good = self.runs = 0

    def reference(self) -> None:
        """Run once without a kill: what is right, and how long it takes."""
        self.seconds = PATIENCE
        for number in range(2):  # the faster one says where a random time may lie
            place = self.task.home / f"whole{number}"
            self.task.begin(place, earlier=False)
            started = time.monotonic()
            status = until_end(forked(partial(self.task.run, place), self.log))
            self.seconds = min(self.seconds, time.monotonic() - started)
            if status:
                raise SystemExit(self.log.read_text("utf-8")[-3000:])
            self.right = self.task.result(place)

    def moment(self, place: Path) -> tuple[str, Callable[[], bool], float]:
        """Draw when to kill: at a random time in three of five cases, else at a moment with a name."""
        if self.random.random() < 0.6:
            at = time.monotonic() + self.random.uniform(0.0, self.seconds)
            return "at any time", lambda: time.monotonic() >= at, 0.0005
        moments = self.task.moments(place)
        fewest = min(moments, key=lambda name: (self.moments.get(name, 0), self.random.random()))
        name = fewest if self.random.random() < 0.7 else self.random.choice(list(moments))
        return name, moments[name], 0.0

    def once(self, most: int) -> None:
        """Kill one run up to a few times in a row, then let it come to its end and look at what it left."""
        self.runs += 1
        place = self.task.home / f"run{self.runs}"
        earlier = self.runs % 2 == 0
        self.task.begin(place, earlier)
        kills, status, fault = 0, -9, ""
        for _ in range(self.random.randint(1, 4)):
            if kills == most:
                break
            name, reached, pause = self.moment(place)
            status = killed(forked(lambda: self.task.run(place), self.log), reached, pause)
            if status != -9:
                break
            kills += 1
            self.moments[name] = self.moments.get(name, 0) + 1
            if not self.task.whole(place, earlier, self.right):
                fault = fault or f"after a kill ({name}) the output is gone or not whole"
        if status == -9:
            status = until_end(forked(partial(self.task.run, place), self.log))
        if status:
            fault = fault or f"it ended with {status}: {self.log.read_text('utf-8')[-600:]}"
        elif not fault and (found := self.task.result(place)) != self.right:
            names = sorted(name for name in found.keys() | self.right if found.get(name) != self.right.get(name))
            fault = f"not as without a kill: {names}"
        self.kills += kills
        self.good += 0 if fault else kills
        if fault:
            self.faults.append(f"run {self.runs}: {fault}")
            print(self.task.name, self.faults[-1], file=sys.stderr, flush=True)
        else:
            remove(place)


def main(name: str, kills: int, seed: int, home: Path) -> None:
    """Run a task until it was killed so often; print what came of it."""
    task = Task(name, home)
    if until_end(forked(task.prepare, home / "log")):
        raise SystemExit((home / "log").read_text("utf-8")[-3000:])
    trials = Trials(task, seed)
    trials.reference()
    while trials.kills < kills and trials.runs < 20 * kills:
        trials.once(kills - trials.kills)
    facts = {"kills": trials.kills, "good": trials.good, "runs": trials.runs, "seconds": trials.seconds}
    print(json.dumps({**facts, "moments": trials.moments, "faults": trials.faults}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
