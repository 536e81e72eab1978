"""Figures of several labels a row, against scikit-learn, and calibration of each label by itself."""

from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as theirs

from limbeck.errors import LimbeckError
from limbeck.evaluation.report import charts
from limbeck.evaluation.report.charts import precision_recall_by_class
from limbeck.metrics.fitted.platt import fit_platt
from limbeck.metrics.multilabel import measure_labels

CSS = Path(charts.__file__).with_name("report.css").read_text("utf-8").replace(",", " ")
NAMES = ("a", "b", "c")


@pytest.fixture(scope="module")
def answers():
    random = np.random.default_rng(0)
    truth = random.random((400, 3)) < (0.5, 0.2, 0.05)
    p = np.clip(truth * 0.35 + random.random(truth.shape) * 0.6, 0, 1)
    return truth, p


def test_figures_are_those_of_scikit_learn(answers):
    truth, p = answers
    cuts = np.array([0.5, 0.6, 0.7])
    found = measure_labels(truth, p, cuts, NAMES, bootstrap=50)
    said = p >= cuts
    assert found["micro_f1"] == pytest.approx(theirs.f1_score(truth, said, average="micro"))
    assert found["macro_f1"] == pytest.approx(theirs.f1_score(truth, said, average="macro"))
    assert found["subset_accuracy"] == pytest.approx(theirs.accuracy_score(truth, said))
    assert found["hamming_loss"] == pytest.approx(theirs.hamming_loss(truth, said))
    assert found["map"] == pytest.approx(theirs.average_precision_score(truth, p, average="macro"))
    for at, name in enumerate(NAMES):
        assert found["per_label"][name]["recall"] == pytest.approx(theirs.recall_score(truth[:, at], said[:, at]))
    low, high = found["confidence_intervals"]["macro_f1"]
    assert low < found["macro_f1"] < high


def test_four_classes_have_a_line_of_their_own_colour_and_the_others_are_grey():
    lines = [(f"class {k}", np.array([0.0, 1.0]), np.array([1.0, 0.5]), 0.75) for k in range(7)]
    drawn = precision_recall_by_class(lines, ("seven", "七"))
    assert [drawn.count(f'class="line c{k}"') for k in range(5)] == [1, 1, 1, 1, 0]
    assert drawn.count('class="faint"') == 3
    assert "class 3 0.75" in drawn
    assert "class 4" not in drawn
    assert all(
        f".{css} " in CSS for css in ("faint", "line.c3", "swatch.c3")
    )  # what has no style is drawn like another


def test_a_label_that_is_nowhere_stays_out_of_the_mean():
    truth = np.array([[True, False], [False, False]])
    found = measure_labels(truth, truth.astype(float), [0.5, 0.5], ("a", "b"), bootstrap=0)
    assert (found["macro_f1"], found["per_label"]["b"]["f1"], found["per_label"]["b"]["ap"]) == (1.0, None, None)


def test_shapes_and_numbers_are_checked():
    with pytest.raises(LimbeckError, match="do not fit"):
        measure_labels(np.zeros((2, 2)), np.zeros((2, 3)), [0.5] * 2, ("a", "b"))
    with pytest.raises(LimbeckError, match="not a number"):
        measure_labels(np.zeros((1, 2)), np.full((1, 2), np.nan), [0.5] * 2, ("a", "b"))


def test_platt_scaling_finds_the_slope_and_shift_that_made_the_rows():
    random = np.random.default_rng(1)
    scores = random.normal(3.0, 2.0, 20_000)
    truth = random.random(len(scores)) < 1 / (1 + np.exp(-(1.5 * scores - 6.0)))
    assert fit_platt(scores, truth) == pytest.approx((1.5, -6.0), rel=0.05)


@pytest.mark.parametrize(
    ("scores", "truth"),
    [([], []), ([1.0, 2.0], [False, False]), ([1.0, 1.0, 1.0], [True, False, True]), ([1e4, -1e4], [True, False])],
)
def test_platt_scaling_of_rows_that_say_little_is_finite_and_keeps_the_order(scores, truth):
    slope, shift = fit_platt(scores, truth)
    assert slope > 0
    assert np.isfinite([slope, shift]).all()


def test_scores_that_say_the_opposite_do_not_turn_the_order():
    assert fit_platt([2.0, 1.0, -1.0, -2.0], [False, False, True, True])[0] > 0
