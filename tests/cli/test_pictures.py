"""Pictures from the command line: recipe to bundle to answers, and what doctor says of files that are none."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

from limbeck.recipe import load_recipe
from pictures import bad_files, class_folders, square
from small import limbeck, write_csv

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


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


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


def test_every_bad_file_and_box_is_a_row_of_the_rejects_and_the_rest_is_answered(home, command, tmp_path):
    folder = tmp_path / "mess"
    folder.mkdir()
    square("red", 900, (40, 40)).quantize(8).save(folder / "palette.png")
    square("red", 901, (40, 40)).save(folder / "wrong.gif", "PNG")
    frames = [square("red", seed, (40, 40)) for seed in (902, 903)]
    frames[0].save(folder / "moving.webp", save_all=True, append_images=frames[1:], lossless=True)
    said = bad_files(folder)
    (folder / "notes.xyz").write_text("about these")
    (folder / "cut.gif").write_bytes(b"GIF89a\x10")
    paths = {"palette.png", "wrong.gif", "moving.webp"}
    code, _, errors = command("predict", "bundle", folder, tmp_path / "out.csv")
    assert code == 0, errors
    assert {row[0] for row in cells(tmp_path / "out.csv")[1:]} == paths
    assert {row[2] for row in cells(tmp_path / "out.csv")[1:]} == {"red"}
    rejected = {row[2].partition(":")[0]: row[2] for row in cells(tmp_path / "out.csv.rejected.csv")[1:]}
    assert set(rejected) == {*said, "notes.xyz", "cut.gif"}
    for name, reason in said.items():
        assert reason in rejected[name]
    boxed = [("0 0 30 30", None), ("", "the box is empty"), ("3 3 0 9", "empty (0 x 9)"), ("9 9 -4 4", "inverted"),
             ("400 0 9 9", "outside the picture of 40 x 40"), ("a b c d", "the box is empty")]  # fmt: skip
    rows = [{"path": "palette.png", "label": "red", "box": box} for box, _ in boxed]
    write_csv(folder / "index.csv", rows)
    (home / "index.csv").write_text("path,label,box\n" + "".join(
        f"data/{name}/{n:02d}.{('png', 'jpg')[n % 2]},{name},0 0 20 20\n" for n in range(12) for name in ("red", "blue")
    ))  # fmt: skip
    quick = [word for setting in QUICK for word in ("--set", setting)]
    words = ("--set", "data.train=index.csv", "--set", 'input.box="box"', *quick)
    assert command("train", RECIPES / "image.toml", "--data", home, "--out", "boxed", *words)[0] == 0
    assert command("predict", "boxed", folder / "index.csv", tmp_path / "boxed.csv")[0] == 0
    assert len(cells(tmp_path / "boxed.csv")) == 2
    refused = cells(tmp_path / "boxed.csv.rejected.csv")[1:]
    for row, (_, reason) in zip(refused, boxed[1:], strict=True):
        assert row[2].startswith("palette.png: ")
        assert reason in row[2]
    found = json.loads(command("evaluate", "boxed", folder / "index.csv", "--json")[1])
    assert found["n"] == 1
    assert sum("palette.png: the box" in line for line in found["findings"]) == 5


def test_broken_json_and_names_that_are_no_utf8_are_rows_of_the_rejects(command, tmp_path):
    folder = tmp_path / "mess"
    folder.mkdir()
    square("blue", 904).save(folder / "good.png")
    lines = [b'{"path": "good.png"}', b'{"path": "good', b'{"path": "\\ud800.png"}', b"[3]", b'{"path": "good.png"}']
    (folder / "index.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    assert command("predict", "bundle", folder / "index.jsonl", tmp_path / "out.csv")[0] == 0
    assert [row[0] for row in cells(tmp_path / "out.csv")[1:]] == ["good.png", "good.png"]
    assert [row[1] for row in cells(tmp_path / "out.csv.rejected.csv")[1:]] == ["2", "3", "4"]
    shutil.copy(folder / "good.png", os.fsencode(folder) + b"/\xba\xec.png")
    code, _, said = command("predict", "bundle", folder, tmp_path / "all.csv")
    assert code == 0, said
    assert [row[0] for row in cells(tmp_path / "all.csv")[1:]] == ["good.png"]
    (refused,) = cells(tmp_path / "all.csv.rejected.csv")[1:]
    assert refused[2] == r"\udcba\udcec.png: its path is not UTF-8; rename it"


def test_a_folder_with_one_class_is_one_line_for_train_and_doctor_and_is_judged(command, tmp_path):
    shutil.copytree(class_folders(tmp_path / "both") / "red", tmp_path / "one" / "red")
    for verb in ("train", "doctor"):
        out = ("--out", "other") if verb == "train" else ()
        code, printed, said = command(verb, RECIPES / "image.toml", "--data", tmp_path / "one", *out)
        assert code == 2
        assert "all rows are of the class 'red'" in printed + said
    found = json.loads(command("evaluate", "bundle", tmp_path / "one", "--json")[1])
    assert found["n"] == 12
    assert found["roc_auc"] is None
