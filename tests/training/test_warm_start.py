"""A student that begins from a bundle answers like it before the first step, and is refused where it does not fit."""

import numpy as np
import polars as pl
import pytest

import limbeck
import pictures
from limbeck import registry
from limbeck.errors import LimbeckError
from limbeck.recipe import parse_recipe
from small import reviews, tiny_recipe, write_csv

STILL = {"epochs": 1, "learning_rate": 1e-9, "weight_decay": 0.0}
TEXTS = [row["text"] for row in reviews(60, seed=3)]


def weights(bundle):
    return (bundle / "weights.safetensors").read_bytes()


def table_recipe(**training):
    return parse_recipe(
        {
            "task": {"kind": "table", "input": ["a", "b", "kind"]},
            "data": {"train": "rows given in Python"},
            "student": {"network": "mlp", "hidden": 8},
            "training": {"epochs": 3, "learning_rate": 0.01, "device": "cpu", "precision": "fp32", **training},
            "evaluation": {"bootstrap": 20, "baseline": False},
            "export": {"int8": "never"},
        }
    )


@pytest.mark.parametrize("network", ["ngram", "gru", "textcnn", "albert"])
def test_a_student_of_texts_begins_where_the_bundle_ended(network, bundles, rows_folder, tmp_path):
    still = tiny_recipe(network, training=STILL)
    # Other rows, whose own encoder and scale would be others.
    write_csv(tmp_path / "reviews.csv", reviews(300, seed=7))
    again = limbeck.train(still, data=tmp_path, out=tmp_path / "again", start=bundles(network)).bundle
    with limbeck.load(bundles(network)) as first, limbeck.load(again) as second:
        assert second.manifest.input == first.manifest.input
        logits = [np.log(c.predict_proba(TEXTS)) * c.manifest.temperature for c in (first, second)]
        one, other = (values[:, 1] - values[:, 0] for values in logits)
        assert np.allclose(one, other, atol=0.02)
    cold = limbeck.train(still, data=tmp_path, out=tmp_path / "cold").bundle
    assert weights(cold) != weights(again)


def test_a_key_of_the_recipe_says_the_same_and_the_run_can_be_resumed(bundles, rows_folder, tmp_path):
    recipe = tiny_recipe("gru", student={"init": f"bundle:{bundles('gru')}"})
    first = limbeck.train(recipe, data=rows_folder, out=tmp_path / "first").bundle
    second = limbeck.train(tiny_recipe("gru"), data=rows_folder, out=tmp_path / "second", start=bundles("gru")).bundle
    assert weights(first) == weights(second) != weights(bundles("gru"))
    token = limbeck.Token()

    def late(event):
        if event.stage == "fit" and event.done > 3:
            token.cancel()

    with pytest.raises(limbeck.Cancelled):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "cut", progress=late, cancel=token)
    assert weights(limbeck.train(recipe, data=rows_folder, out=tmp_path / "cut", resume=True).bundle) == weights(first)


def test_a_model_of_the_registry_is_a_start(bundles, rows_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    registry.add(bundles("gru"), "reviews")
    for how in ({"start": "models:reviews"}, {"settings": ["student.init=bundle:models:reviews"]}):
        out = tmp_path / next(iter(how))
        again = limbeck.train(tiny_recipe("gru", training=STILL), data=rows_folder, out=out, **how)
        with limbeck.load(again.bundle) as classifier, limbeck.load(bundles("gru")) as first:
            assert classifier.predict(TEXTS[:20]) == first.predict(TEXTS[:20])


def test_tables_and_pictures_begin_from_bundles_too(tmp_path):
    random = np.random.default_rng(0)
    rows = pl.DataFrame(
        {"a": random.normal(size=200), "b": random.normal(size=200), "kind": random.choice(["x", "y"], 200)}
    ).with_columns(label=pl.when(pl.col("a") > pl.col("b")).then(pl.lit("up")).otherwise(pl.lit("down")))
    first = limbeck.train(table_recipe(), data=rows, out=tmp_path / "first").bundle
    again = limbeck.train(table_recipe(**STILL), data=rows.head(100), out=tmp_path / "again", start=first).bundle
    with limbeck.load(first) as one, limbeck.load(again) as other:
        assert one.predict(rows) == pytest.approx(other.predict(rows)) or _alike(one, other, rows) > 0.95
    pictures.class_folders(tmp_path / "pictures", 24)
    seen = limbeck.train(pictures.tiny(), data=tmp_path / "pictures", out=tmp_path / "seen").bundle
    more = limbeck.train(pictures.tiny(training=STILL), data=tmp_path / "pictures", out=tmp_path / "more", start=seen)
    assert more.bundle.is_dir()


def _alike(one, other, rows):
    return np.mean(np.array(one.predict(rows)) == np.array(other.predict(rows)))


@pytest.mark.parametrize(
    ("network", "sections", "line"),
    [
        ("gru", {}, r"its network is 'ngram', that of the recipe 'gru'"),
        ("ngram", {"task": {"classes": {"1": "good", "0": "bad"}}}, r"its classes are \['bad', 'good'\], those of the"),
        ("ngram", {"task": {"classes": {"0": "no", "1": "yes"}}}, r"its classes are \['bad', 'good'\], those of the"),
        ("ngram", {"input": {"ngrams": [1, 3]}}, r"its input\.ngrams is \[1, 2\], those of the recipe \[1, 3\]"),
        ("ngram", {"input": {"max_length": 32}}, r"its input\.max_length is 64, that of the recipe 32"),
        ("ngram", {"student": {"hidden": 8}}, "its weights do not fit the network of the recipe"),
    ],
)
def test_what_does_not_fit_is_one_line(network, sections, line, bundles, rows_folder, tmp_path):
    recipe = tiny_recipe(network, **sections)
    with pytest.raises(LimbeckError, match=line) as caught:
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out", start=bundles("ngram"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_start_that_is_not_there_or_damaged_is_one_line(own_bundle, rows_folder, tmp_path):
    recipe = tiny_recipe(student={"init": "bundle:nothing"})
    with pytest.raises(LimbeckError, match=r"bundle:nothing: the start of the student is missing; check student\.init"):
        limbeck.train(recipe, data=rows_folder, out=tmp_path / "out")
    optional = tiny_recipe(student={"init": {"path": "bundle:nothing", "optional": True}})
    assert limbeck.train(optional, data=rows_folder, out=tmp_path / "out").bundle.is_dir()
    (own_bundle / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(LimbeckError, match=r"weights\.safetensors: damaged"):
        limbeck.train(tiny_recipe(), data=rows_folder, out=tmp_path / "other", start=own_bundle)
