"""Pictures from the command line: recipe to bundle to answers, and what doctor says of files that are none."""

import csv
import json
from pathlib import Path

import pytest

from limbeck.cli.main import run
from limbeck.recipe import load_recipe
from pictures import bad_files, class_folders
from small import limbeck

RECIPES = Path(__file__).parents[2] / "recipes"
QUICK = ("training.epochs=1", "input.size=16", "student.widths=[4, 8]", "export.int8=never", "evaluation.bootstrap=20")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder of pictures, some of them broken, and the bundle that the recipe for any folder makes of it."""
    folder = tmp_path_factory.mktemp("cli")
    bad_files(class_folders(folder / "data") / "red")
    settings = [word for setting in QUICK for word in ("--set", setting)]
    done = limbeck("train", RECIPES / "image.toml", "--data", "data", "--out", "bundle", *settings, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "unreadable picture left out: red/cut.jpg: damaged or truncated" in done.stderr
    return folder


@pytest.fixture
def command(home, monkeypatch, capfd):
    """Run a command in this process, which has torch loaded already; returns its code and what it printed."""

    def call(*words):
        monkeypatch.chdir(home)
        monkeypatch.setattr("sys.argv", ["limbeck", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            run()
        return ended.value.code, *capfd.readouterr()

    return call


def test_predict_and_evaluate(home, command):
    code, printed, said = command("predict", "bundle", "data", "answers.csv")
    assert code == 0, said
    assert "24 rows" in printed
    with (home / "answers.csv.rejected.csv").open(newline="") as file:
        assert len(list(csv.reader(file))) == 6
    found = json.loads(command("evaluate", "bundle", "data", "--json")[1])
    assert found["n"] == 24
    assert any("red/empty.jpg: the file is empty" in line for line in found["findings"])


def test_doctor_lists_what_cannot_be_read(command):
    code, printed, _ = command("doctor", RECIPES / "image.toml", "--data", "data", "--json")
    assert code == 0, printed
    warned = [one["what"] for one in json.loads(printed)["findings"] if one["level"] == "warn"]
    for name in ("bomb.png", "cut.jpg", "cut.png", "empty.jpg", "text.jpg"):
        assert any(f"red/{name}" in line for line in warned), name


def test_the_recipes_are_read():
    for name in ("image", "traffic-signs"):
        assert load_recipe(RECIPES / f"{name}.toml").task.inputs == ["path"]


def test_errors_are_one_line(command, tmp_path):
    (tmp_path / "empty").mkdir()
    for words, told in (
        (("train", RECIPES / "image.toml", "--data", tmp_path / "empty", "--out", "other"), "neither a table nor"),
        (("predict", "bundle", tmp_path / "empty", tmp_path / "o.csv"), "the folder holds no"),
        (("evaluate", "bundle", tmp_path / "gone"), "no such file"),
        (("train", RECIPES / "image.toml", "--out", "other", "--set", "input.box=[1]"), "input.box"),
    ):  # fmt: skip
        code, _, said = command(*words)
        assert code == 2
        assert told in said
        assert said.strip().count("\n") == 0
