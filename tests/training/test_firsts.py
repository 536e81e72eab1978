"""A teacher that is trained first: on the same rows, once, and with options of its own."""

from dataclasses import replace

import numpy as np
import pytest

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import values_of
from limbeck.kinds.signal.baseline import signal_baseline
from limbeck.recipe import parse_recipe
from limbeck.training.distill.panel import seat
from limbeck.training.distill.trained_teacher import WHOLE, trained_teacher
from limbeck.training.doctor import doctor
from limbeck.training.student import train_student
from pictures import class_folders
from signals import records, signal_recipe
from small import write_csv

STUDENT = {"network": "minifas", "width": 0.25}


def recipe_of(teachers, **objective):
    return parse_recipe(
        {
            "task": {"kind": "image"},
            "data": {"train": ".", "split": {"valid": 0.2, "test": 0.2}},
            "input": {"size": 16},
            "student": STUDENT,
            "teachers": teachers,
            "objective": {"losses": {"hard": 0.5, "distil": 0.5}, **objective},
            "training": {"epochs": 2, "batch_size": 8},
            "evaluation": {"bootstrap": 0},
        }
    )


def teacher(**options):
    return {"name": "frequency", "source": "trained:spectrum", "options": options}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path):
    return class_folders(tmp_path / "pictures")


def seated(folder, **options):
    recipe = recipe_of([teacher(**options)])
    rows = prepare(recipe, folder)
    return trained_teacher(recipe.teachers[0], recipe, rows, [folder]), rows


def test_one_recipe_trains_teacher_and_student_and_a_second_run_asks_the_cache(folder, tmp_path, capsys):
    recipe = recipe_of([teacher(members=2, training={"epochs": 3})])
    first = limbeck.train(recipe, data=folder, out=tmp_path / "bundle")
    said = capsys.readouterr().err
    assert "training teacher 'frequency' (1 of 2): spectrum" in said
    assert "training teacher 'frequency' (2 of 2): spectrum" in said
    assert first.trust["teachers"][0]["name"] == "frequency"
    again = limbeck.train(recipe, data=folder, out=tmp_path / "again")
    assert "training teacher" not in capsys.readouterr().err
    assert again.metrics == first.metrics


def test_it_answers_with_the_mean_of_its_members_which_differ(folder):
    made, rows = seated(folder, members=2)
    alone, _ = seated(folder)
    answers = made.answer(rows.frame)
    assert answers.shape == (rows.frame.height, 2)
    np.testing.assert_allclose(answers.sum(axis=1), 1, atol=1e-6)
    pictures = values_of(rows.frame, made.recipes[0].task)
    each = [student.probabilities(student.encoder.encode(pictures)) for student in made.students[WHOLE]]
    np.testing.assert_allclose(np.mean(each, axis=0), answers, atol=1e-6)
    assert [recipe.training.seed for recipe in made.recipes] == [0, 1]
    first = alone.answer(rows.frame)
    assert not np.allclose(first, answers)
    np.testing.assert_array_equal(first, seated(folder)[0].answer(rows.frame))


def test_its_sections_go_over_the_recipes_own_and_the_fingerprint_follows(folder):
    made, rows = seated(folder, input={"size": 24}, student={"hidden": 8}, training={"epochs": 1})
    own = made.recipes[0]
    assert (own.input.size, own.student.options, own.training.epochs, own.training.batch_size) == (
        24,
        {"hidden": 8},
        1,
        8,
    )
    assert own.objective.losses == {"hard": 1.0}
    assert own.teachers == []
    prints = {seated(folder, **options)[0].fingerprint for options in ({}, {"members": 2}, {"training": {"seed": 5}})}
    assert len(prints) == 3
    recipe = recipe_of([teacher()])
    fewer = trained_teacher(recipe.teachers[0], recipe, rows.take(np.arange(len(rows.labels) - 3)), [folder])
    assert fewer.fingerprint not in prints


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"members": 0}, "the option members is 0"),
        ({"folds": 1}, "the option folds is 1"),
        ({"folds": 30}, "options.folds: .* cannot make 30 folds"),
        ({"epochs": 3}, "unknown option 'epochs'"),
        ({"training": 3}, "the option training is no table"),
        ({"training": {"epoch": 3}}, "did you mean 'epochs'|epoch"),
    ],
)
def test_options_it_does_not_know_are_one_line(folder, options, said):
    with pytest.raises(LimbeckError, match=said):
        seated(folder, **options)


def test_doctor_names_it_and_trains_nothing(folder, capsys):
    recipe = recipe_of([teacher(members=3)])
    found = doctor(recipe, data=folder)
    assert not [finding for finding in found if finding.level == "error" or finding.check == "overlap"]
    lines = [finding.what for finding in found]
    assert "teacher 'frequency': 'spectrum' is trained first, 3 times" in lines
    assert "training teacher" not in capsys.readouterr().err


def close(found, wanted):
    """Equal but for rounding: batches of other rows are summed in another order on some processors."""
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_with_folds_a_row_is_answered_by_who_has_not_learned_it(folder):
    made, rows = seated(folder, folds=3, training={"epochs": 4})
    assert made.times == 4
    train, rest = rows.part("train"), np.flatnonzero(rows.split != "train")
    assert set(made.folds[train]) == {0, 1, 2} and set(made.folds[rest]) == {WHOLE}
    answers = made.answer(rows.frame)
    recipe = made.recipes[0]
    pictures = values_of(rows.frame, recipe.task)

    def trained(without):
        split = np.where(np.isin(np.arange(len(rows.split)), without), "unused", rows.split)
        student = train_student(recipe, replace(rows, split=split), folders=[folder])
        return student.probabilities(student.encoder.encode(pictures))

    whole = trained([])
    for fold in range(3):
        left_out = np.flatnonzero(made.folds == fold)
        close(answers[left_out], trained(left_out)[left_out])
        assert np.abs(answers[left_out] - whole[left_out]).max() > 1e-3
    close(answers[rest], whole[rest])
    # In any order, and one by one: a row is known by its content.
    close(made.answer(rows.frame[train[::-1]]), answers[train[::-1]])
    assert made.fingerprint != seated(folder, folds=2, training={"epochs": 4})[0].fingerprint


def test_boosted_trees_teach_signals_by_patients_that_they_do_not_know(tmp_path):
    hearts = records(tmp_path / "hearts")
    recipe = signal_recipe()
    asked = recipe.model_dump(mode="json", exclude_none=True) | {
        "teachers": [{"name": "trees", "source": "trained:boosting", "options": {"folds": 2}}],
        "objective": {"losses": {"hard": 0.5, "distil": 0.5}},
    }
    parsed = parse_recipe(asked)
    rows = prepare(parsed, hearts)
    made = trained_teacher(parsed.teachers[0], parsed, rows, [hearts])
    patients = np.array(rows.frame["patient"].to_list())
    train = rows.part("train")
    for patient in set(patients[train]):
        assert len(set(made.folds[train][patients[train] == patient])) == 1
    answers = made.answer(rows.frame)
    held, rest = train[made.folds[train] == 0], train[made.folds[train] == 1]
    settings = recipe.input
    p, _ = signal_baseline(settings, rows.frame[rest], rows.labels[rest], rows.frame[held], 2)
    np.testing.assert_allclose(answers[held], p, atol=1e-6)
    trained = limbeck.train(parsed, data=hearts, out=tmp_path / "bundle")
    assert trained.trust["teachers"][0]["name"] == "trees"


def test_boosted_trees_teach_tables_and_nothing_else(tmp_path, folder):
    random = np.random.default_rng(0)
    rows = [
        {"id": str(at), "a": f"{a:.3f}", "b": f"{b:.3f}", "label": str(int(a * b > 0))}
        for at, (a, b) in enumerate(random.normal(size=(300, 2)))
    ]
    write_csv(tmp_path / "rows.csv", rows)
    recipe = parse_recipe(
        {
            "task": {"kind": "table", "input": ["a", "b"], "classes": ["0", "1"]},
            "data": {"train": "rows.csv"},
            "student": {"network": "mlp"},
            "teachers": [{"name": "trees", "source": "trained:boosting"}],
            "objective": {"losses": {"distil": 1.0}},
            "training": {"epochs": 2},
            "evaluation": {"bootstrap": 0},
        }
    )
    data = prepare(recipe, tmp_path)
    made = trained_teacher(recipe.teachers[0], recipe, data, [tmp_path])
    train = data.part("train")
    right = (made.answer(data.frame[train]).argmax(axis=1) == data.labels[train]).mean()
    assert 0.85 < right < 1.0  # the trees know their own rows by heart, and these they do not know
    with pytest.raises(LimbeckError, match="unknown option 'members'"):
        spec = recipe.teachers[0].model_copy(update={"options": {"members": 2}})
        trained_teacher(spec, recipe, data, [tmp_path])
    pictures = recipe_of([{"name": "trees", "source": "trained:boosting"}])
    with pytest.raises(LimbeckError, match="boosted trees do not read 'image'"):
        trained_teacher(pictures.teachers[0], pictures, prepare(pictures, folder), [folder])


def test_without_rows_it_is_left_out():
    assert seat(recipe_of([teacher()]), ("a", "b"), []).teachers == []


def test_a_student_of_signals_learns_from_one(tmp_path):
    own = {"student": {"width": 8, "blocks": 1, "mix": 16, "branch": 8}, "training": {"epochs": 2}}
    asked = signal_recipe().model_dump(mode="json", exclude_none=True) | {
        "teachers": [{"name": "larger", "source": "trained:resnet1d", "options": own}],
        "objective": {"losses": {"distil": 1.0}},
    }
    bundle = limbeck.train(parse_recipe(asked), data=records(tmp_path / "hearts"), out=tmp_path / "bundle").bundle
    with limbeck.load(bundle) as classifier:
        assert set(classifier.classes) == {"normal", "abnormal"}
