"""No baseline is praised over that knows less than the most frequent class, which always stands beside it."""

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.evaluation.baselines import left_out
from limbeck.evaluation.report.headline import verdict
from limbeck.messages.message import both
from limbeck.metrics.baselines import baseline_row as baseline_line
from limbeck.metrics.baselines import majority_baseline as baseline_majority
from limbeck.metrics.baselines.baseline_row import fit_boosting, learned_something
from limbeck.metrics.baselines.majority_baseline import majority_row
from limbeck.tasks.classify.baseline import LEFT_OUT, checked
from pictures import class_folders, tiny

NAMES = ("N", "V", "Q")


def rare(count=300):
    """Return rows of two classes that trees tell apart, three of which are of a third one."""
    random = np.random.default_rng(0)
    x = random.normal(size=(count, 3)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=count) * 0.3 > 0).astype(np.int64)
    y[:3] = 2
    return x, y


def test_boosting_that_runs_away_on_a_rare_class_is_fitted_with_steps_held_back():
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y = rare()
    steps = {"learning_rate": 1.0, "max_iter": 10}  # ten large steps do what a hundred of the usual size do to beats
    wild = HistGradientBoostingClassifier(random_state=0, **steps).fit(x, y)
    assert not learned_something(wild, x, y)
    steady = fit_boosting(x, y, "a test", **steps)
    assert learned_something(steady, x, y)
    assert (steady.predict(x) == y).mean() > 0.95 > (wild.predict(x) == y).mean()


def test_boosting_that_learns_is_the_fit_it_was():
    from sklearn.ensemble import HistGradientBoostingClassifier

    x, y = rare()
    usual = HistGradientBoostingClassifier(random_state=0).fit(x[3:], y[3:])
    assert np.array_equal(fit_boosting(x[3:], y[3:], "a test").predict_proba(x), usual.predict_proba(x))


@pytest.mark.shared
def test_the_five_classes_of_mit_bih_are_told_apart_better_than_by_always_saying_n(shared_data):
    from limbeck.kinds.signal.encode import SignalInput
    from limbeck.kinds.signal.reading.read import read_source
    from limbeck.recipe import Input, Signal, Task

    found = read_source(shared_data / "ecg" / "mitbih_beats.npz", Task(kind="signal"), Signal(), labelled=True)
    train = found.frame.filter(pl.col("split") == "train")
    names = sorted(train["label"].unique())
    y = np.array([names.index(label) for label in train["label"]])
    random, q = np.random.default_rng(0), np.flatnonzero(y == names.index("Q"))
    rows = np.sort(np.concatenate([q[:6], random.permutation(np.flatnonzero(y != names.index("Q")))[:3994]]))
    x = SignalInput(Input()).encode(train[rows]).beats.reshape(len(rows), -1)[:, ::8]
    model = fit_boosting(x, y[rows], "a test", max_iter=60)
    assert (model.predict(x) == y[rows]).mean() > 0.9
    assert learned_something(model, x, y[rows])


def test_the_line_of_the_majority_class_is_what_always_answering_it_gives():
    y = np.array([0, 0, 0, 1, 1, 2])
    row = majority_row([1, 1, 0, -1], y, NAMES)
    assert (row["name"], row["class"], row["n_train"]) == (baseline_majority.NAME, "V", 3)
    assert row["accuracy"] == pytest.approx(1 / 3)
    assert majority_row([-1, -1], y, NAMES)["class"] == "N"  # no label was learned from: that of these rows
    assert majority_row([], y, NAMES, answer=2)["accuracy"] == pytest.approx(1 / 6)
    two = majority_row([0, 0, 1], [0, 1, 1, 1], ("no", "yes"), 1)
    assert (two["accuracy"], two["roc_auc"]) == (0.25, 0.5)


def fitted(accuracy, macro_f1, steady_accuracy, steady_f1):
    def fit(steady):
        told = (steady_accuracy, steady_f1) if steady else (accuracy, macro_f1)
        return {"name": "trees", "accuracy": told[0], "macro_f1": told[1], "n_train": 9, "seconds": 0.1}

    return fit


MAJORITY = {"name": baseline_majority.NAME, "class": "N", "accuracy": 0.65, "macro_f1": 0.16}


def test_a_baseline_below_the_majority_is_fitted_again_and_the_better_fit_counts():
    row = checked(fitted(0.58, 0.3, 0.86, 0.6), MAJORITY)
    assert (row["accuracy"], row["regularised"]) == (0.86, True)
    assert "regularised" not in checked(fitted(0.8, 0.5, 0.9, 0.9), MAJORITY)  # nobody asked for a second fit
    told = checked(fitted(0.6, 0.5, 0.5, 0.4), MAJORITY)  # below, but it tells classes apart
    assert (told["accuracy"], LEFT_OUT in told) == (0.6, False)


def test_one_that_stays_below_is_left_out_with_the_reason():
    row = checked(fitted(0.58, 0.1, 0.6, 0.12), MAJORITY)
    assert "accuracy" not in row
    (line,) = left_out([row, MAJORITY])
    assert line == ("The baseline trees is left out: its accuracy of 0.6000 is below the 0.6500 of the majority class.")


def test_the_headline_compares_with_the_majority_where_the_baseline_is_below_it():
    told = {"n": 100, "accuracy": 0.8, "confidence_intervals": {"accuracy": [0.75, 0.85]}, "ece": 0.01}
    below = {"name": "trees", "accuracy": 0.58}
    english, chinese = both(verdict(told, [below, MAJORITY]))
    assert "15.0 points above always answering “N”" in english
    assert "trees" not in english
    assert "一律回答“N”" in chinese
    assert "the baseline trees" in verdict(told, [below | {"accuracy": 0.7}, MAJORITY])
    assert "always" not in verdict(told, [MAJORITY])  # nothing to praise over, and nothing is


def test_the_majority_stands_in_the_report_the_card_and_what_evaluate_returns(tmp_path):
    folder = class_folders(tmp_path / "set", 12)
    made = limbeck.train(tiny(evaluation={"baseline": False}), data=folder, out=tmp_path / "bundle")
    assert [row["name"] for row in made.baselines] == [baseline_majority.NAME]
    assert baseline_majority.NAME in (made.bundle / "report.html").read_text("utf-8")
    assert baseline_majority.NAME in (made.bundle / "README.md").read_text("utf-8")
    found = limbeck.evaluate(made.bundle, folder, report=tmp_path / "page.html")
    (row,) = found["baselines"]
    assert (row["name"], row["accuracy"]) == (baseline_majority.NAME, 0.5)
    assert "多数类" in (tmp_path / "page.html").read_text("utf-8")
    assert baseline_line.SHOWN[0] in row
