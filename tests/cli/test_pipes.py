"""Standard input, standard output and pipes take the place of files."""

import gzip
import io
import os
import sys
import threading

import polars as pl
import pytest
import xlsxwriter
from backports import zstd

from limbeck.cli import main
from limbeck.data.tables import read
from limbeck.errors import LimbeckError
from small import reviews, write_csv


@pytest.fixture
def rows(tmp_path):
    return write_csv(tmp_path / "rows.csv", reviews(30))


@pytest.fixture
def run(monkeypatch, capfdbinary):
    """Run a command in this process with bytes on standard input; exit code, standard output and error come back."""

    def command(*arguments, given=b""):
        out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(SystemExit) as ended:
            main.run([str(word) for word in arguments])
        return ended.value.code, out.buffer.getvalue(), capfdbinary.readouterr().err.decode()

    return command


def as_jsonl(rows):
    return pl.read_csv(rows, infer_schema=False).write_ndjson().encode()


def as_parquet(rows):
    held = io.BytesIO()
    pl.read_csv(rows, infer_schema=False).write_parquet(held)
    return held.getvalue()


@pytest.mark.parametrize(
    "written",
    [
        lambda rows: rows.read_bytes(),
        lambda rows: gzip.compress(rows.read_bytes()),
        lambda rows: zstd.compress(rows.read_bytes()),
        as_jsonl,
        as_parquet,
    ],
    ids=["csv", "gzip", "zstandard", "jsonl", "parquet"],
)
def test_rows_of_standard_input_are_answered_on_standard_output(bundles, rows, run, tmp_path, written):
    code, out, err = run("predict", bundles("ngram"), "-", "-", "--columns", "id,class", given=written(rows))
    assert code == 0
    assert "30 rows" in err
    run("predict", bundles("ngram"), rows, tmp_path / "out.csv", "--columns", "id,class")
    assert out == (tmp_path / "out.csv").read_bytes()


def test_what_comes_through_a_pipe_and_goes_out_may_be_told(bundles, rows, run):
    packed = gzip.compress(as_jsonl(rows))
    asked = ("--columns", "id,class", "--input-format", "jsonl.gz", "--format", "jsonl")
    code, out, _ = run("predict", bundles("ngram"), "-", "-", *asked, given=packed)
    assert (code, pl.read_ndjson(out).height) == (0, 30)
    code, _, err = run("predict", bundles("ngram"), "-", "-", "--input-format", "jsnl", given=packed)
    assert (code, "did you mean 'jsonl'" in err) == (2, True)
    code, _, err = run("predict", bundles("ngram"), rows, "-", "--input-format", "csv")
    assert (code, "--input-format: is for pipes" in err) == (2, True)


def test_a_sheet_is_named_and_a_column_renamed(bundles, rows, run, tmp_path):
    book = tmp_path / "book.xlsx"
    with xlsxwriter.Workbook(book) as made:
        pl.DataFrame({"a": [1]}).write_excel(made, "说明")
        pl.read_csv(rows, infer_schema=False).rename({"text": "评论内容"}).write_excel(made, "评论")
    asked = ("--sheet", "评论", "--rename", "评论内容=text")
    code, out, err = run("predict", bundles("ngram"), book, "-", *asked)
    assert (code, out.count(b"\n"), "30 rows" in err) == (0, 31, True)
    code, _, _ = run("evaluate", bundles("ngram"), "-", *asked, given=book.read_bytes())
    assert code == 0
    code, _, err = run("predict", bundles("ngram"), rows, "-", "--sheet", "a")
    assert (code, "this is no Excel file" in err) == (2, True)
    code, out, _ = run("init", book, "--label", "label", "--sheet", "评论")
    assert (code, 'train = "book.xlsx#评论"'.encode() in out) == (0, True)


def test_rows_without_an_answer_are_named_on_standard_error(bundles, run):
    code, out, err = run("predict", bundles("ngram"), "-", "-", given="text,x\n好,1\n少\n".encode())
    assert (code, out.count(b"\n")) == (0, 2)
    assert "stdin.csv, row 2: has 1 fields where the header has 2" in err


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_labelled_rows_come_through_standard_input_too(bundles, rows, run, verb):
    places = [bundles("ngram")] * (2 if verb == "compare" else 1)
    code, out, _ = run(verb, *places, "-", given=rows.read_bytes())
    assert (code, b"30 rows" in out) == (0, True)


def test_a_named_pipe_is_read_like_a_file(bundles, rows, run, tmp_path):
    pipe = tmp_path / "p.csv"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(rows.read_bytes()))
    writer.start()
    code, _, _ = run("predict", bundles("ngram"), pipe, tmp_path / "out.csv", "--columns", "file,row")
    writer.join()
    assert code == 0
    assert pl.read_csv(tmp_path / "out.csv").row(29) == ("p.csv", 30)


@pytest.mark.parametrize(("given", "line"), [(b"", "the file is empty"), (b"x\n1\n", "there is no column 'text'")])
def test_an_error_names_standard_input(bundles, run, tmp_path, given, line):
    code, _, err = run("predict", bundles("ngram"), "-", tmp_path / "out.csv", given=given)
    assert (code, err) == (2, err)
    assert f"error: standard input: {line}" in err


@pytest.mark.parametrize(("make", "kind"), [(os.mkfifo, "a pipe"), (None, "a device or socket")])
def test_in_python_a_pipe_or_a_device_is_called_by_its_name(tmp_path, make, kind):
    path = tmp_path / "p.csv" if make else "/dev/null"
    if make:
        make(path)
    with pytest.raises(LimbeckError, match=f"this is {kind}, not a file"):
        read.read(path)
