"""Copies are told by content only where content identifies a row; rows that are alike by nature all stay."""

import numpy as np
import polars as pl
import pytest

from limbeck.data.row_identity import told_by_length, told_by_rarity
from limbeck.dataset.prepare import prepare, texts_of
from limbeck.errors import LimbeckError
from limbeck.recipe import Recipe, Task, parse_recipe

RANDOM = np.random.default_rng


def passengers(count: int = 800, seed: int = 0) -> pl.DataFrame:
    """A table of the Titanic kind: class, age group and sex, and an outcome that they only make likely."""
    random = RANDOM(seed)
    travelled = random.choice(["first", "second", "third", "crew"], count, p=[0.15, 0.13, 0.32, 0.4])
    age = random.choice(["adult", "child"], count, p=[0.95, 0.05])
    sex = random.choice(["male", "female"], count, p=[0.78, 0.22])
    likely = np.where(sex == "female", 0.73, 0.21) + np.where(travelled == "first", 0.15, 0.0)
    saved = np.where(random.random(count) < likely, "yes", "no")
    return pl.DataFrame({"class": travelled, "age": age, "sex": sex, "label": saved})


def measured(count: int, seed: int = 0) -> pl.DataFrame:
    random = RANDOM(seed)
    return pl.DataFrame({f"x{k}": random.normal(size=count) for k in range(4)})


def numbered(count: int) -> pl.DataFrame:
    random = RANDOM(1)
    return pl.DataFrame({"id": range(count), "a": random.choice(3, count), "b": random.choice(2, count)})


def one_hot(count: int) -> pl.DataFrame:
    value = RANDOM(2).choice(40, count)
    return pl.DataFrame({f"is_{k}": (value == k).astype(int) for k in range(40)})


def answered(count: int, questions: int) -> pl.DataFrame:
    """Answers of people, strongly dependent: from -1 to 1 around what each of them is like."""
    random = RANDOM(3)
    answers = random.normal(size=(count, 1)) + 0.7 * random.normal(size=(count, questions))
    return pl.DataFrame(answers.round().clip(-1, 1).astype(int), schema=[f"q{k}" for k in range(questions)])


def ages(count: int) -> pl.DataFrame:
    age = RANDOM(4).integers(18, 90, count)
    return pl.DataFrame({"age": age, "born": 2020 - age, "planet": ["earth"] * count})


def told(frame: pl.DataFrame) -> np.ndarray:
    task = Task(kind="table", input=frame.columns)
    return told_by_rarity(frame, texts_of(frame, task), task)


@pytest.mark.parametrize(
    "frame",
    [
        passengers().drop("label"),
        passengers().select("class"),
        one_hot(1000),
        answered(1000, 10),
        ages(1000),
        ages(150),
    ],
    ids=["three categories", "one category", "one hot", "dependent answers", "one fact twice", "few of them"],
)
def test_rows_of_few_values_are_alike_by_nature(frame):
    assert not told(frame).any()


@pytest.mark.parametrize(
    "frame",
    [
        pl.concat([measured(500)] * 2),
        pl.concat([measured(500)] * 5),
        pl.concat([measured(500), *[measured(500)[:20]] * 20]),
        pl.concat([numbered(400)] * 2),
        measured(3),
    ],
    ids=["appended to itself", "four times", "a class made larger by copies", "an id and few values", "three rows"],
)
def test_rows_of_many_values_are_told_by_them_however_often_they_were_copied(frame):
    assert told(frame).all()


def test_of_one_table_the_common_rows_are_alike_by_nature_and_the_rare_ones_are_told():
    random = RANDOM(5)
    busy = pl.DataFrame({f"n{k}": random.integers(1, 10_000, 900) for k in range(4)})
    new = pl.DataFrame({f"n{k}": np.where(random.random(300) < 0.8, 0, 7) for k in range(4)})
    found = told(pl.concat([busy, new, busy[:5]]))
    assert found[:900].all() and found[1200:].all() and not found[900:1200].any()


@pytest.mark.parametrize(
    ("text", "long"),
    [
        ("好", False), ("ok", False), ("转发微博", False), ("very good", False), ("👍👍👍👍👍👍", False), ("", False),
        ("物流很快水果新鲜", True), ("not worth the money", True), ("13800138000", True), ("とてもよかった", True),
        ("정말좋아요", True),
    ],
)  # fmt: skip
def test_a_text_of_a_word_or_two_tells_nobody(text, long):
    task = Task(kind="text")
    assert told_by_length(pl.DataFrame({"text": [text]}), [text], task).tolist() == [long]


def a_recipe(kind: str, columns: str | list[str], **data: object) -> Recipe:
    network, encoder = ("mlp", "table") if kind == "table" else ("ngram", "ngrams")
    given = {"train": "rows.csv", "split": {"valid": 0.1, "test": 0.2}} | data
    raw = {"task": {"kind": kind, "input": columns}, "data": given}
    return parse_recipe(raw | {"input": {"encoder": encoder}, "student": {"network": network}})


def test_all_passengers_stay_and_are_counted_in_a_finding(tmp_path):
    frame = passengers()
    frame.write_csv(tmp_path / "rows.csv")
    rows = prepare(a_recipe("table", ["class", "age", "sex"]), tmp_path)
    assert len(rows.labels) == 800
    assert [len(rows.part(name)) for name in ("train", "valid", "test")] == [560, 80, 160]
    for part in ("train", "test"):
        assert set(rows.labels[rows.part(part)].tolist()) == {0, 1}
    alike = frame.group_by("class", "age", "sex").len().filter(pl.col("len") > 1)["len"].sum()
    what = "rows have the same values as another row, as rows of few values often do: not treated as copies"
    assert f"{alike:,} {what}" in rows.findings
    assert not any("dropped" in line or "another part" in line for line in rows.findings)


@pytest.mark.parametrize("split", [["train"] * 6 + ["valid"] * 2 + ["test"] * 2, None], ids=["given", "drawn"])
@pytest.mark.parametrize("policy", ["auto", "keep"])
def test_rows_that_are_alike_by_nature_are_no_leak(split, policy, tmp_path):
    frame = passengers()
    frame = frame if split is None else frame.with_columns(part=pl.Series((split * 80)[:800]))
    frame.write_csv(tmp_path / "rows.csv")
    named = {} if split is None else {"split": "part"}
    rows = prepare(a_recipe("table", ["class", "age", "sex"], duplicates=policy, **named), tmp_path)
    assert len(rows.labels) == 800 and len(rows.part("test")) == 160


def test_short_texts_of_both_labels_stay_and_long_ones_do_not(tmp_path):
    short = [("好", "yes")] * 30 + [("好", "no")] * 10 + [("ok", "no")] * 20
    long = [(f"这是第{k}条又长又不同的评论", ("yes", "no")[k % 2]) for k in range(60)]
    pl.DataFrame([*short, *long, *long[:5]], schema=["text", "label"], orient="row").write_csv(tmp_path / "rows.csv")
    rows = prepare(a_recipe("text", "text"), tmp_path)
    assert len(rows.texts) == 120 and rows.texts.count("好") == 40
    assert "5 exact duplicates dropped from train" in rows.findings


def test_the_recipe_can_say_that_content_tells_every_row(tmp_path):
    passengers().write_csv(tmp_path / "rows.csv")
    with pytest.raises(LimbeckError, match=r"to learn from|no row in train"):
        prepare(a_recipe("table", ["class", "age", "sex"], duplicates="exact"), tmp_path)


def test_an_anomaly_table_of_few_values_keeps_its_normal_rows(tmp_path):
    random = RANDOM(6)
    state, mode = random.choice(["idle", "run", "stop"], 300), random.choice(["a", "b"], 300)
    label = np.where(random.random(300) < 0.1, "anomaly", "normal")
    pl.DataFrame({"state": state, "mode": mode, "label": label}).write_csv(tmp_path / "rows.csv")
    raw = {
        "task": {"kind": "anomaly-table", "input": ["state", "mode"]},
        "data": {"train": "rows.csv", "split": {"valid": 0.1, "test": 0.3}},
        "input": {"encoder": "table"}, "student": {"network": "pca"},
    }  # fmt: skip
    rows = prepare(parse_recipe(raw), tmp_path)
    assert len(rows.labels) == 300 and not (rows.labels[rows.part("train")] == 1).any()
