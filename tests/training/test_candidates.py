"""Candidates are compared on the same folds, one is chosen by the rule, and the bundle says how."""

import json
from dataclasses import replace

import numpy as np
import pytest

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.messages.message import both
from limbeck.recipe import load_recipe, override, parse_recipe
from limbeck.training.search import choice as module
from limbeck.training.search.candidates import candidates_of, choose
from limbeck.training.search.choice import Choice, Compared, first_within
from limbeck.training.search.cross_validation import cross_validate
from limbeck.training.search.dealt_folds import fold_rows
from limbeck.training.search.tune import tune
from signals import records, signal_recipe
from small import tiny_recipe, write_recipe

QUICK = {
    "minirocket": {"student": {"network": "minirocket", "features": 168}},
    "raw": {"student": {"network": "nearest"}},
}
POOR = {"student": {"network": "cnn-lstm", "width": 4, "hidden": 4, "mix": 4}, "training": {"learning_rate": 1e-9}}


@pytest.fixture(scope="module")
def hearts(tmp_path_factory):
    return records(tmp_path_factory.mktemp("hearts"), 10, seconds=15.0)


@pytest.fixture(scope="module")
def rows(hearts):
    return prepare(signal_recipe(), hearts)


def recipe_of(**candidates):
    return signal_recipe(selection={"candidates": candidates, "folds": 3}, training={"epochs": 1})


def test_a_poor_candidate_is_not_chosen_nor_tried_again_and_test_is_not_looked_at(rows):
    recipe = recipe_of(poor=POOR, **QUICK)
    few = replace(rows, split=np.where(np.arange(len(rows.labels)) % 2, "unused", rows.split).astype("<U10"))
    choice = choose(recipe, few, [])
    assert choice.recipe.student.network in ("minirocket", "nearest")
    assert choice.recipe.selection == type(recipe.selection)()
    found = {one.name: one for one in choice.compared}
    assert list(found) == ["poor", "minirocket", "raw"]
    assert found["poor"].repeats == 1 < found[choice.name].repeats
    assert found["poor"].below > found["poor"].below_spread
    assert found[choice.name].below <= max(one.spread for one in choice.compared)
    assert min(one.below for one in choice.compared) == 0.0
    mixed = np.where(few.split == "test", 1 - few.labels, few.labels)
    assert choose(recipe, replace(few, labels=mixed), []) == choice


@pytest.mark.parametrize(("below", "chosen"), [(0.019, "first"), (0.021, "second")])
def test_the_first_candidate_within_one_standard_error_is_chosen(below, chosen):
    first = Compared("first", "nearest", 1, 0.9 - below, 0.03, below, 0.001)
    second = Compared("second", "minirocket", 1, 0.9, 0.02, 0.0, 0.0)
    found = first_within([first, second])
    recipe = recipe_of(first=QUICK["raw"], second=QUICK["minirocket"])
    choice = Choice(recipe, found.name, "accuracy", 5, 100, 100, (first, second))
    assert choice.name == chosen
    assert choice.messages[0].code == {"first": "candidates.first_within", "second": "candidates.best"}[chosen]


def test_standard_errors_of_differences_are_those_of_the_same_rows_and_groups():
    random = np.random.default_rng(0)
    labels, groups = np.repeat([0, 1], 100), np.arange(200) // 4 % 25
    right = random.random(200) < 0.8
    sure = np.where(right, labels, 1 - labels)
    p = np.eye(2)[sure].astype(np.float32)
    data = type("Rows", (), {"labels": labels, "classes": ("a", "b")})()
    dealt = module.FoldRows(data, np.arange(200), groups)
    recipes = dict.fromkeys(("a", "b"), signal_recipe())
    same = module.compared_on(recipes, {"a": [p], "b": [p]}, dealt, "accuracy")
    assert [one.below_spread for one in same] == [0.0, 0.0]  # alike on every row, so no doubt about the difference
    assert same[0].score == pytest.approx(right.mean())
    by_group = [right[groups == group].mean() for group in range(25)]
    assert same[0].spread == pytest.approx(np.std(by_group, ddof=1) / 5, rel=0.2)


def test_folds_keep_patients_together_and_every_row_is_answered_once(rows):
    dealt = fold_rows(signal_recipe(), rows)
    numbers = dealt.numbers(3, 0)
    patients = rows.frame["patient"].to_numpy()[dealt.used]
    assert all(len(set(numbers[patients == patient])) == 1 for patient in set(patients))
    part = dealt.without(dealt.used[numbers == 0], 0)
    assert set(part.part("test")) == set(dealt.used[numbers == 0])
    assert not np.intersect1d(part.part("train"), rows.part("test")).size


def test_the_bundle_says_what_was_compared_and_trains_the_same_again(hearts, tmp_path):
    recipe = recipe_of(**QUICK)
    made = limbeck.train(recipe, data=hearts, out=tmp_path / "one")
    stored = json.loads((made.bundle / "metrics.json").read_text("utf-8"))["candidates"]
    assert [one["name"] for one in stored["compared"]] == ["minirocket", "raw"]
    assert stored["chosen"] in stored["why"]
    assert [one["code"] for one in stored["messages"]][1:] == ["candidates.score"] * 2
    page, card = ((made.bundle / name).read_text("utf-8") for name in ("report.html", "README.md"))
    assert "候选模型中选用" in page
    assert "was chosen of 2 candidates" in page
    assert "## Chosen among" in card
    assert "| raw | `nearest` |" in card
    settled = load_recipe(made.bundle / "recipe.toml")
    assert not settled.selection.candidates
    again = limbeck.train(settled, data=hearts, out=tmp_path / "two")
    assert again.metrics == made.metrics


def test_texts_choose_among_their_networks_and_folds_choose_anew(rows_folder, tmp_path):
    own = {"plain": {}, "rare": {"student": {"idf": 0.5}, "input": {"ngrams": [1, 1]}}}
    recipe = tiny_recipe(selection={"candidates": own, "folds": 2}, training={"epochs": 1})
    made = limbeck.train(recipe, data=rows_folder, out=tmp_path / "bundle")
    assert json.loads((made.bundle / "metrics.json").read_text("utf-8"))["candidates"]["rows"] == 320
    assert cross_validate(recipe, 2, out=tmp_path / "folds", data=rows_folder).mean["accuracy"] > 0.6
    with pytest.raises(LimbeckError, match=r"selection\.candidates lists several"):
        tune(write_recipe(tmp_path / "r.toml", recipe), out=tmp_path / "search", data=rows_folder)


def test_a_student_with_a_network_replaces_the_section_and_single_keys_are_laid_over_it():
    recipe = signal_recipe(selection={"candidates": {"kept": {"student": {"dropout": 0.1}}, **QUICK}})
    found = candidates_of(recipe)
    assert found["kept"].student.options == recipe.student.options | {"dropout": 0.1}
    assert found["minirocket"].student.options == {"features": 168}


def test_a_class_of_one_row_does_not_stop_the_comparison(rows):
    rare = np.flatnonzero((rows.labels == 1) & np.isin(rows.split, ["train", "valid"]))
    split = rows.split.copy()
    split[rare[1:]] = "unused"
    choice = choose(recipe_of(**QUICK), replace(rows, split=split), [])
    assert all(np.isfinite(one.score) for one in choice.compared)


@pytest.mark.parametrize(("sections", "words"), [
    ({"one": {}}, "one candidate leaves nothing to compare"),
    ({"one": {}, "two": {"data": {"train": "x"}}}, r"two\.data: a candidate may differ in input, student"),
    ({"one": {}, "two": {"student": {"network": "minirockt"}}}, "candidate 'two'.*did you mean 'minirocket'"),
    ({"one": {}, "two": {"student": {"network": "minirocket", "rats": 3}}}, r"candidate 'two'.*student\.rats.*rows"),
    ({"one": {}, "two": {"input": {"signal": {"rate": 90}}}}, r"candidate 'two'.*input\.signal\.rate counts when"),
    ({"one": {}, "two": {"training": {"epoch": 3}}}, "candidate 'two'.*epochs"),
    ({"one": {}, "two": {"student": {"init": "nowhere"}}}, "candidate 'two'.*start of the student is missing"),
])  # fmt: skip
def test_what_does_not_fit_is_one_line_that_names_the_candidate(rows, sections, words):
    with pytest.raises(LimbeckError, match=words):
        choose(signal_recipe(selection={"candidates": sections}), rows, [])


def test_too_few_rows_or_patients_and_detectors_are_refused(rows):
    patients = rows.frame["patient"].to_numpy()
    few = replace(rows, split=np.where(np.isin(patients, np.unique(patients)[:4]), rows.split, "unused"))
    with pytest.raises(LimbeckError, match="labelled rows or groups are too few to compare candidates"):
        choose(recipe_of(**QUICK), few, [])
    raw = {"task": {"kind": "anomaly-signal"}, "data": {"train": "."}, "student": {"network": "autoencoder1d"}}
    with pytest.raises(LimbeckError, match="comparison of candidates"):
        choose(parse_recipe(raw), rows, [])


def test_the_choice_is_told_in_both_languages():
    one = Compared("a", "nearest", 1, 0.91, 0.02, 0.0, 0.0)
    other = Compared("b", "minirocket", 1, 0.90, 0.02, 0.01, 0.015)
    choice = Choice(override(signal_recipe(), {}), "b", "accuracy", 5, 90, 90, (one, other))
    english, chinese = both(choice.messages[0])
    assert english.startswith("b was chosen of 2 candidates: its accuracy, 0.9000, is 0.0100 below that of a")
    assert chinese.startswith("在 2 个候选模型中选用 b：其 accuracy 为 0.9000，比 a 低 0.0100")
