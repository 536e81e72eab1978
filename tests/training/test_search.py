"""Cross-validation and search judge what they say they judge, and go on where a killed call stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.locks import sole_writer
from limbeck.recipe import load_recipe, parse_recipe
from limbeck.scale.trials import Processes, trials_on
from limbeck.training.search.cross_validation import cross_validate
from limbeck.training.search.trial import Prepared, Request
from limbeck.training.search.tune import DEFAULT_SPACE, tune
from limbeck.training.train import train
from pictures import class_folders, square, tiny
from signals import records, signal_recipe
from small import reviews, tiny_recipe, write_csv, write_recipe


def killed(function, arguments, file, reached):
    """Start a search in a process of its own and kill it as soon as ``reached(file)``."""
    code = f"import sys; from {function.__module__} import {function.__name__}\n"
    code += f"{function.__name__}(sys.argv[1], {arguments}, data=sys.argv[2], out=sys.argv[3])"
    env = {**os.environ, "OMP_NUM_THREADS": "1"}

    def start(recipe, data, out):
        command = [sys.executable, "-c", code, str(recipe), str(data), str(out)]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=env)
        deadline = time.monotonic() + 100
        while running.poll() is None and not reached(out / file) and time.monotonic() < deadline:
            time.sleep(0.002)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL, "it was over before it could be killed"

    return start


def test_every_labelled_row_is_judged_once_and_a_killed_run_goes_on(rows_folder, tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 2}))
    whole = cross_validate(recipe, 4, out=tmp_path / "whole", data=rows_folder)
    assert [fold["n"] for fold in whole.folds] == [80] * 4  # 320 rows of train and valid, none of test
    stored = json.loads(whole.file.read_text("utf-8"))
    accuracies = [fold["accuracy"] for fold in stored["folds"]]
    assert stored["mean"]["accuracy"] == pytest.approx(np.mean(accuracies)) == pytest.approx(whole.mean["accuracy"])
    assert stored["spread"]["accuracy"] == pytest.approx(np.std(accuracies, ddof=1))
    assert whole.mean["accuracy"] > 0.8
    out = tmp_path / "cut"
    killed(cross_validate, 4, "folds.json", lambda file: file.exists())(recipe, rows_folder, out)
    before = json.loads((out / "folds.json").read_text("utf-8"))["folds"]
    assert 1 <= len(before) < 4
    resumed = cross_validate(recipe, 4, out=out, data=rows_folder, resume=True)
    assert resumed.folds == whole.folds
    for change in ({"k": 3}, {"settings": ["training.seed=5"]}):
        with pytest.raises(LimbeckError, match="folds of another run; run without --resume"):
            cross_validate(recipe, change.pop("k", 4), out=out, data=rows_folder, resume=True, **change)
    (out / "folds.json").write_text("{", encoding="utf-8")
    with pytest.raises(LimbeckError, match=r"folds\.json: cannot be read; run without --resume"):
        cross_validate(recipe, 4, out=out, data=rows_folder, resume=True)


def test_groups_are_never_cut_apart_by_folds(tmp_path):
    from limbeck.data.split import folds
    from limbeck.dataset.prepare import prepare

    rows = [{**row, "event": f"e{number // 8}"} for number, row in enumerate(reviews(240))]
    write_csv(tmp_path / "reviews.csv", rows)
    recipe = tiny_recipe(data={"split": {"group": "event"}}, training={"epochs": 1})
    found = cross_validate(recipe, 3, out=tmp_path / "out", data=tmp_path)
    data = prepare(recipe, tmp_path)
    used = np.flatnonzero(np.isin(data.split, ["train", "valid"]))
    groups = data.frame["event"].to_numpy()[used]
    numbers = folds(len(used), 3, labels=data.labels[used], groups=groups, seed=0)
    assert sorted(fold["n"] for fold in found.folds) == sorted(np.bincount(numbers).tolist())
    assert all(len(set(numbers[groups == group])) == 1 for group in set(groups))


SPACE = {"space": {"training.learning_rate": {"low": 1e-3, "high": 0.2, "log": True}, "student.idf": [0.5, 1.0, 1.5]}}


def test_a_killed_search_goes_on_and_its_best_recipe_can_be_trained(rows_folder, tmp_path, capsys):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 2}, tune={"trials": 5, **SPACE}))
    out = tmp_path / "search"
    killed(tune, "trials=50", "best.toml", lambda file: file.exists())(recipe, rows_folder, out)
    found = tune(recipe, out=out, data=rows_folder, trials=12)
    assert len(found.trials) == 12
    assert "trial 1 of" not in capsys.readouterr().err
    scores = [trial["score"] for trial in found.trials if trial["state"] == "complete"]
    assert found.score == max(scores)
    assert len({trial["training.learning_rate"] for trial in found.trials}) == 12  # nothing is drawn twice
    whole = tune(recipe, out=tmp_path / "whole", data=rows_folder, trials=12)
    drawn, right = ([{**trial, "trial": 0} for trial in search.trials] for search in (found, whole))
    assert drawn == right  # as if it had never been killed
    assert found.best.read_bytes() == whole.best.read_bytes()
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
    best = load_recipe(found.best)
    assert best.training.learning_rate == found.settings["training.learning_rate"]
    assert best.student.options["idf"] == found.settings["student.idf"]
    assert len(tune(recipe, out=out, data=rows_folder, trials=3).trials) == 12  # nothing is left to do
    for change, line in (("tune.space.student.idf=[1.0]", "another space"), ("training.seed=3", "another recipe")):
        with pytest.raises(LimbeckError, match=f"holds the search of {line}.*choose another --out"):
            tune(recipe, out=out, data=rows_folder, settings=[change])


def drawn_by(search):
    """Return what the trials drew and scored, whatever their numbers."""
    return [{**trial, "trial": 0} for trial in search.trials]


def test_trials_drawn_at_once_are_those_of_one_process_wherever_they_are_evaluated(rows_folder, tmp_path):
    tuned = {"trials": 7, "parallel": 3, **SPACE}
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 3, "threads": 1}, tune=tuned))
    here = tune(recipe, out=tmp_path / "here", data=rows_folder)
    with trials_on("processes:2"):
        there = tune(recipe, out=tmp_path / "there", data=rows_folder)
        assert len(tune(recipe, out=tmp_path / "there", data=rows_folder).trials) == 7
    assert len({trial["training.learning_rate"] for trial in here.trials}) == 7
    assert drawn_by(here) == drawn_by(there)
    assert here.best.read_bytes() == there.best.read_bytes()
    cut = tmp_path / "cut"
    killed(tune, "trials=70", "best.toml", lambda file: file.exists())(recipe, rows_folder, cut)  # between two of three
    with trials_on("processes:2"):
        assert drawn_by(tune(recipe, out=cut, data=rows_folder)) == drawn_by(here)
    with pytest.raises(LimbeckError, match=r"holds the search of another tune\.parallel"):
        tune(recipe, out=cut, data=rows_folder, settings=["tune.parallel=2"])


def test_a_killed_trial_is_evaluated_again_and_one_that_fails_is_told(rows_folder, tmp_path):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 1}, tune={"parallel": 2, **SPACE}))
    prepared = Prepared.of(load_recipe(recipe), recipe, rows_folder)
    request = Request(str(recipe), str(rows_folder), (), prepared.mark, {"student.idf": 1.0}, [])
    with Processes(1) as processes:
        first = list(processes([request]))
        processes._all[0].kill()
        assert list(processes([request])) == first == [(0, prepared.evaluate({"student.idf": 1.0}, []))]
        assert len(processes._all) == 2
        with pytest.raises(LimbeckError, match="another recipe or other rows than where the search began"):
            list(processes([replace(request, mark="0")]))
    assert all(process.poll() is not None for process in processes._all)
    with trials_on("processes:2"), pytest.raises(LimbeckError, match=r"tune\.parallel is 1.*--set tune\.parallel=4"):
        tune(recipe, out=tmp_path / "out", data=rows_folder, settings=["tune.parallel=1"])
    for on, line in (("processes:x", "is not a number of processes"), ("rey", "is no cluster")):
        with pytest.raises(LimbeckError, match=line), trials_on(on):
            pass


def damaged(study):
    content = bytearray(study.read_bytes())
    content[100:4000] = b"x" * 3900
    study.write_bytes(content)


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (damaged, r"study\.db: the search cannot be read or written: .*; delete study\.db to begin the search anew"),
        (lambda study: study.write_bytes(b"rubbish " * 1000), "file is not a database; delete study"),
        (lambda study: (study.unlink(), study.mkdir()), "unable to open database file; check the permissions"),
    ],
)
def test_a_study_that_was_touched_is_one_clear_line(rows_folder, tmp_path, harm, line):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 1}, tune={"trials": 1, **SPACE}))
    tune(recipe, out=tmp_path / "search", data=rows_folder)
    harm(tmp_path / "search" / "study.db")
    with pytest.raises(LimbeckError, match=line) as caught:
        tune(recipe, out=tmp_path / "search", data=rows_folder, trials=2)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("verb", [tune, partial(cross_validate, k=2), train])
def test_two_at_once_into_one_folder_are_told(rows_folder, tmp_path, verb):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(training={"epochs": 1}, tune={"trials": 1, **SPACE}))
    before = sorted(tmp_path.iterdir())
    with sole_writer(tmp_path / "out"), pytest.raises(LimbeckError, match=r"out: another thread .* is writing"):
        verb(recipe, out=tmp_path / "out", data=rows_folder)
    assert sorted(tmp_path.iterdir()) == before
    verb(recipe, out=tmp_path / "out", data=rows_folder)


def test_a_search_notices_pictures_that_changed_behind_their_names(tmp_path):
    folder = class_folders(tmp_path / "pictures", 6)
    raw = tiny(training={"epochs": 1}).model_dump(mode="json", exclude_none=True)
    raw["tune"] = {"space": {"training.learning_rate": [0.001, 0.002]}}
    recipe = write_recipe(tmp_path / "r.toml", parse_recipe(raw))
    tune(recipe, out=tmp_path / "search", data=folder, trials=1)
    square("red", 77).save(min(folder.rglob("*.png")))
    with pytest.raises(LimbeckError, match="another recipe or of other data"):
        tune(recipe, out=tmp_path / "search", data=folder, trials=2)


def test_folds_and_search_learn_from_teachers_that_never_see_what_is_judged(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    hearts = records(tmp_path / "hearts")
    raw = signal_recipe().model_dump(mode="json", exclude_none=True)
    raw |= {
        "teachers": [{"name": "trees", "source": "trained:boosting", "options": {"folds": 2}}],
        "objective": {"losses": {"hard": 0.5, "distil": 0.5}},
        "tune": {"space": {"training.epochs": [1, 2]}},
    }
    recipe = parse_recipe(raw)
    found = cross_validate(recipe, 3, out=tmp_path / "folds", data=hearts)
    said = capsys.readouterr().err
    rows = prepare(recipe, hearts)
    used = int(np.isin(rows.split, ["train", "valid"]).sum())
    # Of each fold three: one for each half of what is learned, one for what is not, none of which sees what is judged.
    assert said.count("training teacher 'trees'") == 9
    asked = [int(count) for count in re.findall(r"asking 1 teacher about (\d+) rows", said)]
    assert [count + fold["n"] for count, fold in zip(asked, found.folds, strict=True)] == [used] * 3
    patients = rows.frame["patient"].gather(np.flatnonzero(np.isin(rows.split, ["train", "valid"])))
    sizes = patients.value_counts()["count"].to_list()
    for fold in found.folds:  # whole patients
        assert any(sum(some) == fold["n"] for k in range(1, 5) for some in combinations(sizes, k))
    write_recipe(tmp_path / "hearts.toml", recipe)
    assert tune(tmp_path / "hearts.toml", out=tmp_path / "search", data=hearts, trials=1).score > 0


@pytest.mark.parametrize(
    ("space", "line"),
    [
        ({"training.learnin_rate": [1.0]}, r"unknown key 'training\.learnin_rate'; did you mean 'learning_rate'"),
        ({"training.learning_rate": {"low": 1.0}}, r"is no list and no \{ low, high, log \}"),
        ({"training.epochs": ["many"]}, "training.epochs"),
        ({"student.hiden": [3]}, "unknown key 'student.hiden'; did you mean 'hidden'"),
        ({"training.learning_rate": {"low": 1.0, "high": 0.1}}, "tune.space"),
        ({"training.learning_rate": {"low": 0.0, "high": 0.1, "log": True}}, "tune.space"),
        ({"training.learning_rate": []}, "tune.space"),
    ],
)
def test_a_space_that_makes_no_sense_is_one_clear_line(rows_folder, tmp_path, space, line):
    recipe = write_recipe(tmp_path / "r.toml", tiny_recipe(tune={"trials": 1, "space": space}))
    with pytest.raises(LimbeckError, match=line) as caught:
        tune(recipe, out=tmp_path / "out", data=rows_folder)
    assert "\n" not in str(caught.value)


def test_every_network_has_a_space_of_valid_keys():
    for network, space in DEFAULT_SPACE.items():
        for key, choices in space.items():
            value = choices[0] if isinstance(choices, list) else choices["low"]
            section, _, option = key.partition(".")
            recipe = tiny_recipe(network, **{section: {option: value}})
            from limbeck.networks import NETWORKS

            NETWORKS[network].parse(recipe.student.options)
