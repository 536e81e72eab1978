"""A bundle holds the limits of size and speed that are given, is made smaller for them, or is refused in one line."""

import json

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.cli import main as cli
from limbeck.errors import LimbeckError
from limbeck.kinds.text.portfolio import smaller as smaller_text
from limbeck.networks import NETWORKS
from limbeck.recipe import Export, Input, load_recipe, parse_recipe
from limbeck.recipe.amounts import size_text
from limbeck.training.limits import SizeAndSpeed, size_of

WORDS = """
[task]
kind = "text"
input = "comment"
[data]
train = "comments.csv"
[input]
encoder = "ngrams"
buckets = 0
min_count = 1
ngrams = [1, 4]
[student]
network = "ngram"
[objective]
losses = { hinge = 1.0 }
[training]
optimizer = "liblinear"
[evaluation]
baseline = false
bootstrap = 0
"""
CANDIDATES = """
[export]
max_size = "150KB"
[selection]
folds = 2
repeats = 1
[selection.candidates]
long.input = { ngrams = [1, 4] }
short.input = { ngrams = [1, 2] }
"""


def table(folder, n=300):
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, n))
    pl.DataFrame({"a": a, "b": b, "label": np.where(a * b > 0.0, "yes", "no")}).write_csv(folder / "rows.csv")
    return folder / "rows.csv"


def texts(folder, more="", n=160):
    random = np.random.default_rng(0)
    words = {"good": ["great", "love it", "works well"], "bad": ["broken", "too late", "want it back"]}
    rows = [
        {"comment": f"{', '.join(random.choice(words[label], 2))} {random.bytes(60).hex()}", "label": label}
        for label in ["good", "bad"] * (n // 2)
    ]
    pl.DataFrame(rows).write_csv(folder / "comments.csv")
    (folder / "recipe.toml").write_text(WORDS + more)
    return folder / "recipe.toml"


def facts_of(bundle):
    return json.loads((bundle / "metrics.json").read_text("utf-8"))


def test_a_candidate_that_is_too_large_gives_way_to_one_that_is_not(tmp_path):
    made = limbeck.train(texts(tmp_path, CANDIDATES), out=tmp_path / "bundle")
    assert size_of(made.bundle) <= 150_000
    found = facts_of(made.bundle)
    assert found["limits"]["left_out"]["long"]["size"] > 150_000
    assert [one["code"] for one in found["limits"]["messages"]] == ["limits.too_large", "limits.size_held"]
    assert [one["name"] for one in found["candidates"]["compared"]] == ["short"]
    page, card = ((made.bundle / name).read_text("utf-8") for name in ("report.html", "README.md"))
    assert "long is not used: its bundle is" in page
    assert "未采用 long" in page
    assert "## Limits" in card
    again = limbeck.train(made.bundle / "recipe.toml", data=tmp_path, out=tmp_path / "again")
    models = [(place / "model.onnx").read_bytes() for place in (made.bundle, again.bundle)]
    assert models[0] == models[1]


def test_texts_get_a_smaller_vocabulary_where_nothing_else_is_small_enough(tmp_path):
    recipe = texts(tmp_path)
    made = limbeck.train(recipe, out=tmp_path / "bundle", settings=["export.max_size=150KB"])
    assert size_of(made.bundle) <= 150_000
    settled = load_recipe(made.bundle / "recipe.toml")
    assert (settled.input.min_count, settled.export.max_size) == (2, 150_000)
    codes = [one["code"] for one in facts_of(made.bundle)["limits"]["messages"]]
    assert (codes[:2], codes[-1]) == (["limits.too_large", "limits.smaller"], "limits.size_held")
    with limbeck.load(made.bundle) as classifier:
        assert classifier.predict(["great, love it"]) == ["good"]


def test_weights_for_further_training_are_left_out_before_the_model_is_made_smaller(tmp_path):
    recipe = texts(tmp_path)
    free = limbeck.train(recipe, out=tmp_path / "free", settings=["export.int8=never"])
    parts = {name: (free.bundle / name).stat().st_size for name in ("model.onnx", "weights.safetensors")}
    most = size_of(free.bundle) - parts["weights.safetensors"] // 2
    made = limbeck.train(recipe, out=tmp_path / "b", settings=[f"export.max_size={most}", "export.int8=never"])
    assert size_of(made.bundle) <= most
    assert not (made.bundle / "weights.safetensors").exists()
    assert (made.bundle / "model.onnx").stat().st_size == parts["model.onnx"]
    assert not load_recipe(made.bundle / "recipe.toml").export.weights
    with pytest.raises(LimbeckError, match=r"was made without its weights \(export\.weights\)"):
        limbeck.train(recipe, out=tmp_path / "c", start=made.bundle)


def test_a_speed_that_nothing_reaches_is_one_line_that_says_the_fastest(tmp_path, capsys):
    recipe, out = texts(tmp_path), tmp_path / "b"
    words = ["train", recipe, "--out", out, "--set", "export.min_rows_per_second=1e9"]
    with pytest.raises(SystemExit) as ended:
        cli.run(list(map(str, words)))
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("error: export: none of the ")
    assert "the fastest is ngram" in last
    assert not out.exists()


def test_init_writes_limits_with_their_reasons(tmp_path, capsys):
    rows = table(tmp_path)
    with pytest.raises(SystemExit):
        cli.run(["init", str(rows), "--size", "5MB", "--rows-per-second", "2000", "--budget", "2m"])
    printed = capsys.readouterr().out
    assert "# bytes of the bundle at most" in printed
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(printed)
    parsed = load_recipe(recipe)
    assert (parsed.export.max_size, parsed.export.min_rows_per_second) == (5_000_000, 2000.0)
    assert parsed.selection.budget == 120.0


@pytest.mark.parametrize(("export", "words"), [
    ({"max_size": "5 apples"}, "export.max_size: '5 apples' is not understood; give a size such as 500KB or 5MB"),
    ({"max_size": -1}, "is not understood"),
    ({"min_rows_per_second": 0}, "export.min_rows_per_second"),
])  # fmt: skip
def test_limits_that_are_none_are_one_line(export, words):
    raw = {"task": {"kind": "text"}, "data": {"train": "x.csv"}, "student": {"network": "gru"}, "export": export}
    with pytest.raises(LimbeckError, match=words):
        parse_recipe(raw)


@pytest.mark.parametrize("words", [["--size", "big"], ["--rows-per-second", "-3"]])
def test_options_that_are_no_limits_are_one_line(words, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.run(["train", str(table(tmp_path)), "--out", str(tmp_path / "b"), *words])
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err.splitlines()[-1]


def test_a_limit_given_beside_a_recipe_names_its_key(tmp_path):
    with pytest.raises(LimbeckError, match=r"set export\.max_size in the recipe"):
        limbeck.train(tmp_path / "recipe.toml", out=tmp_path / "b", size="5MB")


def test_size_and_speed_are_held_against_both_limits():
    limits = Export(max_size="1MB", min_rows_per_second=1000)
    assert SizeAndSpeed(1_000_000, 1000.0).excess(limits) == 1.0
    assert SizeAndSpeed(2_000_000, 2000.0).excess(limits) == 2.0
    assert [line.code for line in SizeAndSpeed(2_000_000, 250.0).over(limits, "x")] == [
        "limits.too_large",
        "limits.too_slow",
    ]
    assert [size_text(count) for count in (999, 14_600, 4_934_000, 12_340_000)] == [
        "999 B",
        "14.6 KB",
        "4.93 MB",
        "12.3 MB",
    ]


@pytest.mark.parametrize("name", NETWORKS)
def test_smaller_variants_of_a_network_are_valid_and_end(name):
    kind = NETWORKS[name]
    raw = {"members": [{"name": n, "weight": 0.5, "student": {"network": "linear"}} for n in "ab"]}
    options = kind.parse(raw if name == "blend" else {})
    steps = 0
    while values := kind.smaller(options):
        options = kind.parse({**options.model_dump(mode="json"), **values})
        steps += 1
    assert steps < 20


def test_smaller_inputs_of_texts_are_valid_and_end():
    for given in (Input(encoder="ngrams", word_ngrams=2), Input(encoder="ngrams", buckets=0), Input()):
        for faster in (False, True):
            made, steps = given, 0
            while values := smaller_text(made, faster=faster):
                made, steps = Input.model_validate({**made.model_dump(), **values}), steps + 1
            assert 0 < steps < 20
