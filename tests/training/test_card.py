"""The model card says what was measured, what the model learned from and how to use it, whatever its rows are."""

import json
import re
from html import unescape

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.errors import LimbeckError
from limbeck.messages.escape import in_markdown
from limbeck.recipe import parse_recipe
from pictures import class_folders, square, tiny
from small import reviews, tiny_recipe, write_csv

HOSTILE = "no`|<img src=x>[a](https://evil.example)*\u202e"


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A bundle of a table, one of whose classes and columns have names made to break a page."""
    folder = tmp_path_factory.mktemp("card")
    random = np.random.default_rng(0)
    odd = 'odd "`` | name'
    frame = pl.DataFrame({"sum": random.normal(size=300), odd: random.choice(["a", "b"], 300)})
    yes = frame["sum"].to_numpy() + 2 * (frame[odd] == "a").to_numpy() + random.normal(size=300) > 1
    frame.with_columns(label=pl.Series(np.where(yes, "yes", HOSTILE))).write_csv(folder / "rows.csv")
    raw = {
        "task": {"kind": "table", "input": ["sum", odd], "positive": "yes"},
        "data": {"train": "rows.csv", "split": {"valid": 0.2, "test": 0.3}},
        "input": {"encoder": "table"}, "student": {"network": "mlp", "hidden": 4}, "training": {"epochs": 2},
        "evaluation": {"bootstrap": 20}, "export": {"int8": "never"},
    }  # fmt: skip
    limbeck.train(parse_recipe(raw), data=folder, out=folder / "bundle")
    return folder / "bundle"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    folder = class_folders(tmp_path_factory.mktemp("card") / "squares", each=20)
    return limbeck.train(tiny(), data=folder, out=folder.parent / "bundle").bundle


def card(bundle):
    return (bundle / "README.md").read_text("utf-8")


def stored(bundle):
    return json.loads((bundle / "metrics.json").read_text("utf-8"))


def test_card_report_and_metrics_say_what_was_measured_in_the_same_words(table, bundles, picture):
    for bundle in (table, bundles(), picture):
        said = stored(bundle)["verdict"]
        assert in_markdown(said, 2000) in card(bundle)
        assert said in unescape((bundle / "report.html").read_text("utf-8"))
        assert "calibrated probability" not in card(bundle)


def test_a_card_of_a_poorly_calibrated_model_says_so(tmp_path, rows_folder):
    # Trained on half of the labels turned round, and tested on right ones: sure of itself, and wrong.
    rows = [dict(row) for row in reviews(300)]
    for at, row in enumerate(rows):
        if row["split"] == "test" and at % 2:
            row["label"] = "1" if row["label"] == "0" else "0"
    write_csv(tmp_path / "reviews.csv", rows)
    recipe = tiny_recipe("ngram", training={"epochs": 6})
    bundle = limbeck.train(recipe, data=tmp_path, out=tmp_path / "b").bundle
    ece = stored(bundle)["test"]["ece"]
    assert ece > 0.2
    assert f"its probabilities are poorly calibrated (off by {100 * ece:.1f} points on average" in card(bundle)


def test_counts_shares_threshold_date_and_size_are_there(table):
    text, found = card(table), stored(table)
    assert text.startswith("# Classifier of table rows: ") and "It reads the columns `sum`, " in text
    assert f"It answers yes, the positive class, from a probability of {found['test']['threshold']:.4f} on" in text
    assert re.search(r"Network `mlp` of [\d,]+ weights, \d+ KiB, made by Limbeck [\d.]+ on 20\d\d-\d\d-\d\d\.", text)
    rows = dict(re.findall(r"^\| (train|valid|test) \| ([\d,]+) \| [\d,]+ \(\d+%\) \| [\d,]+ \(\d+%\) \|$", text, re.M))
    assert rows == {"train": "150", "valid": "60", "test": "90"}


def test_every_column_of_the_figures_has_a_name(bundles, table):
    for bundle in (bundles(), table):
        (title,) = [line for line in card(bundle).splitlines() if line.startswith("| metric | value |")]
        names = [cell.strip() for cell in title.strip("|").split("|")]
        assert all(names) and names[3:] == [row["name"] for row in stored(bundle)["baselines"]]


def test_names_from_data_are_text_and_nothing_else(table):
    text = card(table)
    outside = re.sub(r"```python.*?```", "", text, flags=re.DOTALL)
    assert "<img" not in re.sub(r"\\<", "", outside) and "](https://" not in outside and "\u202e" not in text
    for line in outside.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 6)


@pytest.mark.parametrize("which", ["table", "text", "picture"])
def test_the_example_of_use_runs(which, table, picture, bundles, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    square("red", 7).save("picture.jpg")
    bundle = {"table": table, "text": bundles(), "picture": picture}[which]
    (code,) = re.findall(r"```python\n(.*?)```", card(bundle), re.DOTALL)
    code = code.replace("path/to/this/folder", str(bundle)).replace(
        "classifier.predict_proba", "p = classifier.predict_proba"
    )
    found: dict = {}
    exec(compile(code, "card", "exec"), found)
    assert found["p"].shape == (1, 2)


def test_an_input_that_the_rows_to_predict_lack_is_noted(table, tmp_path):
    (tmp_path / "rows.csv").write_text("summ\n1.5\n", encoding="utf-8")
    with pytest.raises(LimbeckError, match="there is no column 'sum'"):
        limbeck.predict(table, tmp_path / "rows.csv", tmp_path / "out.csv")
    (tmp_path / "rows.csv").write_text("sum,other\n1.5,a\n", encoding="utf-8")
    done = limbeck.predict(table, tmp_path / "rows.csv", tmp_path / "out.csv")
    (note,) = done.notes
    assert note.startswith("rows.csv lacks the input ") and note.endswith("taken as missing in every row")
