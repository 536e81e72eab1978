"""Processes that torchrun starts share a training: they end with the weights of one, and survive one another."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import limbeck
import pictures
from limbeck.errors import LimbeckError
from limbeck.process.cores import place
from limbeck.recipe import load_recipe, parse_recipe
from limbeck.training.distributed import processes
from limbeck.training.fit import checkpoint
from limbeck.training.train import work_folder
from small import reviews, tiny_recipe, write_csv, write_recipe
from training.launched import teach

HERE = Path(__file__).parent
ROWS = 240


def table_recipe(**sections):
    raw = {
        "task": {"kind": "table", "input": ["a", "b", "kind"], "classes": {"0": "no", "1": "yes"}},
        "data": {"train": "table.csv", "split": "split"},
        "student": {"network": "mlp", "hidden": 8, "dropout": 0.2},
        "training": {"epochs": 2, "batch_size": 29, "learning_rate": 0.01, "device": "cpu", "precision": "fp32"},
        "export": {"int8": "never"},
    }
    return parse_recipe({**raw, **sections})


SHORT = {"epochs": 2}
RECIPES = {
    # 144 rows make batches of 31, so the last has 20 and accumulation joins unequal ones.
    "gru": tiny_recipe(
        "gru",
        student={"dropout": 0.3, "token_dropout": 0.2},
        objective={"class_weights": {"good": 3.0}, "label_smoothing": 0.1},
        training={"batch_size": 31, "accumulate": 2, "average": 0.9, "learning_rate": 0.001, **SHORT},
    ),
    # 239 and one: a process gets no row at all.
    "textcnn": tiny_recipe(
        "textcnn", student={"dropout": 0.5, "token_dropout": 0.1}, training={"batch_size": 239, **SHORT}
    ),
    "distil": tiny_recipe(
        "ngram",
        student={"dropout": 0.3, "hidden": 8},
        objective={"losses": {"hard": 1.0, "distil": 1.0, "distil-multi-label": 0.5, "distil-decoupled": 0.3}},
        training={"batch_size": 7, "learning_rate": 0.01, **SHORT},
    ),
    "wide": tiny_recipe(
        "gru",
        input={"wide": True, "buckets": 512},
        objective={"losses": {"hinge": 1.0, "consistency": 0.5}},
        training={"augment": {"swap": 0.2}, "learning_rate": 0.001, **SHORT},
    ),
    "mlp": table_recipe(),
    "multiscale": pictures.tiny(student={"dropout": 0.2}, training={"batch_size": 9, "learning_rate": 0.001}),
    "squeezenet": parse_recipe(
        {
            **pictures.tiny(training={"batch_size": 9, "learning_rate": 0.001}, input={"size": 32}).model_dump(),
            "student": {"network": "squeezenet", "upto": "fire3", "dropout": 0.5},
        }
    ),
}


def command(*words, processes=2, restarts=0):
    options = ["--nproc-per-node", processes, "--max-restarts", restarts]
    return [sys.executable, "-m", "torch.distributed.run", *map(str, [*options, *words])]


SCHEDULER = {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1"}


@pytest.mark.parametrize(
    "more", [{}, {"SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, {"OMPI_COMM_WORLD_SIZE": "4", "LIMBECK_JOIN": "0"}]
)
def test_a_worker_of_a_scheduler_trains_by_itself(rows_folder, tmp_path, monkeypatch, more):
    for name, value in (SCHEDULER | {"MASTER_PORT": "9"} | more).items():
        monkeypatch.setenv(name, value)
    assert place() == (0, 1)
    recipe = tiny_recipe("ngram", training={"epochs": 1})
    assert limbeck.train(recipe, data=rows_folder, out=tmp_path / "out").bundle.is_dir()


@pytest.mark.parametrize(
    ("rank", "asked"), [("0", "LIMBECK_JOIN"), ("1", "LIMBECK_JOIN"), ("1", "TORCHELASTIC_RUN_ID")]
)
def test_processes_that_do_not_find_each_other_end_in_one_line(tmp_path, monkeypatch, rank, asked):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    for name, value in (SCHEDULER | {"RANK": rank, "MASTER_PORT": port, asked: "1"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "_MEETING", 1.0)
    with pytest.raises(LimbeckError, match=rf"process {rank} of 4 did not find the others at 127\.0\.0\.1:{port} in 1"):
        limbeck.train(tiny_recipe(), data=tmp_path, out=tmp_path / "out")
    assert not torch.distributed.is_initialized()


def environment():
    paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with reviews.csv, table.csv and class folders of pictures."""
    folder = tmp_path_factory.mktemp("data")
    write_csv(folder / "reviews.csv", reviews(400))
    random = np.random.default_rng(0)
    rows = []
    for number in range(ROWS):
        a, b = random.normal(size=2)
        part = ("train", "train", "valid", "test")[number % 4]
        rows.append({"a": f"{a:.3f}", "b": f"{b:.3f}", "kind": "xyz"[number % 3], "label": str(int(a > b)),
                     "split": part})  # fmt: skip
    write_csv(folder / "table.csv", rows)
    pictures.class_folders(folder / "pictures", 23)
    return folder


ERRORS = {
    # All processes meet the first two; of the third one meets it, and the other waits.
    "lbfgs": ({"training": {"optimizer": "lbfgs"}}, "training.optimizer = 'lbfgs' runs in one process"),
    "candidates": (
        {"selection": {"candidates": {"a": {}, "b": {}}}}, "selection.candidates are compared in one process",
    ),
    "column": ({"evaluation": {"slices": ["none such"]}}, "no column 'none such'"),
}  # fmt: skip
STOPPED_AT = 3


class Launched:
    """What jobs left that two processes of torchrun have done together."""

    def __init__(self, home: Path, jobs: dict[str, list[object]]) -> None:
        self.home = home
        file = home / "jobs.json"
        file.write_text(json.dumps({name: list(map(str, words)) for name, words in jobs.items()}), "utf-8")
        words = command(HERE / "launched.py", file, home)
        done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False, env=environment())
        assert done.returncode == 0, done.stderr[-3000:]

    def statuses(self, job: str) -> list[int]:
        """Return the exit status of a job in each process."""
        return [int((self.home / f"{job}-{rank}.status").read_text()) for rank in (0, 1)]

    def said(self, job: str) -> str:
        """Return what both processes printed."""
        return "".join((self.home / f"{job}-{rank}.log").read_text("utf-8") for rank in (0, 1))


@pytest.fixture(scope="module")
def launched(data, tmp_path_factory):
    """All jobs of this file that end, under one torchrun."""
    home = tmp_path_factory.mktemp("launched")
    words = []
    for name, recipe in RECIPES.items():
        file = write_recipe(home / f"{name}.toml", recipe)
        words.append(f"{name}={file}={_rows_of(recipe, data)}")
    train = ["train", home / "gru.toml", "--data", data, "--out"]
    stopped, again = home / "stopped", home / "again"
    jobs = {
        "students": ["students", home / "two", *words],
        "stopped": ["stopped", STOPPED_AT, *train, stopped],
        "copied": ["copied", work_folder(stopped), work_folder(again)],
        "again": ["limbeck", *train, again, "--resume"],
    }
    for name, (section, _) in ERRORS.items():
        file = write_recipe(home / f"{name}-error.toml", tiny_recipe("ngram", **section))
        jobs[name] = ["limbeck", "train", file, "--data", data, "--out", home / name]
    return Launched(home, jobs)


def _rows_of(recipe, data):
    return data / "pictures" if recipe.task.kind == "image" else data


@pytest.fixture(scope="module")
def shared(data, launched, tmp_path_factory):
    """Checkpoints of every recipe, trained by one process and by two: NAME -> (one, two)."""
    home = tmp_path_factory.mktemp("one")
    assert launched.statuses("students") == [0, 0], launched.said("students")
    for name in RECIPES:
        recipe = load_recipe(launched.home / f"{name}.toml", ())
        teach(recipe, _rows_of(recipe, data), home / name)
    return {
        name: [torch.load(place / name / checkpoint.FILE, weights_only=True) for place in (home, launched.home / "two")]
        for name in RECIPES
    }


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_end_with_the_weights_of_one(name, shared):
    one, two = shared[name]
    assert one["state"]["step"] == two["state"]["step"] > 3
    for part in ("best", "learner"):
        apart = {key: float((value - two[part][key]).abs().max()) for key, value in one[part].items()}
        assert max(apart.values()) < 1e-5, (part, apart)
    for left, right in zip(one["history"]["epochs"], two["history"]["epochs"], strict=True):
        assert left == pytest.approx(right, abs=1e-4)


def workers(out):
    """Return the process ids of the training into ``out``, by rank; found among all processes of this machine."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            values = dict(line.partition(b"=")[::2] for line in (entry / "environ").read_bytes().split(b"\0"))
        except OSError:
            continue
        if str(out).encode() in words and b"torch.distributed.run" not in words and b"RANK" in values:
            found[int(values[b"RANK"])] = int(entry.name)
    return found


def test_a_killed_process_is_started_again_and_the_weights_are_the_same(data, shared, tmp_path):
    file = write_recipe(tmp_path / "recipe.toml", RECIPES["gru"])
    out = tmp_path / "out"
    words = command("-m", "limbeck", "train", file, "--data", data, "--out", out, restarts=2)
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as running:
        deadline = time.monotonic() + 120
        while not (work_folder(out) / checkpoint.FILE).exists():
            assert running.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(workers(out)[1], signal.SIGKILL)
        told, said = running.communicate(timeout=200)
    assert running.returncode == 0, said[-3000:]
    assert said.count("resumed in epoch") == 1 and told.count("bundle:") == 1, "only one speaks"
    assert not work_folder(out).exists()
    bundle, undisturbed = load_file(out / "weights.safetensors"), shared["gru"][1]["best"]
    assert all(torch.equal(value.half(), undisturbed[key].half()) for key, value in bundle.items())


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_line_of_one_process(name, launched):
    assert launched.statuses(name) == [2, 2]
    said = launched.said(name)
    ours = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(ours) == 1 and ERRORS[name][1] in ours[0], said
    assert "limbeck/training" not in said, "no traceback"


def test_a_signal_to_one_process_stops_all_at_the_same_step(launched, shared):
    step = STOPPED_AT + 1
    said = launched.said("stopped")
    assert 0 not in launched.statuses("stopped"), said
    assert said.count(f"stopped in epoch 1, step {step}; train again with resume to go on") == 1
    stored = torch.load(work_folder(launched.home / "stopped") / checkpoint.FILE, weights_only=True)
    assert stored["state"]["step"] == step
    assert launched.statuses("again") == [0, 0], launched.said("again")
    bundle, undisturbed = load_file(launched.home / "again" / "weights.safetensors"), shared["gru"][1]["best"]
    assert all(torch.equal(value.half(), undisturbed[key].half()) for key, value in bundle.items())
