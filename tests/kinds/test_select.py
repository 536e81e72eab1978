"""Rows given from Python are read as what the task reads, or refused with the call to write; nothing is guessed."""

import numpy as np
import polars as pl
import pytest
from scipy import sparse

import limbeck
from limbeck.errors import LimbeckError
from limbeck.kinds.image.reading.decode import Picture
from limbeck.kinds.select import checked_values
from limbeck.recipe import Task, parse_recipe

pd = pytest.importorskip("pandas")

TEXTS = ["毛巾很好", "台灯太差", "茶叶新鲜"]
TEXT = Task(kind="text", input="评论")
IMAGE = Task(kind="image")
TABLE = Task(kind="table", input=["posts", "age", "city"])
ROWS = [{"posts": 3, "age": 20.5, "city": "北京"}, {"posts": 1, "age": None, "city": "上海"}]
SIGNAL = Task(kind="signal")


@pytest.mark.parametrize(
    "values",
    [
        pd.DataFrame({"id": [1, 2, 3], "评论": TEXTS}),
        pd.DataFrame({"评论": pd.Series(TEXTS, dtype=object)}),
        pl.DataFrame({"评论": TEXTS, "other": [1, 2, 3]}),
        {"评论": TEXTS},
        pd.Series(TEXTS, index=[7, 8, 9]),
        pl.Series(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        tuple(TEXTS),
    ],
    ids=lambda values: type(values).__name__,
)
def test_texts_come_from_the_column_of_a_frame_and_from_every_ordered_list(values):
    assert checked_values(values, TEXT) == TEXTS


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (pd.DataFrame({"评": TEXTS}), "the DataFrame: there is no column '评论'; .*'评'"),
        (pl.DataFrame({"text": TEXTS}), "there is no column '评论'"),
        (pl.LazyFrame({"评论": TEXTS}), r"got a LazyFrame; give frame\.collect\(\)"),
        ({"a": TEXTS}, "expected a list of texts, got dict; give a list of texts"),
        (set(TEXTS), "got set; give a list: a set has no order"),
        (np.array([TEXTS]).T, r"got an array of shape \[3, 1\]; give array\[:, 0\]"),
        (np.zeros((3, 2)), r"got an array of shape \[3, 2\]"),
        ((text for text in TEXTS), r"got generator; give list\(values\)"),
        ("很好", r"got str; give a list of texts: \[text\]"),
        (b"ab", "got bytes"),
        (None, "got NoneType"),
        ([{"评论": "好"}], r"value 0: expected a text, got dict; give \[row\['评论'\] for row in rows\]"),
        (["好", ["差"]], "value 1: expected a text, got list"),
        (pd.Series([1, 2]), "value 0: expected a text, got int"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_with_the_right_call(values, line):
    with pytest.raises(LimbeckError, match=line) as caught:
        checked_values(values, TEXT)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "values", [["好", None], pd.Series(["好", None]), pl.Series(["好", None]), ["好", float("nan")], ["好", pd.NA]]
)
def test_a_missing_text_is_an_empty_one(values):
    assert checked_values(values, TEXT) == ["好", ""]


@pytest.mark.parametrize(
    "values",
    [
        pd.DataFrame({"path": ["a.png", "b.png"], "label": [0, 1]}),
        pl.DataFrame({"path": ["a.png", "b.png"]}),
        pd.Series(["a.png", "b.png"]),
        np.array(["a.png", "b.png"]),
    ],
)
def test_pictures_come_from_the_column_of_a_frame_and_from_every_ordered_list(values):
    found = checked_values(values, IMAGE)
    assert [type(one) for one in found] == [Picture, Picture]
    assert [str(one.source) for one in found] == ["a.png", "b.png"]


def test_an_array_of_pictures_is_read_and_one_picture_is_no_list():
    assert len(checked_values(np.zeros((2, 4, 4, 3), dtype=np.uint8), IMAGE)) == 2
    for values in (
        np.zeros((4, 4, 3), dtype=np.uint8),
        np.zeros((4, 4), dtype=np.uint8),
        {"a.png"},
        {"file": ["a.png"]},
    ):
        with pytest.raises(LimbeckError, match="expected a list of pictures"):
            checked_values(values, IMAGE)


def test_windows_come_from_a_frame_of_pandas_or_a_column_too():
    windows = np.arange(24, dtype=np.float32).reshape(2, 2, 6)
    frame = pd.DataFrame(
        {"signal": list(windows), "record": ["100", "100"], "time": [0.5, 1.5], "note": [object()] * 2}
    )
    for values in (frame, frame["signal"], windows, list(windows)):
        rows = checked_values(values, SIGNAL)
        np.testing.assert_array_equal(rows["signal"].to_numpy(), windows)
    assert checked_values(frame, SIGNAL)["record"].to_list() == ["100", "100"]
    with pytest.raises(LimbeckError, match="windows are wanted"):
        checked_values({1.0, 2.0}, SIGNAL)


WANTED = pl.DataFrame({"posts": [3, 1], "age": [20.5, None], "city": ["北京", "上海"]})


@pytest.mark.parametrize(
    "values",
    [
        ROWS,
        [tuple(row.values()) for row in ROWS],
        [list(row.values()) for row in ROWS],
        {"posts": [3, 1], "age": np.array([20.5, np.nan]), "city": pd.Series(["北京", "上海"]), "more": [1, 2]},
        np.array([[3, 20.5, "北京"], [1, None, "上海"]], dtype=object),
        np.array([(3, 20.5, "北京"), (1, np.nan, "上海")], dtype=[("posts", "i8"), ("age", "f8"), ("city", "U8")]),
        pl.DataFrame(ROWS).with_columns(more=pl.lit(1)),
        pd.DataFrame(ROWS).assign(more="unread", worse=[object(), object()]),
    ],
    ids=["dicts", "tuples", "lists", "columns", "array", "structured", "polars", "pandas"],
)
def test_rows_of_a_table_are_read_by_name_or_by_position(values):
    found = checked_values(values, TABLE)
    assert found.columns == WANTED.columns
    assert [list(map(str, row)) for row in found.rows()] == [list(map(str, row)) for row in WANTED.rows()]


def test_one_row_and_no_rows_are_rows_too():
    assert checked_values({"posts": 3, "city": "北京"}, TABLE).rows() == [(3, "北京")]
    for nothing in ([], pl.DataFrame(), pd.DataFrame(), np.empty((0, 3)), pd.DataFrame({"posts": []})):
        assert checked_values(nothing, TABLE).height == 0


def test_numbers_given_by_position_are_those_of_the_array_and_hidden_ones_are_missing():
    numbers = Task(kind="table", input=["a", "b"])
    given = np.array([[1.5, np.nan], [0.0, 4.0]])
    hidden = np.ma.masked_array([[1.5, 9.0], [0.0, 4.0]], [[False, True], [False, False]])
    for values in (given, sparse.csr_array(np.nan_to_num(given)), sparse.csc_matrix(np.nan_to_num(given)), hidden):
        found = checked_values(values, numbers)
        assert found["a"].to_list() == [1.5, 0.0]
        assert found["b"].to_list()[1] == 4.0
        assert found["b"][0] is None or sparse.issparse(values)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (np.zeros((2, 4)), r"shape \[rows, 3\], got \[2, 4\]; the columns are, in this order: posts, age, city"),
        (np.zeros(3), r"got \[3\]; give \[row\]"),
        (np.zeros((2, 3, 1)), r"got \[2, 3, 1\]"),
        (sparse.eye_array(5), r"got \[5, 5\]"),
        ([[1, 2]], "value 0: expected 3 cells, got 2"),
        ([[1, 2, "x"], {"posts": 1}], "value 1: expected a dict or a list of 3 cells, got dict"),
        ([1, 2, 3], "value 0: expected a dict or a list of 3 cells, got int"),
        (["posts"], "value 0: expected a dict or a list of 3 cells, got str"),
        ([{"post": 1}], "there is no column 'posts'; did you mean 'post'"),
        ({"post": [1]}, "there is no column 'posts'; did you mean 'post'"),
        (pl.DataFrame({"post": [1]}), "there is no column 'posts'; did you mean 'post'"),
        (pd.DataFrame({"post": [1]}), "there is no column 'posts'; did you mean 'post'"),
        (pd.DataFrame(np.zeros((2, 3))), "there is no column 'posts'"),
        (pd.DataFrame([[1, 2]], columns=["posts", "posts"]), "the frame has the column 'posts' twice"),
        ({"posts": [1, 2], "age": [1]}, "different lengths"),
        ({"posts": [1, 2], "age": 1}, "got one value in 'age'"),
        (pd.DataFrame(ROWS).iloc[0], "got a Series; give a frame"),
        ({3, 4}, "a set has no order"),
        ("posts", "expected a DataFrame or a list of dicts, got str"),
        (None, "expected a DataFrame or a list of dicts, got NoneType"),
    ],
)
def test_what_is_no_table_of_the_task_is_refused_in_one_line(values, line):
    with pytest.raises(LimbeckError, match=line) as caught:
        checked_values(values, TABLE)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def accounts(tmp_path_factory):
    """A bundle of a table with numbers and a category."""
    folder = tmp_path_factory.mktemp("accounts")
    random = np.random.default_rng(0)
    label = random.integers(0, 2, 80)
    frame = pl.DataFrame(
        {"posts": label * 20 + random.integers(0, 9, 80), "age": random.normal(30, 5, 80).round(2),
         "city": random.choice(["北京", "上海", "广州"], 80), "label": np.where(label, "risky", "real")}
    )  # fmt: skip
    frame.write_csv(folder / "rows.csv")
    recipe = parse_recipe({
        "task": {"kind": "table", "input": ["posts", "age", "city"]},
        "data": {"train": "rows.csv", "duplicates": "keep"}, "student": {"network": "mlp", "hidden": 8},
        "input": {"encoder": "table"},
        "training": {"epochs": 2, "threads": 1, "device": "cpu"},
        "evaluation": {"bootstrap": 0, "baseline": False}, "export": {"int8": "never"},
    })  # fmt: skip
    return limbeck.train(recipe, data=folder, out=folder / "bundle").bundle, frame


def test_every_form_of_the_same_rows_has_the_same_answer(accounts):
    bundle, frame = accounts
    rows = frame.drop("label")
    with limbeck.load(bundle) as classifier:
        wanted = classifier.predict_proba(rows)
        assert wanted.shape == (80, 2)
        pandas = pd.DataFrame(rows.to_dict(as_series=False)).assign(id="x", when=pd.Timestamp("2024-01-01"))
        for values in (
            rows.to_dicts(), rows.rows(), list(map(list, rows.rows())), rows.to_dict(as_series=False), pandas,
            pandas[["city", "posts", "age"]], pandas[["posts", "age", "city"]].to_numpy(),
            pandas[["posts", "age", "city"]].to_records(index=False),
        ):  # fmt: skip
            np.testing.assert_array_equal(classifier.predict_proba(values), wanted)
        assert classifier.predict(pandas) == classifier.predict(rows)
