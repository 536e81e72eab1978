"""A column that cannot be what it is wanted for is named in one line; no library speaks, and nothing is a defect."""

import datetime as dt
import warnings
from pathlib import Path

import polars as pl
import pytest

import limbeck
from limbeck.data.tables import read
from limbeck.dataset.prepare import load_rows, prepare
from limbeck.errors import LimbeckError
from limbeck.kinds.table.encode import TableInput
from limbeck.recipe import Input, Task, parse_recipe

TEXTS = [f"第{k}条评论讲的是{k * k * 97}这件事" for k in range(40)]
LABELS = [str(k % 2) for k in range(40)]
NESTED = {
    "lists": [[text] for text in TEXTS],
    "structs": [{"text": text} for text in TEXTS],
    "arrays": pl.Series([[1, 2]] * 40, dtype=pl.Array(pl.Int64, 2)),
}


def recipe(**data):
    return parse_recipe(
        {"task": {"kind": "text"}, "data": {"train": "a.parquet", **data}, "student": {"network": "gru"}}
    )


def table(folder: Path, **columns) -> Path:
    pl.DataFrame({"text": TEXTS, "label": LABELS, **columns}).write_parquet(folder / "a.parquet")
    return folder / "a.parquet"


@pytest.mark.parametrize("column", ["text", "label"])
@pytest.mark.parametrize("kind", NESTED)
def test_lists_and_structs_are_no_text_and_no_label(bundles, tmp_path, column, kind):
    path = table(tmp_path, **{column: NESTED[kind]})
    line = f"a.parquet: the column '{column}' holds lists or structs"
    with pytest.raises(LimbeckError, match=line):
        prepare(recipe(), tmp_path)
    with pytest.raises(LimbeckError, match=line):
        limbeck.evaluate(bundles("ngram"), path, bootstrap=2)
    assert any(line in one.what and one.level == "error" for one in limbeck.doctor(recipe(), data=tmp_path))
    if column == "text":
        with pytest.raises(LimbeckError, match=line):
            limbeck.predict(bundles("ngram"), path, tmp_path / "out.csv", quiet=True)


@pytest.mark.parametrize("kind", NESTED)
def test_lists_and_structs_may_be_slices_and_groups(bundles, tmp_path, kind):
    path = table(tmp_path, more=NESTED[kind])
    found = limbeck.evaluate(bundles("ngram"), path, slices=["more"], group="more", bootstrap=2)
    assert found["n"] == 40


def test_bytes_are_taken_for_utf8_and_foreign_ones_are_escaped(tmp_path):
    path = table(tmp_path, text=[text.encode() for text in TEXTS], label=[b"\xff", b"a"] * 20)
    rows = load_rows(path, Task(kind="text"))
    assert (rows.texts, rows.classes) == (TEXTS, ("\\xff", "a"))


def test_broken_utf8_in_a_text_column_of_parquet_is_one_line(tmp_path):
    pl.DataFrame({"text": ["BRAK好"]}).write_parquet(
        tmp_path / "a.parquet", compression="uncompressed", statistics=False
    )
    content = (tmp_path / "a.parquet").read_bytes()
    assert content.count(b"BRAK") == 1
    (tmp_path / "a.parquet").write_bytes(content.replace(b"BRAK", b"\xff\xfe\xff\xff"))
    with pytest.raises(LimbeckError, match=r"not a readable Parquet file.*UTF-8"):
        read.read(tmp_path / "a.parquet")


@pytest.mark.parametrize("number", [1.7e308, -1.7e308, 1e120])
@pytest.mark.parametrize("scaling", ["robust", "quantile"])
def test_a_number_too_large_to_calculate_with_names_its_column(number, scaling):
    frame = pl.DataFrame({"age": [30, 40, 50] * 9, "income": [1.0, number, 3.0] * 9})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(LimbeckError, match=r"the column 'income' holds the number 1.*e\+\d+, which is too large"):
            TableInput.fit(Input(encoder="table", scaling=scaling), frame)


@pytest.mark.parametrize("spread", [1e-12, 1.0, 1e9])
def test_such_a_number_met_later_is_cut_like_any_outlier(spread):
    fitted = TableInput.fit(Input(encoder="table"), pl.DataFrame({"a": [k * spread for k in range(20)]}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = fitted.encode(pl.DataFrame({"a": [1.7e308, -1.7e308]}))
    assert rows.pad(pl.Series([0, 1]).to_numpy())["numbers"].ravel().tolist() == [8.0, -8.0]


@pytest.mark.parametrize(("line", "delimiter"), [("sep=;", ";"), ('"sep=|"', "|"), ("SEP=,", ","), ("sep=\t", "\t")])
@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_the_line_that_tells_excel_the_delimiter_is_no_header(tmp_path, line, delimiter, ending):
    (tmp_path / f"a.{ending}").write_text(f"{line}\ntext{delimiter}label\n好{delimiter}1\n", encoding="utf-8")
    table = read.read(tmp_path / f"a.{ending}")
    assert (table.frame.columns, table.frame.rows(), table.numbers.tolist()) == (["text", "label"], [("好", "1")], [1])


def test_an_output_of_old_excel_is_refused_with_what_to_do(bundles, tmp_path):
    with pytest.raises(LimbeckError, match=r"cannot write '.xls'; "):
        limbeck.predict(bundles("ngram"), table(tmp_path), tmp_path / "out.xls", quiet=True)


@pytest.mark.parametrize("column", ["text", "label"])
def test_a_duration_is_read_as_text(bundles, tmp_path, column):
    path = table(tmp_path, **{column: pl.Series([dt.timedelta(hours=30 + k % 2) for k in range(40)])})
    rows = load_rows(path, Task(kind="text"))
    assert (rows.texts[0] if column == "text" else rows.classes[0]) == "P1DT6H"
    if column == "text":
        assert limbeck.predict(bundles("ngram"), path, tmp_path / "out.csv", quiet=True).rows == 40


def test_a_name_beyond_reason_is_cut_in_the_error_line(tmp_path):
    (tmp_path / "a.csv").write_text("x" * 50_000 + ",label\n1,2\n", encoding="utf-8")
    with pytest.raises(LimbeckError, match="there is no column 'text'; known: 'xxx") as caught:
        read.read(tmp_path / "a.csv", columns=["text"])
    assert len(str(caught.value)) < 400
