"""Tables in, arrays out."""

import zlib

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limbeck.errors import LimbeckError
from limbeck.kinds.table.encode import TableInput, numbers_of, scaled
from limbeck.recipe import Input


def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "posts": ["1", "2", "3", "", "5", "1,000"],
            "joined": ["2020-01-01", "2021/06/30", "", "2020-01-02", "2022-02-02", "2020-05-05"],
            "verified": ["yes", "no", "no", "", "yes", "no"],
            "city": ["上海", "北京", "上海", "", "广州", "北京"],
            "nothing": [""] * 6,
        }
    )


def test_each_column_is_read_as_what_it_holds():
    kinds = {column.name: column.kind for column in TableInput.fit(Input(), frame()).columns}
    assert kinds == {"posts": "number", "joined": "date", "verified": "flag", "city": "category"}


def test_a_missing_cell_is_marked_and_counts_as_nothing():
    rows = TableInput.fit(Input(), frame()).encode(frame())
    assert rows.missing[3].tolist() == [1.0, 0.0, 1.0]
    assert rows.numbers[3, [0, 2]].tolist() == [0.0, 0.0]
    assert rows.categories[3, 0] == 0


def test_a_column_that_a_scenario_lacks_is_missing_in_every_row():
    reader = TableInput.fit(Input(), frame())
    rows = reader.encode(frame().drop("posts", "city"))
    assert rows.missing[:, 0].all()
    assert not rows.categories.any()


def test_the_columns_survive_their_file(tmp_path):
    for scaling in ("robust", "quantile"):
        reader = TableInput.fit(Input(scaling=scaling), frame())
        reader.save(tmp_path)
        again = TableInput.load(Input(scaling=scaling), tmp_path)
        assert np.array_equal(reader.encode(frame()).numbers, again.encode(frame()).numbers)


def test_an_unseen_category_has_a_place_of_its_own_or_a_shared_one_but_never_that_of_missing():
    rows = TableInput.fit(Input(), frame()).encode(frame().with_columns(city=pl.lit("拉萨")))
    assert (rows.categories > 0).all()


def test_text_and_typed_columns_give_the_same_numbers():
    texts = pl.DataFrame({"a": ["1.5", "2", "3", "400"]})
    typed = pl.DataFrame({"a": [1.5, 2.0, 3.0, 400.0]})
    reader = TableInput.fit(Input(), texts)
    assert np.array_equal(reader.encode(texts).numbers, reader.encode(typed).numbers)


def test_infinity_and_rubbish_are_missing():
    reader = TableInput.fit(Input(), pl.DataFrame({"a": ["1", "2", "3"]}))
    assert reader.encode(pl.DataFrame({"a": ["inf", "nan", "x"]})).missing.all()


def test_a_table_without_a_value_is_refused():
    with pytest.raises(LimbeckError, match="no input column has a value"):
        TableInput.fit(Input(), pl.DataFrame({"a": ["", None]}))


CELLS = [" 1 ", "2.5", "1,000", "1e5", "inf", "x", "", None, "YES", "no", "否", "2021/06/30", "2021-13-01", "a;b"]


@given(st.lists(st.tuples(*[st.sampled_from(CELLS)] * 5), max_size=20))
def test_columns_read_together_are_each_cell_read_alone(cells):
    fitted = TableInput.fit(
        Input(),
        pl.DataFrame(
            {
                "number": ["1", "2", "3", "1,000", "5", "6"],
                "date": ["2020-01-01", "2021/06/30", "", "2020-01-02", "2022-02-02", "2020-05-05"],
                "flag": ["yes", "no", "no", "", "yes", "no"],
                "list": ["a;b", "a", "a;b", "b", "b;a", "a;b"],
                "word": ["上海", "北京", "上海", "", "广州", "北京"],
            }
        ),
    )
    assert {column.kind for column in fitted.columns} == {"number", "date", "flag", "member", "category"}
    schema = dict.fromkeys(["number", "date", "flag", "list", "word"], pl.String)
    rows = fitted.encode(pl.DataFrame(cells, schema=schema, orient="row"))
    assert len(rows) == len(cells)
    for at, row in enumerate(cells):
        for number, column in enumerate(fitted.numeric):
            cell = row[list(schema).index(column.name)]
            value = numbers_of(pl.Series([cell], dtype=pl.String), column.kind, column.member)
            assert rows.missing[at, number] == np.isnan(value[0])
            expected = 0.0 if np.isnan(value[0]) else scaled(value, column)[0]
            assert rows.numbers[at, number] == np.float32(expected)
        word = (row[4] or "").strip()
        assert rows.categories[at, 0] == (zlib.crc32(word.encode()) % fitted.settings.categories + 1 if word else 0)


@pytest.mark.parametrize(
    ("cells", "wanted", "comma"),
    [
        (["1,5", "10,25", "1.234,5", "7"], [1.5, 10.25, 1234.5, 7.0], True),
        (["0,125", "0,250", "12,5", "-3,75"], [0.125, 0.25, 12.5, -3.75], True),
        (["1,234", "12,345,678", "-9,000.5", "7.25"], [1234.0, 12345678.0, -9000.5, 7.25], False),
        (["1.5", "2.5", "7", "8"], [1.5, 2.5, 7.0, 8.0], False),
    ],
)
def test_a_comma_stands_before_decimals_or_between_thousands_as_the_column_shows(cells, wanted, comma, tmp_path):
    column = pl.Series("x", cells * 10)
    reader = TableInput.fit(Input(encoder="table"), column.to_frame())
    assert [(one.kind, one.comma) for one in reader.columns] == [("number", comma)]
    np.testing.assert_allclose(numbers_of(column[:4], "number", comma=comma), wanted)
    reader.save(tmp_path)
    again = TableInput.load(Input(encoder="table"), tmp_path)
    assert again.columns == reader.columns
    assert ("comma" in (tmp_path / "columns.json").read_text("utf-8")) == comma  # who knows no comma reads it as before
