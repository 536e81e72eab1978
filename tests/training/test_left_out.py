"""Temperature and threshold from groups that are left out of training in turn."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.bundle.manifest import read_manifest
from limbeck.errors import LimbeckError
from limbeck.evaluation.evaluate import evaluate
from limbeck.metrics.fitted.conformal import USUAL
from limbeck.recipe import parse_recipe
from small import tiny_recipe


def sites(count=900, seed=0):
    """Rows of a table from nine sites; a site moves the numbers by far more than two rows of it differ."""
    random = np.random.default_rng(seed)
    site = np.repeat(np.arange(9), count // 9)
    y = random.integers(0, 2, len(site))
    moved = random.normal(0, 1.5, 9)[site]
    one = 2.0 * y + moved + random.normal(0, 0.3, len(site))
    two = np.round(site + random.normal(0, 0.01, len(site)), 4)
    part = np.where(site >= 6, "test", np.where(random.random(len(site)) < 0.15, "valid", "train"))
    return pl.DataFrame(
        {"one": one.round(4), "two": two, "label": y.astype(str), "site": [f"s{k}" for k in site], "split": part}
    )


def recipe(**evaluation):
    return parse_recipe(
        {
            "task": {"kind": "table", "input": ["one", "two"], "classes": {"0": "no", "1": "yes"}},
            "data": {"train": "rows.csv", "split": "split"},
            "student": {"network": "mlp"},
            "training": {"epochs": 15, "batch_size": 32, "learning_rate": 0.01, "threads": 1},
            "evaluation": {"bootstrap": 0, "baseline": False, **evaluation},
            "export": {"int8": "never"},
        }
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A bundle whose threshold is of its valid rows, and one whose threshold is of sites left out."""
    place = tmp_path_factory.mktemp("sites")
    sites().write_csv(place / "rows.csv")
    return {
        name: limbeck.train(recipe(**wish), data=place, out=place / name).bundle
        for name, wish in {"valid": {}, "left": {"leave_out": {"group": "site", "folds": 6}}}.items()
    }


def test_probabilities_of_new_groups_are_less_overconfident_and_sets_hold_more(made):
    rows = sites().filter(pl.col("split") == "test")
    plain, left = (evaluate(made[name], rows, bootstrap=0) for name in ("valid", "left"))
    assert left["ece"] < plain["ece"]
    assert left["brier"] < plain["brier"]
    assert left["roc_auc"] == pytest.approx(plain["roc_auc"])  # the student is the same
    assert left["sets"]["coverage"] > plain["sets"]["coverage"]
    assert left["sets"]["stated"] == USUAL


def test_bundle_metrics_card_and_findings_say_how_it_was_chosen(made):
    manifest, stored = read_manifest(made["left"]), json.loads((made["left"] / "metrics.json").read_text("utf-8"))
    found = stored["operating_point"]
    assert (found["group"], found["folds"]) == ("site", 6)
    assert found["rows"] == sites().filter(pl.col("split") != "test").height
    assert found["worst_accuracy"] == min(one["accuracy"] for one in found["groups"].values())
    assert found["worst_group"] in {f"s{k}" for k in range(6)}  # no row of test was looked at
    assert {one["code"] for one in stored["messages"] if one} >= {"evaluation.left_out", "evaluation.left_out_worst"}
    assert manifest.sets.source == "left out"
    assert len(manifest.offset) == 2
    card = (made["left"] / "README.md").read_text("utf-8")
    assert "chosen on rows of groups left out of training in turn (`site`)" in card
    assert "operating_point" not in json.loads((made["valid"] / "metrics.json").read_text("utf-8"))
    assert read_manifest(made["valid"]).offset == []


def test_a_sensitivity_asked_for_is_reached_on_the_groups_left_out(tmp_path):
    sites().write_csv(tmp_path / "rows.csv")
    wish = {"threshold": {"sensitivity": 0.9}, "leave_out": {"group": "site", "folds": 3}}
    out = limbeck.train(recipe(**wish), data=tmp_path, out=tmp_path / "out").bundle
    found = json.loads((out / "metrics.json").read_text("utf-8"))["operating_point"]
    assert found["recall"]["yes"] == pytest.approx(0.9, abs=0.01)


def test_a_column_that_is_missing_or_of_one_group_is_refused_before_training(rows_folder, tmp_path):
    for group, line in (("sight", "sight"), ("split_", "split_")):
        with pytest.raises(LimbeckError, match=line):
            limbeck.train(tiny_recipe(evaluation={"leave_out": {"group": group}}), data=rows_folder, out=tmp_path / "x")
    rows = sites().with_columns(site=pl.lit("here"))
    rows.write_csv(tmp_path / "rows.csv")
    with pytest.raises(LimbeckError, match="fewer than two groups in 'site'"):
        limbeck.train(recipe(leave_out={"group": "site"}), data=tmp_path, out=tmp_path / "x")
    assert not (tmp_path / "x").exists()
    wish = {"group": "site", "optional": True}
    out = limbeck.train(recipe(leave_out=wish), data=tmp_path, out=tmp_path / "x").bundle
    assert read_manifest(out).sets.source == "valid"
