"""Empty labels are left out and counted, misspelt ones are asked about, and what is filtered out is not looked at."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import limbeck
from limbeck.data.misspelled_labels import misspelt
from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import Task, parse_recipe
from small import reviews, tiny_recipe, write_csv


def table(path: Path, rows: list[tuple[str, str]], head: str = "text,label") -> Path:
    path.write_text(head + "\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def numbered(labels: list[str]) -> list[tuple[str, str]]:
    return [(f"第{k}条评论讲的是{k * k * 97}这件事", label) for k, label in enumerate(labels)]


def recipe(**data):
    return parse_recipe({"task": {"kind": "text"}, "data": {"train": "a.csv", **data}, "student": {"network": "gru"}})


LABELS = [("负面", "正面")[k % 2] if k % 10 else "" for k in range(200)]


@pytest.mark.parametrize("empty", ["", "NULL", " nan "])
def test_rows_with_an_empty_label_are_left_out_and_counted(tmp_path, empty):
    table(tmp_path / "a.csv", numbered([label or empty for label in LABELS]))
    data = prepare(recipe(), tmp_path)
    assert "20 rows of a.csv without a label left out" in data.findings
    assert (data.classes, len(data.labels), data.labels.min()) == (("正面", "负面"), 180, 0)


def test_they_count_as_unlabelled_where_the_recipe_says_so(tmp_path):
    table(tmp_path / "a.csv", numbered(LABELS))
    data = prepare(recipe(missing_labels="unlabelled"), tmp_path)
    assert "20 rows of a.csv without a label count as unlabelled" in data.findings
    assert len(data.part("unlabelled")) == 20


@pytest.mark.parametrize(
    ("labels", "policy", "count"), [(LABELS, "refuse", "20 of 200"), ([""] * 30, "drop", "30 of 30")]
)
def test_refusing_them_names_their_count_the_first_and_the_key(tmp_path, labels, policy, count):
    table(tmp_path / "a.csv", numbered(labels))
    with pytest.raises(LimbeckError, match=rf"a.csv, row 1, column 'label'.*in {count} rows.*data.missing_labels"):
        prepare(recipe(missing_labels=policy), tmp_path)


def test_doctor_warns_of_them(tmp_path):
    table(tmp_path / "a.csv", numbered(LABELS))
    found = [one.level for one in limbeck.doctor(recipe(), data=tmp_path) if "without a label" in one.what]
    assert found == ["warn"]


@pytest.mark.parametrize("empty", ["", "unsure"])
def test_rows_that_where_leaves_out_may_have_any_label(bundles, tmp_path, empty):
    rows = [{**row, "label": empty if row["domain"] == "fruit" else row["label"]} for row in reviews(60)]
    path = write_csv(tmp_path / "a.csv", rows)
    found = limbeck.evaluate(bundles("ngram"), path, where={"domain": "books"}, bootstrap=2)
    assert found["n"] == 20
    result = limbeck.compare([bundles("ngram")] * 2, path, where={"domain": "books"}, bootstrap=2)
    assert result["n"] == 20


def test_evaluation_leaves_rows_without_a_label_out_and_says_so(bundles, tmp_path):
    path = write_csv(
        tmp_path / "a.csv", [{**row, "label": "" if k < 5 else row["label"]} for k, row in enumerate(reviews(40))]
    )
    found = limbeck.evaluate(bundles("ngram"), path, bootstrap=2)
    assert found["n"] == 35
    assert "5 rows of a.csv without a label left out" in found["findings"]


def test_a_filter_may_leave_one_file_of_a_folder_empty_but_not_all(tmp_path):
    write_csv(tmp_path / "a.csv", [{**row, "domain": "hotel"} for row in reviews(10)])
    write_csv(tmp_path / "b.csv", [{**row, "domain": "books"} for row in reviews(20)])
    task = Task(kind="text")
    assert len(load_rows(tmp_path, task, where={"domain": "books"}).labels) == 20
    with pytest.raises(LimbeckError, match=r"no row has domain = 'bookz'; did you mean"):
        load_rows(tmp_path, task, where={"domain": "bookz"})


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({"正面": 1400, "负面": 1480, "正向": 8}, {"正向": "正面"}),
        ({"positive": 500, "negative": 400, "postive": 3}, {"postive": "positive"}),
        ({"positive": 500, "negative": 400, "Positive": 200}, {"Positive": "positive"}),
        ({"spam": 500, "ham": 400, "sapm": 1}, {"sapm": "spam"}),
        ({"正面": 500, "负面": 480}, {}),
        ({"1": 500, "2": 400, "3": 2}, {}),
        ({"class 1": 500, "class 2": 4}, {}),
        ({"A": 500, "B": 3}, {}),
        ({"食品": 500, "数码": 400, "服装": 3}, {}),
    ],
)
def test_a_rare_class_that_reads_like_another_is_taken_for_a_misspelling(counts, found):
    import numpy as np

    labels = np.repeat(np.arange(len(counts)), list(counts.values()))
    assert misspelt(labels, list(counts)) == found


def test_a_misspelt_label_is_a_finding_that_says_how_to_map_it(tmp_path):
    table(tmp_path / "a.csv", numbered([*(["负面", "正面"] * 150), "正向", "正向", "正向"]))
    data = prepare(recipe(), tmp_path)
    line = "3 rows have the label '正向', 150 have '正面': if that is a misspelling, list all labels in task.classes"
    assert [one for one in data.findings if one.startswith(line)]
    mapped = {"task": {"kind": "text", "classes": {"正面": "正面", "负面": "负面", "正向": "正面"}}}
    assert prepare(
        parse_recipe({**mapped, "data": {"train": "a.csv"}, "student": {"network": "gru"}}), tmp_path
    ).classes == ("正面", "负面")


def test_a_misspelt_label_of_one_row_is_refused_with_the_name_it_should_have(tmp_path):
    table(tmp_path / "a.csv", numbered([*(["负面", "正面"] * 50), "正向"]))
    with pytest.raises(LimbeckError, match="the class '正向' has 1 row to learn from; did you mean '正面'"):
        prepare(recipe(), tmp_path)


def test_an_unknown_label_says_in_how_many_rows_and_that_classes_may_go(tmp_path):
    table(tmp_path / "a.csv", numbered(["负面", "正面"] * 20))
    with pytest.raises(LimbeckError, match=r"unknown label '负面' \(in 20 rows\).*leave task.classes out"):
        prepare(tiny_recipe(task={"classes": {"0": "n", "1": "p"}}, data={"train": "a.csv", "split": {}}), tmp_path)


@pytest.mark.parametrize("row", ["été à Orléans,1", "caf\xe9,0", "stra\xdfe,1"])
def test_where_nothing_can_be_read_that_is_said_and_nothing_of_classes(tmp_path, row):
    (tmp_path / "a.csv").write_bytes(b"text,label\n" + f"{row}\n".encode("latin-1") * 60)
    with pytest.raises(LimbeckError, match=r"a\.csv: no row can be read; 60 unreadable rows") as caught:
        prepare(recipe(), tmp_path)
    assert "classes" not in str(caught.value)


@pytest.mark.parametrize(
    "classes", [["none", "mild", "severe"], {"none": "no pain", "mild": "mild", "severe": "severe"}]
)
def test_a_class_called_none_is_one_where_the_recipe_lists_it(classes, tmp_path):
    rows = [{"text": f"第{k}条记录写着{k * k * 97}", "label": ("none", "mild", "severe")[k % 3]} for k in range(60)]
    pl.DataFrame(rows).write_csv(tmp_path / "a.csv")
    raw = {"task": {"kind": "text"}, "data": {"train": "a.csv"}, "student": {"network": "gru"}}
    unlisted = prepare(parse_recipe(raw), tmp_path)
    assert unlisted.classes == ("mild", "severe")
    assert "20 of them say 'none'; if that is a class, list all in task.classes" in unlisted.findings
    raw["task"]["classes"] = classes
    listed = prepare(parse_recipe(raw), tmp_path)
    assert np.bincount(listed.labels).tolist() == [20, 20, 20]
    assert not any("without a label" in line for line in listed.findings)


@pytest.mark.parametrize("kind", ["text", "table"])
def test_the_label_is_no_input(kind, tmp_path):
    pl.DataFrame({"a": range(20), "label": [k % 2 for k in range(20)]}).write_csv(tmp_path / "a.csv")
    inputs = "label" if kind == "text" else ["a", "label"]
    network, encoder = ("gru", "characters") if kind == "text" else ("mlp", "table")
    raw = {"task": {"kind": kind, "input": inputs}, "data": {"train": "a.csv"}}
    with pytest.raises(LimbeckError, match="the label column 'label' is among the inputs"):
        prepare(parse_recipe(raw | {"student": {"network": network}, "input": {"encoder": encoder}}), tmp_path)
