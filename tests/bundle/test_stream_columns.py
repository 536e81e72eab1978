"""A column of the input is written as it was, whatever its type and whatever the format of the output."""

import datetime as dt
import decimal
import json

import polars as pl
import pytest

import limbeck

VALUES = [1e-9, 0.1234567890123, 1234567.0, 2.5, -0.0, 1e300, 123456789012345678.0, None]


@pytest.fixture(scope="module")
def bundle(bundles):
    return bundles("ngram")


def frame(**columns):
    count = len(next(iter(columns.values())))
    return pl.DataFrame({"text": [f"第{k}条" for k in range(count)], **columns})


@pytest.mark.parametrize("ending", ["csv", "tsv"])
@pytest.mark.parametrize("kind", [pl.Float64, pl.Float32])
def test_a_number_of_the_input_reads_back_as_the_same_number(bundle, tmp_path, ending, kind):
    given = pl.Series("weight", VALUES, pl.Float64).cast(kind, strict=False)
    frame(weight=given).write_parquet(tmp_path / "in.parquet")
    out = tmp_path / f"out.{ending}"
    limbeck.predict(bundle, tmp_path / "in.parquet", out, columns=["weight", "probability"], quiet=True)
    written = pl.read_csv(out, separator="\t" if ending == "tsv" else ",", infer_schema=False)
    assert written["weight"].cast(kind).to_list() == given.to_list()
    assert written["probability"].str.contains(r"^[01]\.\d{6}$").all()  # ours keep six digits


def test_a_column_of_the_input_named_like_one_of_ours_is_not_cut_either(bundle, tmp_path):
    frame(probability=VALUES[:3]).write_parquet(tmp_path / "in.parquet")
    columns = ["input.probability", "probability"]
    limbeck.predict(bundle, tmp_path / "in.parquet", tmp_path / "out.csv", columns=columns, quiet=True)
    assert pl.read_csv(tmp_path / "out.csv")["input.probability"].to_list() == VALUES[:3]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "cells",
    [
        pl.Series([["a", "好"], None]),
        pl.Series([[1.5], []]),
        pl.Series([{"a": 1, "b": "二"}, {"a": None, "b": "x"}]),
        pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
        pl.Series([b"\xff\xfe", "好".encode()]),
        pl.Series([dt.timedelta(hours=30), None]),
        pl.Series([dt.time(3, 4), None]),
        pl.Series([dt.datetime(2026, 1, 2, 3, 4), None]),
        pl.Series([decimal.Decimal("1.50"), None]),
        pl.Series(["x", None], dtype=pl.Categorical),
        pl.Series([True, None]),
        pl.Series([None, None]),
        pl.Series([[b"\xff"], [b"a"]]),
    ],
    ids=lambda cells: str(cells.dtype),
)
def test_a_column_of_any_type_is_written_to_any_format(bundle, tmp_path, ending, cells):
    frame(cells=cells).write_parquet(tmp_path / "in.parquet")
    out = tmp_path / f"out.{ending}"
    done = limbeck.predict(bundle, tmp_path / "in.parquet", out, columns=["cells", "class"], quiet=True)
    assert (done.rows, done.rejected) == (2, 0)


def test_lists_and_structs_are_written_to_csv_as_json(bundle, tmp_path):
    frame(tags=[["好", "x"]], about=[{"a": 1}]).write_parquet(tmp_path / "in.parquet")
    columns = ["tags", "about"]
    limbeck.predict(bundle, tmp_path / "in.parquet", tmp_path / "out.csv", columns=columns, quiet=True)
    row = pl.read_csv(tmp_path / "out.csv").row(0)
    assert [json.loads(cell) for cell in row] == [["好", "x"], {"a": 1}]
