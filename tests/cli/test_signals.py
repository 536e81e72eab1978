"""Records from the command line: recipe to bundle to a row for each beat; damaged ones are said."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import limbeck as library
from limbeck.recipe import load_recipe
from signals import records, write_record

RECIPES = Path(__file__).parents[2] / "recipes"
QUICK = (
    "data.train=.", "data.split={valid=0.2,test=0.25}", "training.epochs=6", "training.batch_size=16",
    "training.learning_rate=0.01", "training.average=0.5", "student.width=8", "student.hidden=8",
    "evaluation.bootstrap=20", "evaluation.baseline=false",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with records and the bundle that the recipe makes of them."""
    folder = tmp_path_factory.mktemp("cli")
    records(folder / "data")
    library.train(RECIPES / "ecg.toml", data=folder / "data", out=folder / "bundle", settings=QUICK)
    return folder


def table(file):
    with Path(file).open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_a_record_gives_a_row_for_each_beat(home, command):
    code, _, said = command("predict", "bundle", "data/h1.hea", "one.csv")
    assert code == 0, said
    rows = table(home / "one.csv")
    assert list(rows[0]) == ["record", "time", "class", "probability"]
    assert {row["record"] for row in rows} == {"h1"}
    times = [float(row["time"]) for row in rows]
    assert times == sorted(times)
    assert {row["class"] for row in rows} == {"normal", "abnormal"}


def test_a_record_without_annotations_gives_the_same_beats(home, command):
    bare = home / "bare"
    bare.mkdir(exist_ok=True)
    for ending in ("hea", "dat"):
        shutil.copy(home / "data" / f"h1.{ending}", bare)
    assert command("predict", "bundle", "data/h1.hea", "with.csv")[0] == 0
    assert command("predict", "bundle", "bare", "without.csv")[0] == 0
    marked, found = (
        np.array([float(row["time"]) for row in table(home / name)]) for name in ("with.csv", "without.csv")
    )
    off = np.abs(marked[:, None] - found[None, :])
    assert (off.min(axis=1) < 0.1).mean() > 0.97
    assert abs(len(marked) - len(found)) <= 2


def test_a_folder_with_damaged_records_is_answered_as_far_as_it_goes(home, command):
    mixed = home / "mixed"
    shutil.copytree(home / "data", mixed, dirs_exist_ok=True)
    (mixed / "h2.dat").unlink()
    (mixed / "h3.dat").write_bytes((mixed / "h3.dat").read_bytes()[:1000])
    code, printed, said = command(
        "predict", "bundle", "mixed", "mixed.csv", "--columns", "record,time,row,p:abnormal,rr_before"
    )
    assert code == 0, said
    assert {row["record"] for row in table(home / "mixed.csv")} == {f"h{at}" for at in (0, 1, 4, 5, 6, 7)}
    reasons = {row["file"]: row["reason"] for row in table(home / "mixed.csv.rejected.csv")}
    assert "is missing" in reasons["h2.hea"]
    assert "is truncated" in reasons["h3.hea"]
    assert "2 rows unreadable" in printed or "rows unreadable" in printed


def test_the_order_of_records_and_a_table_of_paths(home, command):
    (home / "list.csv").write_text("path\ndata/h4\ndata/h0.hea\n", encoding="utf-8")
    assert command("predict", "bundle", "list.csv", "listed.csv")[0] == 0
    names = [row["record"] for row in table(home / "listed.csv")]
    assert names == sorted(names, reverse=True)
    assert set(names) == {"h0", "h4"}


def test_evaluate_measures_by_patient(command):
    code, printed, said = command("evaluate", "bundle", "data", "--group", "patient", "--json")
    assert code == 0, said
    found = json.loads(printed)
    assert found["accuracy"] > 0.8
    assert found["confidence_intervals"]["roc_auc"][0] is not None
    assert found["operating"]


def series(file, count, seed, *, samples=96, height=1.0):
    """Write a UCR table: two kinds of waves."""
    random = np.random.default_rng(seed)
    time = np.linspace(0, 1, samples)
    rows = []
    for at in range(count):
        label = 1 if at % 2 else -1
        wave = np.exp(-0.5 * ((time - 0.3) / (0.02 if label == 1 else 0.06)) ** 2)
        wave = height * (wave + 0.05 * random.standard_normal(samples))
        rows.append("\t".join([str(label), *(f"{value:.5f}" for value in wave)]))
    file.parent.mkdir(exist_ok=True, parents=True)
    file.write_text("\n".join(rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("network", ["minirocket", "nearest"])
def test_series_of_another_length_and_recorder_are_answered_and_a_constant_one_is_rejected(home, command, network):
    series(home / "own" / "ucr" / "ECG200_TRAIN.tsv", 40, 0)
    series(home / "own" / "ucr" / "ECG200_TEST.tsv", 20, 1)
    words = [f'student={{network="{network}"}}', "selection.candidates={}", "evaluation.baseline=false"]
    settings = [word for setting in words for word in ("--set", setting)]
    code, _, said = command(
        "train", RECIPES / "ecg-transfer.toml", "--data", "own", "--out", f"by-{network}", *settings
    )
    assert code == 0, said
    other = series(home / "other.tsv", 20, 2, samples=151, height=40.0)
    right = [line.split("\t")[0] for line in other.read_text("utf-8").splitlines()]
    flat = "\n" + "\t".join(["1", *["7.5"] * 151])
    other.write_text(other.read_text("utf-8") + flat, encoding="utf-8")
    assert command("predict", f"by-{network}", other, "other.csv")[0] == 0
    found = [row["class"] for row in table(home / "other.csv")]
    assert [{"1": "normal", "-1": "abnormal"}[label] for label in right] == found
    assert "flat" in (home / "other.csv.rejected.csv").read_text("utf-8")


def test_a_trunk_is_taken_to_a_table_of_series_and_answers_it(home, command):
    series(home / "small" / "ucr" / "ECG200_TRAIN.tsv", 40, 0)
    test = series(home / "small" / "ucr" / "ECG200_TEST.tsv", 20, 1)
    words = [
        "student.init=bundle/weights.safetensors", "student.width=8", "student.hidden=8", "evaluation.baseline=false",
        "evaluation.bootstrap=20", "training.learning_rate=0.01",
    ]  # fmt: skip
    settings = [word for setting in words for word in ("--set", setting)]
    alone = ["--set", "selection.candidates={}"]
    thawed = [*alone, "--set", "student.nearest=0", "--set", "training.unfreeze.epochs=[12,8]"]
    code, _, said = command(
        "train", RECIPES / "ecg-transfer.toml", "--data", "small", "--out", "thawed", *settings, *thawed
    )
    assert code == 0, said
    assert "stage 2 of 2" in said
    code, printed, _ = command("doctor", RECIPES / "ecg-transfer.toml", "--data", "small", *settings)
    assert code == 0 and "compares with remembered rows" in printed, printed
    short = ["selection.folds=2", "selection.repeats=1", "selection.candidates.scratch.training.epochs=1"]
    quick = [word for setting in short for word in ("--set", setting)]
    wrong = [*settings, "--set", "selection.candidates.raw.student.network=nearset"]
    code, printed, _ = command("doctor", RECIPES / "ecg-transfer.toml", "--data", "small", *wrong)
    assert code == 2 and "candidate 'raw'" in printed and "did you mean 'nearest'" in printed, printed
    code, _, said = command(
        "train", RECIPES / "ecg-transfer.toml", "--data", "small", "--out", "chosen", *settings, *quick
    )
    assert code == 0, said
    assert "was chosen of 4 candidates" in said
    code, _, said = command(
        "train", RECIPES / "ecg-transfer.toml", "--data", "small", "--out", "moved", *settings, *alone
    )
    assert code == 0, said
    assert "40 rows remembered" in said
    assert command("predict", "moved", test, "series.csv")[0] == 0
    rows = table(home / "series.csv")
    assert list(rows[0]) == ["row", "record", "time", "class", "probability"]
    assert [row["row"] for row in rows] == [str(at + 1) for at in range(20)]
    found = json.loads(command("evaluate", "moved", test, "--json")[1])
    assert found["accuracy"] >= 0.9


def test_doctor_names_what_is_damaged(home, command):
    sick = home / "sick"
    shutil.copytree(home / "data", sick, dirs_exist_ok=True)
    (sick / "h2.dat").unlink()
    settings = [word for setting in QUICK for word in ("--set", setting)]
    code, printed, _ = command("doctor", RECIPES / "ecg.toml", "--data", "sick", "--json", *settings)
    assert code == 0, printed
    found = json.loads(printed)["findings"]
    assert any(one["level"] == "warn" and "h2.dat is missing" in one["what"] for one in found), found


def test_errors_are_one_line(home, command, tmp_path):
    (tmp_path / "empty").mkdir()
    write_record(tmp_path, "flat", 0, leads=np.zeros((1, 20000)))
    for words, told in (
        (("predict", "bundle", tmp_path / "empty", tmp_path / "o.csv"), "the folder holds no signals"),
        (("predict", "bundle", tmp_path / "gone.hea", tmp_path / "o.csv"), "no such file"),
        (("evaluate", "bundle", tmp_path / "empty"), "the folder holds no signals"),
        (("train", RECIPES / "ecg.toml", "--data", tmp_path, "--out", "other"), "no such file"),
        (("train", RECIPES / "ecg.toml", "--out", "other", "--set", "input.signal.mains=55"), "input.signal.mains"),
        (("train", RECIPES / "ecg.toml", "--out", "other", "--set", "input.signal.band=[40,5]"), "low < high"),
        (("train", RECIPES / "ecg.toml", "--out", "other", "--set", "input.signal.leed=1"), "did you mean"),
        (("train", RECIPES / "ecg.toml", "--data", tmp_path, "--out", "other", "--set", "data.train=."), "flat"),
    ):  # fmt: skip
        code, _, said = command(*words)
        assert code == 2, words
        assert told in said.strip().splitlines()[-1], (words, said)


def test_the_recipes_are_read():
    assert load_recipe(RECIPES / "ecg.toml").task.inputs == ["path"]
    assert load_recipe(RECIPES / "ecg.toml", ["student.network=resnet1d"]).student.options["width"] == 24
    assert load_recipe(RECIPES / "ecg.toml", ['task.classes=["N","S","V","F","Q"]']).task.class_map["S"] == "S"
