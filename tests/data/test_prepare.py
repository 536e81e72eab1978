"""A recipe's rows come out labelled, split and free of copies across parts, and every change is told."""

import re
from pathlib import Path

import polars as pl
import pytest

from limbeck.data.tables.layouts import wechat
from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.recipe import parse_recipe


def recipe(data=None, **task):
    return parse_recipe({
        "task": {"kind": "text", **task},
        "data": {"train": "a.csv", **(data or {})},
        "student": {"network": "gru"},
    })  # fmt: skip


def table(folder: Path, rows, name="a.csv"):
    keys = list(rows[0])
    pl.DataFrame({key: [str(row[key]) for row in rows] for key in keys}).write_csv(folder / name)


def rows_of(n, **more):
    return [{"text": f"第{k}条完全不同的评论{k * 7919}", "label": k % 2, **more} for k in range(n)]


CLASSES = {"0": "bad", "1": "good"}


def test_a_random_split_with_a_class_map(tmp_path):
    table(tmp_path, rows_of(100))
    data = prepare(recipe(classes=CLASSES), tmp_path)
    assert data.classes == ("bad", "good")
    assert [len(data.part(name)) for name in ("train", "valid", "test")] == [80, 10, 10]
    assert data.numbers.tolist() == list(range(1, 101))
    assert len(data.take(data.part("test")).texts) == 10


def test_labels_are_compared_as_text_and_classes_sorted_by_number(tmp_path):
    table(tmp_path, [{"text": f"t{k} {k**5}", "label": ("10.0", "9")[k % 2]} for k in range(40)])
    assert prepare(recipe(), tmp_path).classes == ("9", "10")


@pytest.mark.parametrize(("label", "line"), [("2", r"row 8, column 'label': unknown label '2'")])
def test_a_wrong_label_is_named_with_its_row(tmp_path, label, line):
    rows = rows_of(20)
    rows[7]["label"] = label
    table(tmp_path, rows)
    with pytest.raises(LimbeckError, match=line):
        prepare(recipe(classes=CLASSES), tmp_path)


def test_copies_go_out_of_the_lesser_part_and_test_keeps_its_own(tmp_path):
    rows = rows_of(30, split="train")
    for k in (20, 21, 22):
        rows[k]["split"] = "test"
    rows[23]["split"] = "valid"
    rows[21] = dict(rows[20])  # a copy inside test
    rows[0] = {**rows[20], "split": "train", "text": rows[20]["text"] + "\u200b"}  # the same once cleaned
    rows[2] = {**rows[23], "split": "train"}
    rows[5] = dict(rows[3])
    table(tmp_path, rows)
    data = prepare(recipe({"split": "split"}), tmp_path)
    assert sorted(set(range(1, 31)) - set(data.numbers.tolist())) == [1, 3, 6]
    assert "3 exact duplicates dropped from train" in data.findings
    with pytest.raises(LimbeckError, match="exact copies"):
        prepare(recipe({"split": "split", "duplicates": "keep"}), tmp_path)
    kept = prepare(recipe({"split": "split", "duplicates": "keep", "leakage": "warn"}), tmp_path)
    assert any("exact copies" in line for line in kept.findings)


def test_contradicting_labels_are_dropped_kept_or_refused(tmp_path):
    rows = rows_of(40)
    rows[1] = {"text": rows[0]["text"], "label": 1}
    table(tmp_path, rows)
    assert len(prepare(recipe(), tmp_path).texts) == 38
    assert len(prepare(recipe({"conflicts": "keep"}), tmp_path).texts) == 40
    with pytest.raises(LimbeckError, match="rows 1, 2"):
        prepare(recipe({"conflicts": "refuse"}), tmp_path)


def test_separate_files_unlabelled_rows_filter_and_columns(tmp_path):
    table(tmp_path, [{"t": r["text"], "y": r["label"], "d": "xz"[k >= 30]} for k, r in enumerate(rows_of(60))])
    more = [{"t": f"另外{(k + 1) * 31337}的", "y": k % 2, "d": "x"} for k in range(6)]
    table(tmp_path, more, "test.csv")
    table(tmp_path, [{"t": "新的一条"}, {"t": more[0]["t"]}, {"t": ""}, {"t": "又一条新的"}], "new.csv")
    wish = {"test": "test.csv", "unlabelled": ["new.csv"], "columns": {"t": "text"}, "where": {"d": "x"}}
    data = prepare(recipe(wish, label="y"), tmp_path)
    assert [len(data.part(name)) for name in ("train", "valid", "test", "unlabelled")] == [27, 3, 6, 2]
    assert data.labels[data.part("unlabelled")].tolist() == [-1, -1]
    assert data.sources[data.origin[-1]].name == "new.csv"


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([{"text": f"a{k}{k**7}", "label": 1} for k in range(9)], "all rows are of the class '1'"),
        ([{"text": f"a{k}{k**7}", "label": int(k == 3)} for k in range(9)], "the class '1' has 1 row"),
        ([{"txt": "a", "label": 1}], "did you mean 'txt'"),
    ],
)
def test_untrainable_data_is_refused(tmp_path, rows, line):
    table(tmp_path, rows)
    with pytest.raises(LimbeckError, match=line):
        prepare(recipe(), tmp_path)


def test_a_missing_file_is_named_with_the_mend(tmp_path):
    with pytest.raises(LimbeckError, match=r"a\.csv: there is no such file; .*--data"):
        prepare(recipe(), None, recipe_folder=tmp_path)


def test_groups_of_a_random_split_never_straddle(tmp_path):
    table(tmp_path, [{**row, "event": k // 4} for k, row in enumerate(rows_of(80))])
    data = prepare(recipe({"split": {"group": "event"}}), tmp_path)
    parts = {}
    for event, part in zip(data.frame["event"], data.split, strict=True):
        assert parts.setdefault(event, part) == part


@pytest.mark.parametrize("official", ["Ofiicial", "Official"])
def test_the_wechat_layout_joins_title_and_reports(official):
    frame = pl.DataFrame({f"{official} Account Name": ["某号"],
                          "Title": [" 标题 "], "News Url": ["u"], "Image Url": ["i"],
                          "Report Content": ["假的##不信## "], "label": ["1"]})  # fmt: skip
    done = wechat(frame)
    assert done["content"].to_list() == ["标题 。 假的 不信"]
    assert done["account"].to_list() == ["某号"]
    assert "label" not in wechat(frame.drop("label")).columns


def test_rows_for_evaluation_keep_everything_and_note_the_unreadable(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\n好,good\n坏,0\n好,1\nx\n", encoding="utf-8")
    rows = load_rows(tmp_path, recipe(classes=CLASSES).task, classes=("bad", "good"))
    assert rows.labels.tolist() == [1, 0, 1]
    assert set(rows.split) == {"test"}
    assert "1 unreadable rows left out of a.csv, the first is row 4" in rows.findings[0]


@pytest.mark.shared
def test_the_real_reviews_and_posts_are_read_whole_and_clean(shared_data):
    reviews = prepare(recipe({"train": "reviews.csv", "split": "split"}), shared_data / "reviews")
    assert len(reviews.texts) == 62_706 - 1
    posts = prepare(recipe({"train": "weibo21.csv", "split": "split"}, input="content"), shared_data / "fake-news")
    assert len(posts.part("test")) == 1797
    assert any("near copies" in line for line in posts.findings)


def test_many_classes_are_counted_together_and_a_filter_is_told_as_people_write_it(tmp_path):
    rows = [
        {"text": f"第{k}条评论讲的是{k * k * 97}这件事", "label": f"c{k % 20:02d}", "d": "xyz"[k % 3]}
        for k in range(600)
    ]
    table(tmp_path, rows)
    data = prepare(recipe({"split": {"valid": 0.1, "test": 0.2}, "where": {"d": ["x", "y"]}}), tmp_path)
    assert "400 of 600 rows of a.csv have d = x / y" in data.findings
    assert re.search(r"train: 280 rows \(20 of 20 classes, \d+ to \d+ rows each\)", "\n".join(data.findings))
