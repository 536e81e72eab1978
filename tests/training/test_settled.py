"""Temperature and offset from rows left out are on the scale of the student's own logits."""

from copy import deepcopy

import numpy as np
import polars as pl
import pytest
from sklearn.svm import LinearSVC

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode, values_of
from limbeck.recipe import parse_recipe
from limbeck.training.fit.linear_solvers import scaled_bags
from limbeck.training.left_out import by_rows, settled
from limbeck.training.student import logits_of, train_student

WORDS = ("good", "fine", "poor", "bad")


def texts(count: int = 240) -> pl.DataFrame:
    """Return texts of random words; three in four of class b, whose label is wrong for one row in ten."""
    random = np.random.default_rng(0)
    labels = np.where(random.random(count) < 0.75, "b", "a")
    shown = np.where(random.random(count) < 0.1, np.where(labels == "a", "b", "a"), labels)
    noise = [" ".join(f"w{word}" for word in random.integers(400, size=12)) for _ in range(count)]
    told = [
        f"{WORDS[random.integers(2) + 2 * (label == 'b')]} {rest}" for label, rest in zip(labels, noise, strict=True)
    ]
    return pl.DataFrame({"text": told, "label": shown})


def test_a_student_solved_by_hinge_keeps_its_answers():
    recipe = parse_recipe({
        "task": {"kind": "text", "input": "text", "label": "label"}, "data": {"train": "rows"},
        "input": {"encoder": "ngrams", "ngrams": [2, 4], "buckets": 0, "min_count": 1},
        "student": {"network": "ngram", "margin": 0.3}, "objective": {"losses": {"hinge": 1.0}},
        "training": {"optimizer": "liblinear", "metric": "macro_f1"},
        "evaluation": {"leave_out": {"folds": 3}, "threshold": "macro_f1"},
    })  # fmt: skip
    rows = prepare(recipe, None, memory=texts())
    student = train_student(recipe, rows, folders=[])
    assert not 0.5 < student.temperature < 2.0  # else nothing would be tested here
    held = by_rows(recipe, rows, recipe.evaluation.leave_out, [], None)
    made = settled(recipe, rows, student, held)
    assert 1 / 3 < made.temperature / student.temperature < 3
    used = np.flatnonzero(np.isin(rows.split, ["train", "valid"]))
    p = made.probabilities(encode(made.encoder, values_of(rows.frame[used], recipe.task)))
    assert (p.argmax(axis=1) == rows.labels[used]).mean() > 0.9  # of rows that it has learned
    unseen = made.calibrated(made.left_out.logits)
    np.testing.assert_allclose(unseen.mean(axis=0), np.bincount(held.labels) / len(held.labels), atol=0.03)


def test_a_linear_text_model_that_is_solved_again_keeps_the_scale_of_its_n_grams():
    """The second fit is exported, on train and valid; without the n-grams' idf it would be another, worse model."""
    recipe = parse_recipe({
        "task": {"kind": "text", "input": "text", "label": "label"},
        "data": {"train": "rows", "split": {"valid": 0.2, "test": 0.2}},
        "input": {"encoder": "ngrams", "ngrams": [2, 4], "buckets": 0, "min_count": 1},
        "student": {"network": "ngram"}, "objective": {"losses": {"hinge": 1.0}},
        "training": {"optimizer": "liblinear"},
    })  # fmt: skip
    rows = prepare(recipe, None, memory=texts())
    student = train_student(recipe, rows, folders=[])
    fresh, given = deepcopy(student.network), encode(student.encoder, values_of(rows.frame, recipe.task))
    both = np.concatenate([rows.part("train"), rows.part("valid")])
    fresh.fit_start(given.take(both))
    model = LinearSVC(random_state=0).fit(scaled_bags(fresh, given.take(both)), rows.labels[both])
    test = rows.part("test")
    logits = logits_of(student.network, student.encoder, given.take(test))
    sought = model.decision_function(scaled_bags(fresh, given.take(test)))
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], sought, atol=0.01)


@pytest.mark.parametrize("way", ["on", "mean"])
def test_n_grams_that_fall_on_one_class_weigh_more_and_answers_are_those_of_the_solver(way):
    recipe = parse_recipe({
        "task": {"kind": "text", "input": "text", "label": "label"},
        "data": {"train": "rows", "split": {"valid": 0.2, "test": 0.2}},
        "input": {"encoder": "ngrams", "ngrams": [1, 1], "word_ngrams": 1, "buckets": 0, "min_count": 1},
        "student": {"network": "ngram", "class_ratio": way}, "objective": {"losses": {"hinge": 1.0}},
        "training": {"optimizer": "liblinear"},
    })  # fmt: skip
    rows = prepare(recipe, None, memory=texts())
    student = train_student(recipe, rows, folders=[])
    fresh, given = deepcopy(student.network), encode(student.encoder, values_of(rows.frame, recipe.task))
    test, both = rows.part("test"), np.concatenate([rows.part("train"), rows.part("valid")])

    def solved() -> np.ndarray:
        model = LinearSVC(random_state=0).fit(scaled_bags(fresh, given.take(both)), rows.labels[both])
        return model.decision_function(scaled_bags(fresh, given.take(test)))

    fresh.fit_start(given.take(both))
    plain, sought = fresh.scale.clone(), [solved()]
    fresh.weigh_by_class(given.take(both), rows.labels[both])
    sought = [*sought, solved()] if way == "mean" else [solved()]
    bad = set(student.encoder.encode(["bad"]).values.tolist()) - set(student.encoder.encode(["b a d"]).values.tolist())
    assert bad
    more = fresh.scale / plain
    assert min(more[one] for one in bad) > 2 * more.median()  # "bad" falls on one class, noise on both
    logits = logits_of(student.network, student.encoder, given.take(test))
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], np.mean(sought, axis=0), atol=0.01)


def test_weighing_by_class_needs_the_solver_that_sees_all_labels():
    recipe = parse_recipe({
        "task": {"kind": "text", "input": "text", "label": "label"}, "data": {"train": "rows"},
        "input": {"encoder": "ngrams"}, "student": {"network": "ngram", "class_ratio": "on"},
    })  # fmt: skip
    with pytest.raises(LimbeckError, match=r"student\.class_ratio .* 'liblinear'"):
        train_student(recipe, prepare(recipe, None, memory=texts(60)), folders=[])
