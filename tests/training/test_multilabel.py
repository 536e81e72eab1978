"""Several labels a row, from a table to a bundle that answers: texts, tables, teachers, and what is refused."""

import csv
import json

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

import limbeck
from limbeck.bundle.classifier import Classifier
from limbeck.cli.main import run
from limbeck.errors import LimbeckError
from limbeck.networks.text.ngram import log_count_ratio
from limbeck.recipe import parse_recipe
from limbeck.training.build import network_kind
from limbeck.training.multilabel.solve import one_vs_rest
from limbeck.training.multilabel.support import check_support
from several import NONE, WORDS, tagged_cells, tagged_texts
from small import write_csv

LABELS = tuple(sorted(WORDS))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    write_csv(folder / "texts.csv", tagged_texts(360))
    limbeck.train(folder / "texts.csv", label="tags", out=folder / "texts")
    return folder


def sparse(**more):
    """A recipe for `tagged_texts` whose network is trained step by step."""
    raw = {
        "task": {"kind": "multilabel-text", "label": "tags", "none": NONE},
        "data": {"train": "rows", "split": "split"},
        "input": {"encoder": "words", "min_count": 1, "max_length": 32},
        "student": {"network": "textcnn", "embedding": 16, "filters": 8, "widths": [1]},
        "training": {"epochs": 12, "learning_rate": 0.02, "batch_size": 32},
        "evaluation": {"bootstrap": 0, "baseline": False},
    }
    return parse_recipe({**raw, **more})


def test_a_table_alone_gives_a_bundle_that_tells_the_labels(place):
    stored = json.loads((place / "texts" / "metrics.json").read_text("utf-8"))
    assert stored["test"]["micro_f1"] > 0.95
    assert stored["test"]["macro_f1"] >= stored["baselines"][0]["macro_f1"] - 0.02
    assert stored["test"]["classes"] == list(LABELS)
    with limbeck.load(place / "texts") as bundle:
        assert bundle.classes == LABELS
        assert bundle.predict(["sweet juicy today, cheap money", "from the shop again"]) == [("price", "taste"), ()]
        p = bundle.predict_proba(["sweet juicy today, cheap money"])
        assert p.sum() > 1.5  # each label by itself
        assert bundle.predict(["", "sweet juicy"], unreadable="nan")[0] is None
        assert set(bundle.thresholds) == set(LABELS)


def test_the_report_speaks_both_languages_and_the_card_names_each_label(place):
    page = (place / "texts" / "report.html").read_text("utf-8")
    for words in ("Subset accuracy", "子集准确率", "Hamming loss", "汉明损失", "TF-IDF + linear SVM, one-vs-rest"):
        assert words in page
    assert "several_" not in page
    card = (place / "texts" / "README.md").read_text("utf-8")
    assert all(f"| {name} |" in card for name in LABELS)
    assert "left out of train and valid in turn" in card


def test_answers_to_a_file_and_to_rows_in_memory_are_the_same(place):
    limbeck.predict(place / "texts", place / "texts.csv", place / "out.csv")
    with (place / "out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "label", *(f"p:{name}" for name in LABELS)]
    told = limbeck.predict(place / "texts", pl.read_csv(place / "texts.csv"))
    assert told["label"].to_list() == [row["label"] for row in rows]
    np.testing.assert_allclose(told["p:taste"].to_numpy(), [float(row["p:taste"]) for row in rows], atol=1e-5)
    wanted = ["|".join(sorted(row["tags"].split("|"))) for row in tagged_texts(360)]
    assert np.mean([row["label"] == one for row, one in zip(rows, wanted, strict=True)]) > 0.9


def test_an_evaluation_later_says_what_training_said(place, tmp_path):
    report = tmp_path / "r.html"
    found = limbeck.evaluate(place / "texts", place / "texts.csv", where={"split": "test"}, report=report, lang="zh")
    stored = json.loads((place / "texts" / "metrics.json").read_text("utf-8"))
    assert found["micro_f1"] == pytest.approx(stored["test"]["micro_f1"])
    assert not found["warnings"]
    assert "Micro-F1" in str(found["verdict"])
    assert 'class="alarm"' not in report.read_text("utf-8")
    renamed = [{"text": row["text"], "etiketten": row["tags"]} for row in tagged_texts(360)]
    again = limbeck.evaluate(place / "texts", renamed, rename={"etiketten": "tags"}, bootstrap=0, report=report)
    assert again["n"] == 360
    assert again["warnings"]  # it has learned from most of them, and the page begins with that
    assert 'class="alarm"' in report.read_text("utf-8")


def test_an_unknown_label_is_named_with_its_row(place):
    rows = [{"text": "sweet", "tags": "taste|smell"}]
    with pytest.raises(LimbeckError, match="smell"):
        limbeck.evaluate(place / "texts", rows)


def test_verbs_for_one_label_refuse_in_one_line(place, tmp_path):
    what = "several labels each"
    with pytest.raises(LimbeckError, match=what):
        Classifier(place / "texts")
    with pytest.raises(LimbeckError, match=what):
        limbeck.recalibrate(place / "texts", place / "texts.csv", out=tmp_path / "b")
    with pytest.raises(LimbeckError, match=what):
        limbeck.compare([place / "texts", place / "texts"], place / "texts.csv")
    with pytest.raises(LimbeckError, match="one label a row"):
        limbeck.predict(place / "texts", [{"text": "sweet"}], sets=0.9)
    with pytest.raises(LimbeckError, match="one label a row"):
        limbeck.evaluate(place / "texts", place / "texts.csv", slices=["split"])


def test_the_command_line_prints_figures_and_writes_labels(place, capfd):
    for words in (["evaluate", place / "texts", place / "texts.csv", "--where", "split=test"],
                  ["predict", place / "texts", place / "texts.csv", place / "again.csv"]):  # fmt: skip
        with pytest.raises(SystemExit) as ended:
            run([str(word) for word in words])
        told = capfd.readouterr()
        assert ended.value.code == 0, told.err
        assert "all labels" in told.out or words[0] == "predict"


def test_rows_of_a_table_are_learned_by_a_network_with_a_logit_for_each_label(tmp_path):
    write_csv(tmp_path / "cells.csv", tagged_cells(600))
    made = limbeck.train(tmp_path / "cells.csv", out=tmp_path / "b", settings=["training.epochs=15"])
    assert made.metrics["micro_f1"] > 0.9
    assert made.baselines[0]["name"] == "gradient-boosted trees, one-vs-rest"
    with limbeck.load(tmp_path / "b") as bundle:
        row = {"a": "1.5", "b": "-1.5", "colour": "red"}
        assert bundle.predict([row]) == [("high", "warm")]


def test_two_labels_have_a_logit_each(tmp_path):
    rows = [{**row, "tags": "|".join(set(row["tags"].split("|")) & {"price", "taste"}) or NONE}
            for row in tagged_texts(240)]  # fmt: skip
    made = limbeck.train(
        sparse(input={"encoder": "ngrams", "buckets": 4096}, student={"network": "ngram"},
               training={"epochs": 8, "learning_rate": 0.05}),
        data=rows, out=tmp_path / "b", settings=["export.weights=false"],
    )  # fmt: skip
    assert made.metrics["micro_f1"] > 0.8
    assert not (tmp_path / "b" / "weights.safetensors").exists()
    with limbeck.load(tmp_path / "b") as bundle:
        both = bundle.predict_proba(["cheap money sweet juicy"])[0]
        assert both.min() > 0.5


def test_teachers_that_know_some_labels_each_teach_a_student_together(tmp_path, place, monkeypatch):
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    rows = tagged_texts(300, seed=5)
    for row in rows:
        row["p_delivery"] = "0.9" if "delivery" in row["tags"] else "0.1"
        if row["split"] == "train":
            row["tags"] = ""  # the teachers alone know
    teachers = [
        {"name": "earlier", "source": f"bundle:{place / 'texts'}"},
        {"name": "column", "source": "column:p_delivery", "options": {"classes": ["delivery"]}},
    ]
    recipe = sparse(teachers=teachers, task={"kind": "multilabel-text", "label": "tags", "none": NONE,
                    "classes": list(LABELS)}, data={"train": "rows", "split": "split", "missing_labels": "unlabelled"},
                    input={"encoder": "ngrams", "buckets": 4096}, student={"network": "ngram"},
                    training={"epochs": 8, "learning_rate": 0.05},
                    objective={"losses": {"distil-multi-label": 1.0}})  # fmt: skip
    made = limbeck.train(recipe, data=rows, out=tmp_path / "b")
    assert made.metrics["micro_f1"] > 0.8
    told = {
        one["name"]: one for one in json.loads((tmp_path / "b" / "metrics.json").read_text())["teachers"]["teachers"]
    }
    assert (told["earlier"]["labels"], told["column"]["labels"]) == (3, 1)


@pytest.mark.parametrize(
    ("section", "keys", "what"),
    [
        ("objective", {"losses": {"hard": 1.0}}, "'hard' is of rows with one label"),
        ("objective", {"losses": {"distil-multi-label": 1.0}}, "needs teachers"),
        ("student", {"network": "trees"}, "cannot be trained with several labels"),
        ("evaluation", {"leave_out": {"folds": 5}}, "evaluation.leave_out is not supported"),
        ("evaluation", {"threshold": "eer"}, "'f1' of each label"),
        ("export", {"int8": "keep"}, "export.int8 is not measured"),
        ("relevance", {"method": "domain"}, "relevance is not supported"),
        ("selection", {"candidates": {"a": {}, "b": {}}}, "selection is not supported"),
        ("training", {"metric": "accuracy"}, "is not measured"),
        ("task", {"kind": "multilabel-image", "label": "tags"}, "rows of kind 'image' cannot have several labels yet"),
    ],
)
def test_what_does_not_go_with_several_labels_is_refused_by_its_key(section, keys, what):
    kept = ("task", "data", "student") if section == "task" else ("task", "data", "input", "student", "training")
    raw = sparse().model_dump(mode="json", exclude_defaults=True)
    raw = {name: raw[name] for name in kept} | {"export": {"int8": "never"}, "objective": {"losses": {"binary": 1.0}}}
    raw[section] = {**raw.get(section, {}), **keys} if section not in ("student", "task") else keys
    with pytest.raises(LimbeckError, match=what):
        check_support(parse_recipe(raw))


def test_a_teacher_of_one_label_a_row_is_refused(tmp_path):
    rule = {"name": "r", "source": "rule:text contains sweet", "options": {}}
    with pytest.raises(LimbeckError, match="it gives a row one class"):
        limbeck.train(sparse(teachers=[rule]), data=tagged_texts(60), out=tmp_path / "b")


def test_networks_of_boxes_are_not_what_several_labels_are_read_by():
    assert network_kind(sparse())[0].__name__ == "TextCnn"


def test_each_label_has_its_own_weights_by_class():
    """N-grams that tell one label are no help for another: each model is that of its own ratios, or the mean of two."""
    random = np.random.default_rng(0)
    truth = (random.random((200, 2)) < 0.4).astype(np.float32)
    bags = csr_array(np.concatenate([random.random((200, 6)) < 0.5, truth > random.random((200, 2)) / 2], axis=1) * 0.5)
    ratios = np.array([1.0, 1.0])  # of the columns that tell the two labels
    for at in range(2):
        seen = np.stack([(bags.toarray()[truth[:, at] == one] > 0).sum(axis=0) for one in (0, 1)])
        ratios[at] = np.argmax(log_count_ratio(seen)) == 6 + at
    assert ratios.all()
    found = {
        way: one_vs_rest(bags, truth, parse_recipe(sparse(student={"network": "ngram", "class_ratio": way})))
        for way in ("off", "on", "mean")
    }
    for part in (0, 1):
        np.testing.assert_allclose(found["mean"][part], (found["off"][part] + found["on"][part]) / 2, atol=1e-5)
    assert np.abs(found["on"][0][6, 0]) > np.abs(found["off"][0][6, 0])
