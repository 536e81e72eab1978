"""Hidden features on their way from a teacher to the student, and nothing of them in the bundle."""

import json

import numpy as np
import onnx
import pytest
import torch
from safetensors.numpy import load_file

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import batch_of, encode
from limbeck.recipe import Teacher
from limbeck.teachers import open_teacher
from limbeck.training.distill.distill import distil
from limbeck.training.student import train_student
from small import reviews, tiny_recipe, write_csv
from teachers.make import tiny_bert
from training.killed_runs import assert_same, trained_and_killed

ROWS = reviews(400)
ALL = {"hard": 0.5, "distil": 0.5, "distil-hidden": 1.0}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Reviews with two numbers in each row, and a tiny transformer beside them."""
    place = tmp_path_factory.mktemp("guide")
    random = np.random.default_rng(0)
    numbers = [{"a": f"{int(row['label']) + random.normal():.3f}", "b": f"{len(row['text'])}"} for row in ROWS]
    write_csv(place / "reviews.csv", [row | more for row, more in zip(ROWS, numbers, strict=True)])
    tiny_bert(place / "bert", [row["text"] for row in ROWS], positions=64)
    return place


BERT = Teacher(name="bert", source="huggingface:bert", labels={"NEG": "bad", "POS": "good"})
COLUMN = Teacher(name="numbers", source="column:label", options={"features": ["a", "b"]})


def taught(*teachers, network="gru", losses=None, hidden=None, **training):
    objective = {"losses": losses or ALL} | ({"hidden": hidden} if hidden else {})
    recipe = tiny_recipe(network, objective=objective, training=training)
    return recipe.model_copy(update={"teachers": list(teachers)})


def learned(recipe, folder):
    data = prepare(recipe, folder)
    targets = distil(recipe, data, folders=[folder]).targets
    return data, targets, train_student(recipe, data, folders=[folder], targets=targets)


def pooled(student, texts):
    rows = encode(student.encoder, texts)
    batch = batch_of(student.encoder, rows, np.arange(len(rows)))
    with torch.no_grad():
        return student.network.features(*(torch.from_numpy(batch[name]) for name in student.network.arrays)).numpy()


def told(inside, wanted, held, asked):
    """Share of the variance of features of held rows that a linear map, fitted on others, tells (R squared)."""
    from sklearn.linear_model import Ridge

    guess = Ridge(alpha=1.0).fit(inside, wanted).predict(held)
    return 1 - np.square(guess - asked).sum() / np.square(asked - wanted.mean(axis=0)).sum()


def test_a_student_that_learns_features_ends_closer_to_its_teacher_on_held_out_rows(folder):
    recipe = taught(BERT)
    teacher = open_teacher(BERT, ("bad", "good"), task=recipe.task, folders=[folder])
    scores = {}
    for weight in (0.0, 3.0):
        losses = {"hard": 0.5, "distil": 0.5, "distil-hidden": weight}
        recipe = taught(BERT, losses=losses, epochs=15, patience=15, learning_rate=0.02)
        data, targets, student = learned(recipe, folder)
        assert targets.hidden.shape == (len(data.part("train")), 16)
        np.testing.assert_allclose(targets.hidden.std(axis=0), 1, atol=1e-3)
        parts = data.part("train"), data.part("test")
        inside = [pooled(student, [data.texts[row] for row in part]) for part in parts]
        wanted = [teacher.features(data.frame[part]) for part in parts]
        scores[weight] = told(inside[0], wanted[0], inside[1], wanted[1])
    assert scores[3.0] > scores[0.0] + 0.1, scores


def test_the_bundle_has_the_same_graph_and_no_head(folder, tmp_path):
    made = {}
    for name, losses in {"with": ALL | {"consistency": 1.0}, "without": {"hard": 0.5, "distil": 0.5}}.items():
        recipe = taught(COLUMN, losses=losses, epochs=1, augment={"delete": 0.1} if name == "with" else {})
        made[name] = limbeck.train(recipe, data=folder, out=tmp_path / name).bundle
    graphs = [onnx.load(made[name] / "model.onnx").graph for name in ("with", "without")]
    for part in ("input", "output"):
        assert [str(value) for value in getattr(graphs[0], part)] == [str(value) for value in getattr(graphs[1], part)]
    assert [node.op_type for node in graphs[0].node] == [node.op_type for node in graphs[1].node]
    assert [weight.name for weight in graphs[0].initializer] == [weight.name for weight in graphs[1].initializer]
    weights = [load_file(made[name] / "weights.safetensors") for name in ("with", "without")]
    shapes = [{name: value.shape for name, value in part.items()} for part in weights]
    assert shapes[0] == shapes[1]
    arrays = [json.loads((made[name] / "bundle.json").read_text("utf-8"))["arrays"] for name in ("with", "without")]
    assert arrays == [["ids", "lengths"]] * 2


def test_runs_killed_in_mid_epoch_end_bit_for_bit_as_those_that_were_not(folder, tmp_path):
    losses = ALL | {"consistency": 1.0}
    changes = {"delete": 0.1, "swap": 0.1}
    more = {"losses": losses, "epochs": 2, "checkpoint_every": 0, "average": 0.9, "augment": changes}
    recipes = {network: taught(COLUMN, network=network, **more) for network in ("gru", "textcnn")}
    moments = {"gru": ("checkpoints:3", "checkpoints:8"), "textcnn": ("checkpoints:5",)}
    home = trained_and_killed(folder, tmp_path, recipes, moments)
    for name in recipes:
        assert_same(home / name, moments[name])


def test_a_cold_start_learns_features_of_the_rows_it_learns_from(folder):
    recipe = taught(COLUMN, BERT, losses={"distil": 1.0, "distil-hidden": 1.0}, hidden="bert", epochs=1)
    recipe = recipe.model_copy(update={"data": recipe.data.model_copy(update={"labels": "test"})})
    targets = distil(recipe, prepare(recipe, folder), folders=[folder]).targets
    assert targets.hidden.shape == (len(targets.rows), 16)
    assert targets.hidden.dtype == np.float32


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (taught(Teacher(name="c", source="column:label")), "no teacher gives features, which the loss 'distil-hidden'"),
        (taught(COLUMN, BERT), "2 teachers give features: 'numbers', 'bert'; name one in objective.hidden"),
        (taught(COLUMN, hidden="bert"), "objective.hidden: no teacher is named 'bert'"),
        (taught(COLUMN, network="ngram"), "needs a network with a hidden layer; set student.hidden"),
        (taught(), "needs teachers"),
        (taught(COLUMN, losses={"distil-hidden": 1.0}), "'distil-hidden' alone: nothing here tells the classes apart"),
        (
            taught(Teacher(name="c", source="column:label", options={"features": ["a", "c"]})),
            "teacher 'c': it reads the column 'c', which the rows lack",
        ),
    ],
)
def test_what_cannot_be_learned_is_one_line(recipe, message, folder, tmp_path):
    with pytest.raises(LimbeckError, match=message) as error:
        limbeck.train(recipe, data=folder, out=tmp_path / "out")
    assert "\n" not in str(error.value)
