"""Does jobs under torchrun, one after the other, each in a fork of every process: torch is imported once for all.

Usage: launched.py JOBS OUT. JOBS is a JSON file with {NAME: [VERB, WORD…]}, the verbs are those of `DOES`. Of each job
and rank OUT/NAME-RANK.log has what was said, and OUT/NAME-RANK.status the exit status.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

# What runs import when they need it: here once, and not in every fork.
import jinja2  # noqa: F401
import onnxruntime  # noqa: F401
import sympy  # noqa: F401
import torch._dynamo  # noqa: F401

from limbeck.cli.main import run
from limbeck.dataset.prepare import prepare
from limbeck.process.cores import leave, place
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.distill.targets import Targets
from limbeck.training.distributed import processes
from limbeck.training.fit import loop
from limbeck.training.student import train_student
from limbeck.training.train import train  # noqa: F401 - what `run` loads


def teach(recipe: Recipe, data: Path, out: Path) -> None:
    """Train a student; a loss that needs a teacher gets answers made up from the labels, for two rows of three."""
    import numpy as np

    rows = prepare(recipe, data)
    targets = None
    if any("distil" in name for name in recipe.objective.losses):
        train, valid = rows.part("train"), rows.part("valid")
        answers = [[0.9, 0.1] if label == 0 else [0.2, 0.8] for label in rows.labels[train]]
        given = np.array(answers, dtype=np.float32)
        given[::3] = np.nan
        targets = Targets(train, given, valid, np.zeros((len(valid), 2), dtype=np.float32))
    train_student(recipe, rows, folders=[data], checkpoints=out, targets=targets)


def students(out: str, *words: str) -> None:
    """Teach students, NAME=RECIPE=DATA; leaves OUT/NAME/checkpoint.pt, whose weights are not yet rounded."""
    with processes.joined():
        for word in words:
            name, recipe, data = word.split("=")
            teach(load_recipe(recipe, ()), Path(data), Path(out) / name)


def limbeck(*words: str) -> None:
    """Do a command of limbeck."""
    run(list(words))


def stopped(step: str, *words: str) -> None:
    """Do a command of limbeck in which the last process gets SIGTERM, alone and once, at the beginning of a step."""
    rank, size = place()
    seed = loop.step_seed

    def asked(number: int, at: int, process: int) -> int:
        if rank == size - 1 and at == int(step) and process == 0:
            os.kill(os.getpid(), signal.SIGTERM)
        return seed(number, at, process)

    loop.step_seed = asked
    run(list(words))


def copied(source: str, target: str) -> None:
    """Copy a folder; the first process alone does it."""
    if place()[0] == 0:
        shutil.copytree(source, target)


DOES = {"students": students, "limbeck": limbeck, "stopped": stopped, "copied": copied}


def forked(verb: str, words: list[str], log: Path) -> int:
    """Do a job in a fork; return its exit status."""
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 1
    try:
        with log.open("wb", buffering=0) as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        DOES[verb](*words)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        leave(status)


if __name__ == "__main__":
    out = Path(sys.argv[2])
    for name, (verb, *words) in json.loads(Path(sys.argv[1]).read_text("utf-8")).items():
        status = forked(verb, words, out / f"{name}-{place()[0]}.log")
        (out / f"{name}-{place()[0]}.status").write_text(str(status))
        processes._joined += 1  # the next fork has names of its own in torchrun's store
    leave(0)
