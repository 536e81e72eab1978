"""Figures on rows that a bundle learned from are never shown as if they meant something."""

import json

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.bundle.training_hashes import FILE
from limbeck.cli import tables
from limbeck.messages.message import message
from limbeck.recipe import parse_recipe
from pictures import class_folders, tiny
from small import reviews, tiny_recipe, write_csv

PRAISE = ("above", "are well calibrated", "fairly calibrated", "is better")


@pytest.fixture(scope="module")
def table(tmp_path_factory, rows_folder):
    """The rows of `rows_folder`, and 40 near copies of train rows."""
    rows = reviews(400)
    near = [{**row, "id": f"n{k}", "text": row["text"] + "啊"} for k, row in enumerate(rows) if row["split"] == "train"]
    return write_csv(tmp_path_factory.mktemp("seen") / "all.csv", rows + near[:40])


def evaluated(bundle, data, **how):
    return limbeck.evaluate(bundle, data, bootstrap=50, **how)


def test_the_warning_leads_and_new_rows_stand_beside(bundles, rows_folder, tmp_path):
    found = evaluated(bundles(), rows_folder / "reviews.csv", report=tmp_path / "r.html")
    alone = evaluated(bundles(), rows_folder / "reviews.csv", where={"split": "test"})
    assert {name: found["seen"][name] for name in ("rows", "near", "of", "new")} == {
        "rows": 320, "near": 0, "of": 400, "new": 80,
    }  # fmt: skip
    assert found["seen"]["unseen"]["accuracy"] == alone["accuracy"]
    assert found["seen"]["unseen"]["roc_auc"] == alone["roc_auc"]
    assert found["warnings"][0].startswith(
        "The bundle was trained on 320 of these 400 rows, so these figures are too optimistic."
    )
    assert not any(words in found["verdict"] for words in PRAISE)
    page = (tmp_path / "r.html").read_text("utf-8")
    assert page.index('class="alarm"') < page.index('class="verdict"')
    for words in (found["warnings"][0], "该模型包曾用这 400 个样本中的 320 个训练或选择模型", "在它未见过的样本上"):
        assert words in page
    assert "TF-IDF" not in page  # the baseline as it was measured on other rows
    assert (alone["seen"], alone["warnings"]) == (None, [])


def test_rows_that_chose_the_epoch_count_as_seen(bundles, rows_folder):
    found = evaluated(bundles(), rows_folder / "reviews.csv", where={"split": "valid"})
    assert (found["seen"]["rows"], found["seen"]["new"], found["seen"]["unseen"]) == (80, 0, None)
    assert "Too few rows are new to it (0)" in found["warnings"][0]


def test_near_copies_of_seen_texts_are_not_new(bundles, table):
    found = evaluated(bundles(), table)
    assert (found["seen"]["near"], found["seen"]["new"]) == (40, 80)
    assert "40 more are near copies of those." in found["warnings"][0]


def test_of_several_bundles_the_one_that_saw_the_rows_is_named(bundles, rows_folder, tmp_path):
    write_csv(tmp_path / "reviews.csv", reviews(400, seed=7))
    other = limbeck.train(tiny_recipe("ngram"), data=tmp_path, out=tmp_path / "other").bundle
    result = limbeck.compare([bundles(), other], rows_folder / "reviews.csv", bootstrap=50)
    assert result["seen"]["other"] is None and result["seen"]["ngram"]["rows"] == 320
    assert result["warnings"] == ["ngram was trained on 320 of these 400 rows, so these figures are too optimistic."]
    (pair,) = result["pairs"]
    assert pair["unseen"]["n"] == 80 and pair["verdict"].startswith("on the 80 rows that are new to both, ")
    assert pair["better"] == pair["unseen"]["better"]
    (pair,) = limbeck.compare([bundles(), other], rows_folder / "reviews.csv", where={"split": "train"})["pairs"]
    assert (pair["better"], pair["verdict"][:15]) == (None, "nothing follows")
    clean = limbeck.compare([bundles(), other], rows_folder / "reviews.csv", where={"split": "test"}, bootstrap=50)
    assert clean["warnings"] == [] and "unseen" not in clean["pairs"][0]


def test_pictures_are_known_by_their_content_whatever_they_are_called(tmp_path):
    bundle = limbeck.train(tiny(), data=class_folders(tmp_path / "one", each=20), out=tmp_path / "b").bundle
    for file in (tmp_path / "one").rglob("*.*"):
        (tmp_path / "two" / file.parent.name).mkdir(parents=True, exist_ok=True)
        (tmp_path / "two" / file.parent.name / f"again-{file.name}").write_bytes(file.read_bytes())
    found = evaluated(bundle, tmp_path / "two")
    assert (found["n"], found["seen"]["rows"]) == (40, 36)


def test_what_an_estimator_saved_knows_its_rows_too(tmp_path):
    from limbeck.estimator import DistilledClassifier

    rows = pl.DataFrame(reviews(120))
    model = DistilledClassifier(kind="text", epochs=1).fit(rows["text"].to_list(), rows["label"].to_list())
    rows.write_csv(tmp_path / "rows.csv")
    found = evaluated(model.save(tmp_path / "saved"), tmp_path / "rows.csv")
    assert found["seen"]["rows"] == 120
    few = DistilledClassifier(kind="text", epochs=1).fit(rows["text"].to_list()[:40], rows["label"].to_list()[:40])
    stored = json.loads((few.save(tmp_path / "few") / "metrics.json").read_text("utf-8"))
    assert stored["seen"]["rows"] == stored["seen"]["of"] == 40  # judged on the rows that it learned from
    assert 'class="alarm"' in (tmp_path / "few" / "report.html").read_text("utf-8")


def test_where_nothing_can_tell_it_says_so(own_bundle, rows_folder, tmp_path):
    manifest = json.loads((own_bundle / "bundle.json").read_text("utf-8"))
    (own_bundle / FILE).unlink()
    manifest["files"].pop(FILE)
    (own_bundle / "bundle.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert evaluated(own_bundle, rows_folder / "reviews.csv")["findings"][0] == message("evaluation.split_column")
    result = limbeck.compare([own_bundle, own_bundle], rows_folder / "reviews.csv", bootstrap=10)
    assert all(line.endswith(message("evaluation.split_column")) for line in result["warnings"]) and result["warnings"]


def test_rows_of_few_values_are_neither_seen_nor_new(tmp_path):
    random = np.random.default_rng(0)
    frame = pl.DataFrame({name: random.choice(3, 400) for name in ("a", "b")})
    frame = frame.with_columns(label=pl.Series(np.where(frame["a"] + random.normal(size=400) > 1, "yes", "no")))
    frame.write_csv(tmp_path / "rows.csv")
    raw = {
        "task": {"kind": "table", "input": ["a", "b"]},
        "data": {"train": "rows.csv", "split": {"valid": 0.2, "test": 0.2}},
        "input": {"encoder": "table"}, "student": {"network": "mlp", "hidden": 4}, "training": {"epochs": 1},
        "evaluation": {"bootstrap": 10, "baseline": False}, "export": {"int8": "never"},
    }  # fmt: skip
    bundle = limbeck.train(parse_recipe(raw), data=tmp_path, out=tmp_path / "b").bundle
    found = evaluated(bundle, tmp_path / "rows.csv")
    assert (found["seen"], found["findings"][0]) == (None, message("evaluation.not_identified"))


def test_on_a_terminal_the_warning_is_red(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    tables.warnings(["The bundle learned from 1 of these 2 rows."])
    assert "\x1b[1;31mWarning. The bundle learned" in capsys.readouterr().out
