"""Strange heartbeats: an autoencoder beside an isolation forest, from the same verbs."""

import csv
import json

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.select import encode, values_of
from limbeck.training.anomaly import train_detector
from signals import records, signal_recipe, write_record
from small import limbeck as command

STRANGE = {"kind": "anomaly-signal", "normal": "N", "classes": None}


def recipe(**sections):
    training = {"epochs": 12, "batch_size": 32, "learning_rate": 0.005, "patience": 12, **sections.pop("training", {})}
    given = {"task": STRANGE, "training": training, "evaluation": {"baseline": True}}
    return signal_recipe("autoencoder1d", **given, **sections)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return records(tmp_path_factory.mktemp("hearts"))


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    return limbeck.train(recipe(), data=folder, out=tmp_path_factory.mktemp("b") / "strange")


def test_it_learns_normal_beats_and_finds_the_others(trained, folder):
    rows = prepare(recipe(), folder)
    assert not rows.labels[rows.part("train")].any()
    assert rows.labels[rows.part("test")].any()
    assert trained.metrics["roc_auc"] > 0.9
    forest, majority = trained.baselines
    assert majority["class"] == "normal"
    assert forest["name"] == "isolation forest"
    assert 0.5 < forest["roc_auc"] <= 1.0
    page = (trained.bundle / "report.html").read_text("utf-8")
    assert "isolation forest" in page
    assert 'class="trace"' in page or trained.metrics["accuracy"] == 1.0  # the worst beats are drawn


def test_the_bundle_gives_the_trained_scores(trained, folder):
    rows = prepare(recipe(), folder)
    student = train_detector(recipe(), rows, folders=[folder])
    values = values_of(rows.frame, recipe().task)
    expected = student.probabilities(encode(student.encoder, values))
    with limbeck.load(trained.bundle) as detector:
        np.testing.assert_allclose(detector.predict_proba(values), expected, rtol=1e-4, atol=1e-5)
        with pytest.raises(LimbeckError, match="gives no maps"):
            detector.maps(values)


def test_shape_and_rhythm_are_judged_apart(folder):
    rows = prepare(recipe(), folder)
    normal = rows.frame[np.flatnonzero((rows.labels == 0) & (rows.split == "test"))]
    early = normal.with_columns(pl.col("rr_before") * 0.5)  # the same windows, premature
    for beside, moved in ((0.5, True), (0.0, False)):
        one = recipe(student={"beside": beside})
        student = train_detector(one, rows, folders=[folder])
        plain, changed = (student.probabilities(encode(student.encoder, frame))[:, 1] for frame in (normal, early))
        assert bool((changed > plain).mean() > 0.9) == moved
        assert moved or np.array_equal(plain, changed)


def test_a_record_is_answered_beat_by_beat_from_the_command_line(trained, tmp_path):
    header = write_record(tmp_path / "new", "h99", 99)
    done = command(
        "predict", trained.bundle, header, tmp_path / "beats.csv", "--columns", "record,time,class,p:anomaly"
    )
    assert done.returncode == 0, done.stderr
    with (tmp_path / "beats.csv").open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert {row["class"] for row in rows} == {"normal", "anomaly"}
    done = command("evaluate", trained.bundle, tmp_path / "new", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["roc_auc"] > 0.8


def test_a_network_of_classifiers_is_refused_by_name(folder, tmp_path):
    with pytest.raises(LimbeckError, match="cnn-lstm"):
        limbeck.train(signal_recipe(task=STRANGE), data=folder, out=tmp_path / "b")


def test_changed_windows_are_learned_and_rhythm_may_be_left_out(folder):
    bare = recipe(input={"signal": {"rate": 120, "before": 0.3, "after": 0.4, "rhythm": False}},
                  training={"epochs": 2, "signals": {"noise": 0.1, "shift": 0.05}})  # fmt: skip
    student = train_detector(bare, prepare(bare, folder), folders=[folder])
    assert student.network.shares == (1.0,)
    assert student.network.arrays == ("beats",)
