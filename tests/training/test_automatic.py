"""Rows without a recipe become a bundle: compared, blended, calibrated, and the same again from the recipe in it."""

import json

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.cli import main as cli
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import load_recipe
from limbeck.training.search.blend_weights import answered_by_all, blended, greedy_weights
from limbeck.training.search.dealt_folds import fold_rows
from limbeck.training.search.out_of_fold import Clock, out_of_fold

N = 240


def table(seed=0):
    random = np.random.default_rng(seed)
    a, b, c = random.normal(size=(3, N))
    kind = random.choice(["x", "y", "z"], N)
    label = np.where(a * b + (kind == "x") + 0.3 * c > 0.3, "yes", "no")
    return pl.DataFrame({"a": a, "b": b, "c": c, "kind": kind, "label": label})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auto")
    table().write_csv(folder / "rows.csv")
    quick = ["selection.folds=2", "selection.repeats=1", "evaluation.bootstrap=20", "evaluation.leave_out.folds=2"]
    quick += ["selection.candidates.network.training.epochs=8"]
    trained = limbeck.train(folder / "rows.csv", out=folder / "bundle", settings=quick)
    return folder, trained


def test_a_table_is_enough(made):
    folder, trained = made
    assert trained.judged_on == "test"
    assert trained.metrics["accuracy"] > 0.75
    metrics = json.loads((folder / "bundle" / "metrics.json").read_text())
    choice = metrics["candidates"]
    assert {one["name"] for one in choice["compared"]} >= {"linear", "network", "boosted trees", "forest"}
    with limbeck.load(folder / "bundle") as classifier:
        assert classifier.predict(pl.DataFrame({"a": [3.0], "b": [3.0], "c": [0.0], "kind": ["x"]})) == ["yes"]


def test_training_from_the_recipe_in_the_bundle_gives_the_same_bundle(made, tmp_path):
    folder, _ = made
    recipe = load_recipe(folder / "bundle" / "recipe.toml")
    assert not recipe.selection.candidates
    limbeck.train(folder / "bundle" / "recipe.toml", data=folder, out=tmp_path / "again")
    models = [(place / "model.onnx").read_bytes() for place in (folder / "bundle", tmp_path / "again")]
    assert models[0] == models[1]


def test_a_blend_is_weighted_by_answers_out_of_fold_and_leaves_poor_members_out():
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    good = [np.clip(labels + random.normal(0, 0.6, 400), 0.05, 0.95) for _ in range(2)]
    answers = {
        name: np.stack([1 - p, p], axis=1) for name, p in (*zip("ab", good, strict=True), ("c", random.random(400)))
    }
    weights = greedy_weights(answers, labels)
    assert set(weights) == {"a", "b"}
    assert sum(weights.values()) == pytest.approx(1.0, abs=1e-3)
    together = blended(answers, weights)
    np.testing.assert_allclose(together.sum(axis=1), 1.0)
    right = {name: (p.argmax(axis=1) == labels).mean() for name, p in (*answers.items(), ("both", together))}
    assert right["both"] > max(right["a"], right["b"])


def test_a_budget_says_how_many_folds_are_run_and_who_is_left_out():
    clock = Clock(100.0)
    assert clock.admits(6.0, 5) == 3  # three tenths of the 60 seconds for the comparison, at 6 seconds each
    assert clock.admits(10.0, 5) == 3
    assert clock.admits(40.0, 5) == 2  # a second fold fits, a third does not
    clock.began -= 110.0
    assert not clock.admits(40.0, 5)
    assert Clock(0.0).admits(1e9, 5) == 5


def test_a_blend_one_of_whose_members_is_too_slow_is_not_compared(tmp_path):
    table().write_csv(tmp_path / "rows.csv")
    member = '{{ name = "{0}", weight = 0.5, student = {{ network = "linear" }} }}'
    head = '[task]\nkind = "table"\ninput = ["a", "b"]\n[data]\ntrain = "rows.csv"\n[student]\nnetwork = "blend"\n'
    (tmp_path / "recipe.toml").write_text(f"{head}members = [{member.format('a')}, {member.format('b')}]\n")
    recipe = load_recipe(tmp_path / "recipe.toml")
    dealt = fold_rows(recipe, prepare(recipe, tmp_path))
    clock = Clock(1.0)
    clock.folds, clock.began = 2, clock.began - 100.0
    assert out_of_fold(recipe, dealt, dealt.numbers(2, 0), [], clock) is None


def test_candidates_are_compared_on_the_rows_that_all_have_answered():
    labels = np.array([0, 1, 0, 1])
    sure = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1], [0.1, 0.9]])
    half = np.array([[0.2, 0.8], [0.8, 0.2], [np.nan, np.nan], [np.nan, np.nan]])
    assert answered_by_all([sure, half]).tolist() == [True, True, False, False]
    assert greedy_weights({"sure": sure, "half": half}, labels) == {"sure": 1.0}


def test_a_blend_that_is_written_by_hand_is_checked(tmp_path):
    table().write_csv(tmp_path / "rows.csv")
    recipe = tmp_path / "recipe.toml"
    head = '[task]\nkind = "table"\ninput = ["a", "b"]\n[data]\ntrain = "rows.csv"\n[student]\nnetwork = "blend"\n'
    member = '{{ name = "{0}", weight = 0.5, student = {{ network = "{0}" }} }}'
    recipe.write_text(head + f"members = [{member.format('linear')}, {member.format('liner')}]\n")
    with pytest.raises(LimbeckError, match="unknown network 'liner'; did you mean 'linear'"):
        limbeck.train(recipe, out=tmp_path / "bundle")
    recipe.write_text(head + f"members = [{member.format('linear')}, {member.format('blend')}]\n")
    with pytest.raises(LimbeckError, match="the member 'blend' of the blend names no network of its own"):
        limbeck.train(recipe, out=tmp_path / "bundle")


@pytest.fixture
def run(capsys):
    """Run a command in this process as the entry point does; returns (exit code, stdout, stderr)."""

    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            cli.run([str(word) for word in arguments])
        captured = capsys.readouterr()
        return caught.value.code, captured.out, captured.err

    return call


def test_the_command_line_takes_an_excel_sheet(tmp_path, run):
    random = np.random.default_rng(0)
    words = {"正面": ["很好", "喜欢", "满意"], "负面": ["很差", "失望", "退货"]}
    rows = [
        (label, "".join(random.choice(words[label], 3)) + f"第{k}次购买这个商品") for k in range(120) for label in words
    ]
    pl.DataFrame(rows, schema=["情感", "评论内容"], orient="row").write_excel(tmp_path / "评论.xlsx")
    out = tmp_path / "bundle"
    quick = ["--set", "selection.folds=2", "--set", "evaluation.leave_out.folds=2"]
    code, _, told = run("train", tmp_path / "评论.xlsx", "--out", out, *quick)
    assert (code, (out / "bundle.json").exists()) == (0, True)
    assert "text: the input is the column '评论内容'" in told
    code, printed, _ = run("init", tmp_path / "评论.xlsx", "--lang", "zh")
    assert code == 0
    assert 'label = "情感"' in printed


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--label", "lable"], "there is no column 'lable'; did you mean 'label'"),
        (["--budget", "soon"], "'soon' is not understood; give a time such as 90s, 5m or 1h"),
    ],
)
def test_what_is_wrong_is_one_line(words, line, tmp_path, run):
    table().write_csv(tmp_path / "rows.csv")
    code, _, told = run("train", tmp_path / "rows.csv", "--out", tmp_path / "b", *words)
    assert code == 2
    assert line in told.splitlines()[-1]


def test_too_few_rows_are_one_line(tmp_path, run):
    table()[:8].write_csv(tmp_path / "rows.csv")
    code, _, told = run("train", tmp_path / "rows.csv", "--out", tmp_path / "b")
    assert code == 2
    assert "too few to compare candidates" in told.splitlines()[-1]
