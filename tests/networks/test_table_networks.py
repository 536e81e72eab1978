"""Trees and linear models of tables: the exported graph answers like scikit-learn's model, missing cells and all."""

import warnings

import numpy as np
import onnxruntime
import polars as pl
import pytest
import torch

from limbeck.data.split import split_random
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import batch_of, encode, values_of
from limbeck.networks.table.tree_sum import Nodes, rounded_down
from limbeck.recipe import parse_recipe
from limbeck.training.export.gate import export
from limbeck.training.student import train_student


def table(classes=2, rows=400, seed=0):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(2, rows))
    kind = random.choice(["x", "y", "z"], rows)
    score = 1.5 * a + (kind == "x") - (b > 0.5)
    label = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1]))
    frame = pl.DataFrame({"a": a, "b": b, "kind": kind, "label": [f"c{k}" for k in label]})
    missing = pl.Series(random.random(rows) < 0.2)
    return frame.with_columns(a=pl.when(missing).then(None).otherwise(pl.col("a")))


def trained(frame, columns=("a", "b", "kind"), **student):
    split = split_random(frame.height, valid=0.2, test=0.2, seed=0)
    recipe = parse_recipe(
        {
            "task": {"kind": "table", "input": list(columns)},
            "data": {"train": "x", "split": "split"},
            "input": {"scaling": "both"},
            "student": student,
        }
    )
    rows = prepare(recipe, memory=frame.with_columns(pl.Series("split", split)))
    return recipe, rows, train_student(recipe, rows, folders=[])


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "student",
    [{"network": "trees", "trees": 20}, {"network": "trees", "method": "forest", "trees": 20}, {"network": "linear"}],
    ids=["boosting", "forest", "linear"],
)
def test_the_exported_graph_answers_like_the_trained_student(student, classes, tmp_path):
    recipe, rows, made = trained(table(classes), **student)
    assert export(
        made.network, made.encoder, made.valid_rows, tmp_path, temperature=made.temperature, threshold=0.5, positive=1,
        int8="never",
    ).largest_difference < 1e-5  # fmt: skip
    test = rows.part("test")
    given = encode(made.encoder, values_of(rows.frame[test], recipe.task))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    batch = batch_of(made.encoder, given, np.arange(len(test)))
    p = session.run(["probabilities"], {one.name: batch[one.name] for one in session.get_inputs()})[0]
    np.testing.assert_allclose(p, made.probabilities(given), atol=1e-5)
    assert (p.argmax(axis=1) == rows.labels[test]).mean() > 1.4 / classes


def test_trees_answer_like_the_model_that_they_were_read_from():
    from sklearn.ensemble import HistGradientBoostingClassifier

    frame = table(rows=300)
    recipe, rows, made = trained(frame, network="trees", trees=15, penalty=0.0)
    learned = np.concatenate([rows.part("train"), rows.part("valid")])
    given = encode(made.encoder, values_of(rows.frame[learned], recipe.task))
    batch = batch_of(made.encoder, given, np.arange(len(learned)))
    columns = made.network.columns(*(torch.from_numpy(batch[name]) for name in made.network.arrays)).numpy()
    assert np.isnan(columns).any()
    model = HistGradientBoostingClassifier(
        random_state=0, max_iter=15, max_leaf_nodes=31, learning_rate=0.08, early_stopping=False, min_samples_leaf=5
    ).fit(columns, rows.labels[learned])
    with torch.no_grad():
        logits = made.network(*(torch.from_numpy(batch[name]) for name in made.network.arrays)).numpy()
    np.testing.assert_allclose(logits[:, 1] - logits[:, 0], model.decision_function(columns), atol=1e-5)


def test_thresholds_are_rounded_so_that_no_comparison_changes():
    random = np.random.default_rng(0)
    values = random.normal(size=1000).astype(np.float32)
    middle = (values[1:].astype(np.float64) + values[:-1].astype(np.float64)) / 2
    exact = values[:, None].astype(np.float64) <= middle
    assert np.array_equal(values[:, None] <= rounded_down(middle), exact)
    assert (rounded_down(values.astype(np.float64)) == values).all()


def test_a_forest_whose_trees_agree_makes_nothing_of_the_last_bit_of_their_sum():
    random = np.random.default_rng(0)
    a = random.normal(size=400)
    frame = pl.DataFrame(
        {"a": a, "b": random.normal(size=400), "kind": ["x"] * 400, "label": np.where(a > 0, "p", "n")}
    )
    _, _, made = trained(frame, network="trees", method="forest", trees=110)
    batch = batch_of(made.encoder, made.valid_rows, np.arange(len(made.valid_rows)))
    arrays = [torch.from_numpy(batch[name]) for name in made.network.arrays]
    with torch.no_grad():
        logits = made.network(*arrays)
        made.network.start += 1e-6  # as much as the order of a sum changes
        moved = made.network(*arrays)
    assert float((logits - moved).abs().max()) < 1e-3


def test_nodes_of_one_leaf_answer_the_start():
    _, _, made = trained(table(rows=60), network="trees", method="forest", trees=2)
    leaf = np.zeros(1, dtype=np.int64)
    made.network.set_nodes(
        Nodes(leaf, np.zeros(1, np.float32), leaf, leaf, leaf > 0, np.full((1, 1), 0.25, np.float32), leaf, 0,
              np.zeros(1, np.float32))
    )  # fmt: skip
    p = made.probabilities(made.valid_rows)
    assert np.ptp(p[:, 1]) == 0.0


def test_categories_alone_are_learned_without_a_warning():
    frame = table().with_columns(shape=pl.Series(np.random.default_rng(1).choice(["s", "t"], 400)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe, rows, made = trained(frame, ("kind", "shape"), network="linear")
    given = encode(made.encoder, values_of(rows.frame, recipe.task))
    said = made.network(*(torch.from_numpy(one) for one in batch_of(made.encoder, given, np.arange(400)).values()))
    assert float((said.argmax(dim=1).numpy() == rows.labels).mean()) > 0.6


def test_what_is_solved_at_once_uses_no_other_loss():
    for student in ({"network": "trees"}, {"network": "linear"}):
        with pytest.raises(LimbeckError, match="is solved at once from labels"):
            recipe, rows, _ = trained(table(rows=60), network="linear")
            other = parse_recipe({**recipe.model_dump(mode="json", exclude_none=True), "student": student,
                                  "objective": {"losses": {"hinge": 1.0}}})  # fmt: skip
            train_student(other, rows, folders=[])
