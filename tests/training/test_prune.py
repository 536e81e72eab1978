"""Pruned students answer faster and nearly as right, or stay whole and say why; the recipe in the bundle repeats it."""

import json

import pytest
import torch

import limbeck
from limbeck.errors import LimbeckError
from limbeck.messages.message import both
from limbeck.recipe import load_recipe, parse_recipe
from limbeck.training.pruning import prune as module
from limbeck.training.pruning.prune import Pruning
from limbeck.training.warm_start import read_weights
from small import TINY, tiny_recipe

GRU = {"network": "gru", "embedding": 16, "hidden": 16}
LEARNED = {"epochs": 6, "learning_rate": 0.02}


def pruned_recipe(**export):
    return tiny_recipe("gru", student=GRU, training=LEARNED, export={"prune": 0.5, "int8": "never", **export})


@pytest.fixture(scope="module")
def made(rows_folder, tmp_path_factory):
    return limbeck.train(pruned_recipe(), data=rows_folder, out=tmp_path_factory.mktemp("pruned") / "bundle")


def test_half_of_the_hidden_units_are_cut_out_and_the_bundle_says_what_it_did(made):
    found = json.loads((made.bundle / "metrics.json").read_text("utf-8"))["pruning"]
    assert found["kept"]
    assert found["weights"] < found["weights_before"]
    assert found["macro_f1"] >= found["macro_f1_before"] - 0.01
    assert read_weights(made.bundle)["gru.weight_hh_l0"].shape == (24, 8)
    page = (made.bundle / "report.html").read_text("utf-8")
    assert "50% of the units were pruned" in page
    assert "剪去 50% 的单元" in page
    assert load_recipe(made.bundle / "recipe.toml").export.prune == 0.5
    with limbeck.load(made.bundle) as classifier:
        assert classifier.manifest.parameters == found["weights"]


def test_training_from_the_recipe_in_the_bundle_gives_the_same_pruned_model(made, rows_folder, tmp_path):
    again = limbeck.train(made.bundle / "recipe.toml", data=rows_folder, out=tmp_path / "again")
    models = [(place / "model.onnx").read_bytes() for place in (made.bundle, again.bundle)]
    assert models[0] == models[1]


def test_a_student_that_would_lose_too_much_stays_whole(rows_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MOST_LOST", -1.0)  # nothing gains a whole macro-F1
    kept = limbeck.train(pruned_recipe(), data=rows_folder, out=tmp_path / "bundle")
    found = json.loads((kept.bundle / "metrics.json").read_text("utf-8"))
    assert not found["pruning"]["kept"]
    assert "export.not_pruned" in {one["code"] for one in found["messages"] if one}
    assert read_weights(kept.bundle)["gru.weight_hh_l0"].shape == (48, 16)
    assert load_recipe(kept.bundle / "recipe.toml").export.prune == 0.0


def test_a_wide_and_deep_student_is_pruned_in_its_deep_part(rows_folder, tmp_path):
    given = {**TINY["textcnn"]["input"], "wide": True, "buckets": 4096}
    recipe = tiny_recipe("textcnn", input=given, export={"prune": 0.5, "int8": "never"})
    made = limbeck.train(recipe, data=rows_folder, out=tmp_path / "bundle")
    found = json.loads((made.bundle / "metrics.json").read_text("utf-8"))["pruning"]
    weights = read_weights(made.bundle)
    assert weights["deep.convolutions.0.weight"].shape[0] == (4 if found["kept"] else 8)
    assert torch.equal(weights["head.weight"], weights["deep.head.weight"])


def test_what_cannot_be_pruned_is_one_line(rows_folder, tmp_path):
    with pytest.raises(LimbeckError, match="the network 'ngram' cannot be pruned"):
        limbeck.train(tiny_recipe(export={"prune": 0.5}), data=rows_folder, out=tmp_path / "bundle")
    raw = {"task": {"kind": "anomaly-table", "input": ["a"]}, "data": {"train": "x.csv"}}
    with pytest.raises(LimbeckError, match=r"export\.prune is for classifiers"):
        parse_recipe({**raw, "student": {"network": "autoencoder"}, "export": {"prune": 0.5}})


def test_what_pruning_did_is_told_in_both_languages():
    done = Pruning(0.5, 2_000_000, 900_000, 0.91234, 0.91, 0.985, 1.93, kept=True)
    english, chinese = both(done.message)
    assert english.startswith("50% of the units were pruned: 2,000,000 weights before, 900,000 after; 1.93 times")
    assert "1.93 倍" in chinese
