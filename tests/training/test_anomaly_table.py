"""Anomalies in tables: an autoencoder beside an isolation forest, from the same verbs."""

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.dataset.prepare import prepare
from limbeck.kinds.select import batch_of, encode, values_of
from limbeck.recipe import parse_recipe
from limbeck.training.anomaly import train_detector


def recipe(**sections):
    raw = {
        "task": {"kind": "anomaly-table", "input": ["a", "b", "c", "kind"], "label": "label", "normal": "ok"},
        "data": {"train": "rows.csv"},
        "student": {"network": "autoencoder", "hidden": 16, "middle": 2},
        "training": {
            "epochs": 30, "batch_size": 32, "learning_rate": 0.01, "patience": 30, "threads": 1, "device": "cpu",
            "precision": "fp32",
        },
        "evaluation": {"bootstrap": 20},
    }  # fmt: skip
    for name, values in sections.items():
        raw[name] = {**raw.get(name, {}), **values}
    return parse_recipe(raw)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home, random = tmp_path_factory.mktemp("table"), np.random.default_rng(0)
    hidden = random.normal(0, 1, 600)
    frame = pl.DataFrame(
        {
            "a": hidden + random.normal(0, 0.1, 600),
            "b": 2 * hidden + random.normal(0, 0.1, 600),
            "c": -hidden + random.normal(0, 0.1, 600),
            "kind": np.where(hidden > 0, "up", "down"),
            "label": np.where(np.arange(600) < 500, "ok", np.where(np.arange(600) < 550, "fraud", "fault")),
        }
    )
    # What is strange is that the columns do not fit each other; each alone is as usual.
    strange = np.arange(600) >= 500
    b = frame["b"].to_numpy().copy()
    b[strange] = -b[strange]
    frame.with_columns(b=pl.Series(b)).write_csv(home / "rows.csv")
    return home


def test_an_autoencoder_finds_what_does_not_fit_and_its_bundle_says_the_same(folder, tmp_path):
    trained = limbeck.train(recipe(), data=folder, out=tmp_path / "bundle")
    assert trained.metrics["roc_auc"] > 0.9
    assert "image_auroc" not in trained.metrics
    forest, majority = trained.baselines
    assert majority["class"] == "normal"
    assert forest["name"] == "isolation forest"
    assert trained.metrics["roc_auc"] > forest["roc_auc"] > 0.5
    rows = prepare(recipe(), folder)
    student = train_detector(recipe(), rows, folders=[folder])
    values = values_of(rows.frame, recipe().task)
    arrays = batch_of(student.encoder, encode(student.encoder, values), np.arange(len(values)))
    assert set(arrays) == {"numbers", "missing", "categories"}
    with Classifier(trained.bundle) as classifier:
        expected = student.probabilities(encode(student.encoder, values))
        np.testing.assert_allclose(classifier.predict_proba(values), expected, rtol=1e-4, atol=1e-6)
        normal = rows.part("valid")[rows.labels[rows.part("valid")] == 0]
        assert (classifier.predict_proba(values[normal.tolist()])[:, 1] >= 0.5).mean() < 0.25
        assert not classifier.mapped


def test_a_table_without_labels_is_all_normal_and_ends_below_the_stated_share(folder, tmp_path):
    normal = pl.read_csv(folder / "rows.csv").filter(pl.col("label") == "ok").drop("label")
    normal.write_csv(tmp_path / "rows.csv")
    rows = prepare(recipe(), tmp_path)
    assert not rows.labels.any()
    student = train_detector(recipe(training={"epochs": 3}), rows, folders=[tmp_path])
    alarms = student.probabilities(student.valid_rows)[:, 1] >= 0.5
    assert alarms.mean() <= 0.05


def test_normal_rows_without_a_recipe_become_a_bundle_that_finds_what_does_not_fit(folder, tmp_path):
    frame = pl.read_csv(folder / "rows.csv")
    normal = frame.filter(pl.col("label") == "ok").drop("label")
    limbeck.train(normal, task="anomaly", out=tmp_path / "bundle", settings=["evaluation.bootstrap=0"])
    with Classifier(tmp_path / "bundle") as classifier:
        assert classifier.manifest.task.kind == "anomaly-table"
        p = classifier.predict_proba(frame)[:, 1]
    strange = (frame["label"] != "ok").to_numpy()
    assert (p[~strange] >= 0.5).mean() < 0.15
    assert (p[strange] >= 0.5).mean() > 0.8
