"""A name of another encoding, as archives from a Chinese Windows leave it, is a name like any other."""

import os
import shutil
import sys
from pathlib import Path

import polars as pl
import pytest
from tests.data.test_excelfile import book

import limbeck
from limbeck.cli import main
from limbeck.errors import LimbeckError
from limbeck.recipe import load_recipe, parse_recipe
from small import reviews, tiny_recipe, write_csv, write_recipe

NAME = os.fsdecode("评论".encode("gbk"))
SHOWN = NAME.encode("utf-8", "backslashreplace").decode()
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are Unicode")


@pytest.fixture
def foreign(tmp_path):
    folder = tmp_path / NAME
    folder.mkdir()
    return folder


def table(folder: Path, ending: str) -> Path:
    path = folder / f"{NAME}.{ending}"
    rows = reviews(20)
    if ending == "csv":
        return write_csv(path, rows)
    if ending == "xlsx":
        return book(path, list(rows[0]), *[list(row.values()) for row in rows])
    with path.open("wb") as file:
        pl.DataFrame(rows).write_parquet(file)
    return path


@pytest.mark.parametrize("ending", ["csv", "xlsx", "parquet"])
def test_a_table_of_such_a_name_is_answered_with_its_name_escaped(bundles, foreign, tmp_path, ending):
    table(foreign, ending)
    write_csv(foreign / "plain.csv", reviews(5))
    out = tmp_path / "out.csv"
    done = limbeck.predict(bundles("ngram"), foreign, out, columns=["file", "row"], quiet=True)
    assert done.rows == 25
    assert set(pl.read_csv(out)["file"]) == {"plain.csv", f"{SHOWN}.{ending}"}


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_output_may_have_such_a_name(bundles, foreign, tmp_path, ending):
    source = write_csv(tmp_path / "in.csv", [*reviews(5), {**reviews(1)[0], "text": ""}])
    done = limbeck.predict(bundles("ngram"), source, foreign / f"{NAME}.{ending}", quiet=True)
    assert (done.rows, done.rejected) == (5, 1)
    assert sorted(file.name for file in foreign.iterdir()) == [f"{NAME}.{ending}", f"{NAME}.{ending}.rejected.csv"]


def test_a_rejected_row_names_such_a_file(bundles, foreign, tmp_path):
    (foreign / f"{NAME}.csv").write_text("text\n好\n\0\n", encoding="utf-8")
    done = limbeck.predict(bundles("ngram"), foreign, tmp_path / "out.csv", quiet=True)
    assert pl.read_csv(done.rejects).row(0) == (f"{SHOWN}.csv", 2, "holds a NUL byte")


def test_a_bundle_may_lie_there_and_be_made_there(foreign, rows_folder):
    shutil.copy(rows_folder / "reviews.csv", foreign / "reviews.csv")
    recipe = write_recipe(foreign / f"{NAME}.toml", tiny_recipe(training={"epochs": 1}))
    made = limbeck.train(recipe, out=foreign / NAME)
    assert limbeck.evaluate(made.bundle, foreign / "reviews.csv", report=foreign / "r.html", bootstrap=2)["n"] == 400
    assert load_recipe(recipe).task.kind == "text"


def test_such_a_name_is_printed_escaped_where_the_terminal_takes_utf8_only(bundles, foreign, tmp_path, capfd):
    source = write_csv(tmp_path / "in.csv", reviews(5))
    with pytest.raises(SystemExit) as ended:
        main.run(["predict", str(bundles("ngram")), str(source), str(foreign / "out.csv")])
    assert ended.value.code == 0
    assert "5 rows" in capfd.readouterr().out


def test_a_class_cannot_have_such_a_name():
    with pytest.raises(LimbeckError, match=r"task.classes.*not valid UTF-8"):
        parse_recipe({"task": {"kind": "text", "classes": {"0": NAME, "1": "x"}}, "data": {"train": "a.csv"}})
