"""Every row of a table is answered in order or rejected with its reason, whatever happens on the way."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import openpyxl
import polars as pl
import pytest

import limbeck
from limbeck.data.tables.excel_write import excel_of_lines
from limbeck.errors import LimbeckError
from limbeck.events import Cancelled, Token
from small import python, reviews, write_csv

DEFAULT = "id,label,class,probability"


def predict(bundle, source, output, **options):
    return limbeck.predict(bundle, source, output, quiet=True, **options)


def cells(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def sheet(path, name=None):
    book = openpyxl.load_workbook(path)
    return list((book[name] if name else book.active).values)


@pytest.fixture(scope="module")
def bundle(bundles):
    return bundles("ngram")


@pytest.fixture
def table(tmp_path):
    return write_csv(tmp_path / "rows.csv", reviews(300, seed=3))


def hidden(folder):
    return [file.name for file in folder.iterdir() if file.name.startswith(".")]


def test_the_order_is_kept_and_only_the_asked_columns_are_written(bundle, table, tmp_path):
    done = predict(bundle, table, tmp_path / "out.csv", columns=["probability", "id"])
    rows = cells(tmp_path / "out.csv")
    assert rows[0] == ["probability", "id"]
    assert [row[1] for row in rows[1:]] == [f"r{number}" for number in range(300)]
    assert (done.rows, done.rejected, done.rejects, done.resumed) == (300, 0, None, 0)
    assert hidden(tmp_path) == []
    assert not (tmp_path / "out.csv.rejected.csv").exists()


def test_a_folder_with_testa_gives_id_and_label_back(bundle, tmp_path):
    folder = tmp_path / "fake-news"
    folder.mkdir()
    rows = [{"id": row["id"], "text": row["text"]} for row in reviews(40)]
    write_csv(folder / "testa.csv", rows)
    predict(bundle, folder, tmp_path / "result.csv", columns=["id", "label"])
    found = cells(tmp_path / "result.csv")
    assert found[0] == ["id", "label"]
    assert [row[0] for row in found[1:]] == [row["id"] for row in rows]
    assert {row[1] for row in found[1:]} == {"0", "1"}  # as the training rows wrote them


def test_tables_of_a_folder_come_one_after_the_other_with_their_names(bundle, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_csv(folder / "b.csv", reviews(3))
    (folder / "a.jsonl").write_text('{"text": "好", "n": 1}\n{"text": "坏"}\n', encoding="utf-8")
    predict(bundle, folder, tmp_path / "out.csv", columns=["file", "row", "text"])
    assert [row[:2] for row in cells(tmp_path / "out.csv")[1:]] == [
        ["a.jsonl", "1"], ["a.jsonl", "2"], ["b.csv", "1"], ["b.csv", "2"], ["b.csv", "3"],
    ]  # fmt: skip


def test_nothing_is_dropped_silently(bundle, tmp_path):
    rows = ["id,text", "1,好吃", "2,a,b,c", "3,n\0ul", "4,", "5,   ", "6,\N{BROKEN BAR}broken", "7,很好"]
    data = "\n".join(rows).encode().replace("\N{BROKEN BAR}".encode(), b"\xff\xfe")
    (tmp_path / "in.csv").write_bytes(data + b"\n")
    done = predict(bundle, tmp_path / "in.csv", tmp_path / "out.csv", columns=["id", "row"])
    assert cells(tmp_path / "out.csv")[1:] == [["1", "1"], ["7", "7"]]
    rejected = cells(tmp_path / "out.csv.rejected.csv")
    assert rejected[0] == ["file", "row", "reason"]
    assert [row[:2] for row in rejected[1:]] == [["in.csv", str(row)] for row in (2, 3, 4, 5, 6)]
    reasons = [row[2] for row in rejected[1:]]
    for reason, word in zip(reasons, ("columns|cells|fields|values", "NUL", "empty", "empty", "UTF-8"), strict=True):
        assert any(option in reason for option in word.split("|")), reason
    assert (done.rows, done.rejected, done.rejects) == (2, 5, tmp_path / "out.csv.rejected.csv")


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_a_table_without_one_readable_row_gives_an_empty_output_and_every_reason(bundle, tmp_path, ending):
    (tmp_path / "in.csv").write_text("id,text\n1,\n2,a,b\n", encoding="utf-8")
    (tmp_path / "ragged.csv").write_text("id,text\na,b,c\nd,e,f\n", encoding="utf-8")
    for name in ("in.csv", "ragged.csv"):
        done = predict(bundle, tmp_path / name, tmp_path / f"out.{ending}")
        assert (done.rows, done.rejected) == (0, 2)
        assert len(cells(tmp_path / f"out.{ending}.rejected.csv")) == 3
    if ending == "parquet":
        assert pl.read_parquet(tmp_path / "out.parquet").columns == DEFAULT.split(",")
    if ending == "xlsx":
        assert sheet(tmp_path / "out.xlsx") == [tuple(DEFAULT.split(","))]


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "xlsx"])
def test_every_format_holds_the_same_answers(bundle, table, tmp_path, ending):
    columns = ["id", "row", "label", "class", "probability", "p:bad", "p:good", "input.label", "domain"]
    path = tmp_path / f"out.{ending}"
    predict(bundle, table, path, columns=columns)
    if ending in ("csv", "tsv"):
        found = pl.read_csv(path, separator="\t" if ending == "tsv" else ",", schema_overrides={"label": pl.String})
    else:
        found = {"jsonl": pl.read_ndjson, "parquet": pl.read_parquet, "xlsx": pl.read_excel}[ending](path)
    assert found.columns == columns
    with limbeck.load(bundle) as classifier:
        p = classifier.predict_proba([row["text"] for row in reviews(300, seed=3)])
    np.testing.assert_allclose(found["p:good"].to_numpy(), p[:, 1], atol=1e-6)
    assert found["row"].to_list() == list(range(1, 301))
    assert [str(value) for value in found["input.label"]] == [row["label"] for row in reviews(300, seed=3)]
    assert found["domain"].to_list()[:3] == ["fruit", "books", "hotel"]


def test_a_value_that_comes_late_in_a_column_is_no_surprise_to_parquet(bundle, tmp_path):
    rows = [{"text": f"好{number}", "note": None if number < 500 else f"n{number}"} for number in range(600)]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    predict(bundle, tmp_path / "in.jsonl", tmp_path / "out.parquet", columns=["note", "row"])
    assert pl.read_parquet(tmp_path / "out.parquet")["note"].to_list() == [row["note"] for row in rows]


def test_quotes_newlines_and_formulas_in_copied_columns_survive(bundle, tmp_path):
    rows = [{"id": 'a"b', "text": "好，\n很好"}, {"id": "=1+1", "text": 'a,"b"'}, {"id": "007", "text": "x\ty"}]
    write_csv(tmp_path / "in.csv", rows)
    for ending in ("csv", "tsv"):
        predict(bundle, tmp_path / "in.csv", tmp_path / f"out.{ending}", columns=["id", "text"])
        back = pl.read_csv(tmp_path / f"out.{ending}", separator="," if ending == "csv" else "\t", infer_schema=False)
        assert back.to_dicts() == rows


def test_in_a_workbook_texts_stay_texts_and_numbers_numbers(bundle, tmp_path):
    texts = ["=1+1", "@SUM(A1)", "+2", "http://a.b/c", "007", "_x0041_", "好\x01\nb", "\t"]
    rows = [{"text": "好", "note": text, "n": at, "big": 2**60, "ok": at > 2} for at, text in enumerate(texts)]
    pl.DataFrame(rows).write_parquet(tmp_path / "in.parquet")
    predict(bundle, tmp_path / "in.parquet", tmp_path / "out.xlsx", columns=["note", "n", "big", "ok", "probability"])
    book = openpyxl.load_workbook(tmp_path / "out.xlsx")["answers"]
    cells = list(book.iter_rows(min_row=2))
    assert [row[0].data_type for row in cells] == ["s"] * len(texts)
    found = pl.read_excel(tmp_path / "out.xlsx")
    assert found["note"].to_list() == texts
    assert [tuple(cell.value for cell in row[1:4]) for row in cells] == [(k, str(2**60), k > 2) for k in range(8)]
    assert not any(cell.hyperlink for row in cells for cell in row)
    again = predict(bundle, tmp_path / "out.xlsx", tmp_path / "again.csv", rename={"note": "text"})
    assert again.rows == len(texts) - 1  # a tab is no text


def test_a_workbook_of_a_run_that_was_stopped_has_the_very_same_bytes(bundle, tmp_path):
    source = write_csv(tmp_path / "in.csv", reviews(5000))
    predict(bundle, source, tmp_path / "whole.xlsx")
    token = Token()
    with pytest.raises(Cancelled):
        limbeck.predict(bundle, source, tmp_path / "cut.xlsx", progress=lambda event: token.cancel(), cancel=token)
    assert not (tmp_path / "cut.xlsx").exists()
    predict(bundle, source, tmp_path / "cut.xlsx")
    assert (tmp_path / "cut.xlsx").read_bytes() == (tmp_path / "whole.xlsx").read_bytes()
    assert hidden(tmp_path) == []


def test_what_a_workbook_cannot_hold_is_told(bundle, tmp_path):
    long = "好" * 40_000
    pl.DataFrame({"text": ["好", long]}).write_parquet(tmp_path / "in.parquet")
    done = predict(bundle, tmp_path / "in.parquet", tmp_path / "out.xlsx", columns=["text", "class"])
    assert [len(row[0]) for row in sheet(tmp_path / "out.xlsx")[1:]] == [1, 32_767]
    assert done.notes == ("1 texts were cut to 32,767 characters, the most that a cell of Excel holds",)
    (tmp_path / "lines").write_text("".join(f'{{"a": "{k}"}}\n' for k in range(7)), encoding="utf-8")
    notes = excel_of_lines(tmp_path / "lines", tmp_path / "many.xlsx", ["a"], most=3)
    assert notes == ["3 sheets: a sheet of Excel holds 3 rows"]
    assert [sheet(tmp_path / "many.xlsx", name)[1:] for name in ("answers", "answers 2", "answers 3")] == [
        [("0",), ("1",), ("2",)], [("3",), ("4",), ("5",)], [("6",)]
    ]  # fmt: skip


def test_columns_that_are_called_otherwise_are_renamed(bundle, table, tmp_path):
    predict(bundle, table, tmp_path / "a.csv")
    other = pl.read_csv(table, infer_schema=False).rename({"text": "评论内容", "label": "情感"})
    other.write_csv(tmp_path / "other.csv")
    names = {"评论内容": "text", "情感": "label"}
    predict(bundle, tmp_path / "other.csv", tmp_path / "b.csv", rename=names)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    with pytest.raises(LimbeckError, match="there is no column '评论'"):
        predict(bundle, tmp_path / "other.csv", tmp_path / "b.csv", rename={"评论": "text"})
    answers = limbeck.predict(bundle, other, rename=names, quiet=True)
    assert answers["class"].to_list() == pl.read_csv(tmp_path / "a.csv")["class"].to_list()
    found = limbeck.evaluate(bundle, tmp_path / "other.csv", rename=names, bootstrap=10)
    assert found["n"] == limbeck.evaluate(bundle, table, bootstrap=10)["n"] == 300


def test_the_default_columns_name_the_row_where_there_is_no_id(bundle, tmp_path):
    write_csv(tmp_path / "in.csv", [{"text": "好"}])
    predict(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert cells(tmp_path / "out.csv")[0] == ["row", "label", "class", "probability"]
    write_csv(tmp_path / "in.csv", [{"ID": "7", "text": "好"}])
    predict(bundle, tmp_path / "in.csv", tmp_path / "out.csv")
    assert cells(tmp_path / "out.csv")[1][0] == "7"


@pytest.mark.parametrize(
    ("columns", "output", "line"),
    [
        (["idd"], "out.csv", "there is no column 'idd' to write; did you mean 'id'"),
        (["p:god"], "out.csv", "did you mean 'p:good'"),
        (None, "out.doc", r"cannot write '\.doc'"),
        (None, "out", "without suffix"),
        (None, ".", "cannot write|is a folder"),
        (None, "rows.csv", "this is the input"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_done(bundle, table, tmp_path, columns, output, line):
    before = table.read_bytes()
    with pytest.raises(LimbeckError, match=line):
        predict(bundle, table, tmp_path / output, columns=columns)
    assert table.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["rows.csv"]


def test_an_output_inside_the_input_folder_is_not_read_as_input(bundle, tmp_path):
    write_csv(tmp_path / "in.csv", reviews(5))
    for _ in range(2):
        assert predict(bundle, tmp_path, tmp_path / "out.csv").rows == 5


def test_a_missing_text_column_names_the_nearest_even_in_the_second_table(bundle, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_csv(folder / "a.csv", [{"texts": "好"}])
    with pytest.raises(LimbeckError, match=r"a\.csv: there is no column 'text'; did you mean 'texts'"):
        predict(bundle, folder, tmp_path / "out.csv")
    write_csv(folder / "a.csv", [{"text": "好"}])
    write_csv(folder / "b.csv", [{"tex": "好"}])
    with pytest.raises(LimbeckError, match=r"b\.csv: there is no column 'text'; did you mean 'tex'"):
        predict(bundle, folder, tmp_path / "out.csv")
    write_csv(folder / "b.csv", [{"text": "好"}])
    (folder / "c.csv").write_text("", encoding="utf-8")
    with pytest.raises(LimbeckError, match=r"c\.csv: the file is empty"):
        predict(bundle, folder, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_column_that_only_the_first_table_has_is_named(bundle, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    write_csv(folder / "a.csv", [{"text": "好", "extra": "1"}])
    write_csv(folder / "b.csv", [{"text": "好"}])
    with pytest.raises(LimbeckError, match=r"b\.csv: there is no column 'extra'"):
        predict(bundle, folder, tmp_path / "out.csv", columns=["extra", "label"])


RUN = """
import sys
import limbeck, limbeck.bundle.prediction.predict_files as stream
stream.WINDOW = 64  # many small windows, so that there is much to interrupt
bundle, source, output = sys.argv[1:]
done = limbeck.predict(bundle, source, output, columns=["id", "text", "label", "probability"])
print(done.rows, done.rejected, done.resumed)
"""


def killed_after(rows, bundle, source, output):
    """Start a prediction in a process of its own and kill it once its journal shows so many rows; return the count."""
    journal = output.with_name(f".{output.name}.journal.json")
    running = subprocess.Popen([sys.executable, "-c", RUN, bundle, source, output], stderr=subprocess.DEVNULL)
    deadline, seen = time.monotonic() + 60, 0
    while running.poll() is None and time.monotonic() < deadline:
        try:
            stored = json.loads(journal.read_text("utf-8"))
            seen = stored["answered"] + stored["rejected"]
        except (OSError, ValueError):
            continue
        if seen >= rows:
            break
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL, "it was over before it could be killed"
    return seen


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_killed_run_goes_on_and_ends_with_the_very_same_bytes(bundle, tmp_path, ending):
    source = tmp_path / "in"
    source.mkdir()
    rows = reviews(3000, seed=9)
    for number in range(0, 3000, 50):
        rows[number]["text"] = " "
    write_csv(source / "a.csv", rows[:1200])
    write_csv(source / "b.csv", rows[1200:])
    whole, cut = tmp_path / f"whole.{ending}", tmp_path / f"cut.{ending}"
    cut.write_text("the earlier output", encoding="utf-8")
    assert python(RUN, bundle, source, whole).stdout.split() == ["2940", "60", "0"]
    seen = [killed_after(count, bundle, source, cut) for count in (1, 1000, 2000)]
    assert cut.read_text("utf-8") == "the earlier output"
    done = python(RUN, bundle, source, cut)
    answered, rejected, resumed = map(int, done.stdout.split())
    assert (answered, rejected) == (2940, 60)
    assert resumed >= seen[-1] >= 2000
    assert f"resumed after {resumed:,} rows" in done.stderr
    assert cut.read_bytes() == whole.read_bytes()
    assert cells(tmp_path / f"cut.{ending}.rejected.csv") == cells(tmp_path / f"whole.{ending}.rejected.csv")
    assert hidden(tmp_path) == []


def test_a_journal_of_other_rows_or_a_damaged_one_is_not_believed(bundle, table, tmp_path):
    output = tmp_path / "out.csv"
    killed_after(1, bundle, write_csv(tmp_path / "long.csv", reviews(1500)), output)
    assert predict(bundle, table, output).resumed == 0
    expected = output.read_bytes()
    for content in ("", "{", "[]", '{"fingerprint": 3, "x": 1}'):
        (tmp_path / ".out.csv.journal.json").write_text(content, encoding="utf-8")
        (tmp_path / ".out.csv.part").write_text("rubbish", encoding="utf-8")
        assert predict(bundle, table, output).resumed == 0
        assert output.read_bytes() == expected


def test_a_part_shorter_than_its_journal_says_is_begun_anew(bundle, tmp_path):
    source, output = write_csv(tmp_path / "in.csv", reviews(1500)), tmp_path / "out.csv"
    killed_after(500, bundle, source, output)
    (tmp_path / ".out.csv.rejected.part").write_bytes(b"")
    done = python(RUN, bundle, source, output)
    assert done.stdout.split() == ["1500", "0", "0"]
    assert b"\0" not in output.read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_full_device_is_one_clear_line(bundle, table, tmp_path, ending, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"full.{ending}").symlink_to("/dev/full")
    with pytest.raises(LimbeckError, match="No space left on device; free some space"):
        predict(bundle, table, tmp_path / f"full.{ending}")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 256 KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system can be mounted by root only")
    yield place
    subprocess.run(["umount", "-l", place], check=False)


@pytest.mark.parametrize("ending", ["csv", "parquet", "xlsx"])
def test_a_disk_that_fills_up_leaves_the_earlier_output_and_its_rejects(bundle, small_disk, tmp_path, ending):
    rows = reviews(4000)
    source = write_csv(tmp_path / "in.csv", [{**rows[0], "text": ""}, *rows])
    output = small_disk / f"out.{ending}"
    output.write_text("earlier", encoding="utf-8")
    rejects = small_disk / f"out.{ending}.rejected.csv"
    rejects.write_text("earlier rejects", encoding="utf-8")
    with pytest.raises(LimbeckError, match="No space left on device") as caught:
        predict(bundle, source, output, columns=["id", "text", "p:good"])
    assert "\n" not in str(caught.value)
    assert output.read_text("utf-8") == "earlier"
    assert rejects.read_text("utf-8") == "earlier rejects"


def test_memory_does_not_grow_with_the_rows(bundle, tmp_path):
    code = """
import resource, sys
import limbeck
limbeck.predict(*sys.argv[1:], quiet=True)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    line = "，".join(row["text"] for row in reviews(3))
    peaks = []
    for count in (20_000, 100_000):
        with (tmp_path / "in.csv").open("w", encoding="utf-8") as file:
            file.write("id,text\n")
            file.writelines(f"{number},{number}{line}\n" for number in range(count))
        done = python(code, bundle, tmp_path / "in.csv", tmp_path / "out.csv")
        assert done.returncode == 0, done.stderr
        peaks.append(int(done.stdout))
    assert peaks[1] <= 1.15 * peaks[0] + 20_000  # KiB
    assert sum(1 for _ in (tmp_path / "out.csv").open("rb")) == 100_001


def test_what_a_run_killed_in_its_journal_left_behind_goes_with_the_journal(tmp_path, bundle):
    output = tmp_path / "answers.csv"
    left = tmp_path / "..answers.csv.journal.json.0123abcd.part"
    left.write_bytes(b"{")
    other = tmp_path / "..other.csv.journal.json.0123abcd.part"
    other.write_bytes(b"{")
    limbeck.predict(bundle, write_csv(tmp_path / "rows.csv", reviews(5)), output)
    assert output.exists()
    assert not left.exists()
    assert other.exists()
