"""A sheet gives every cell as it stands there, under the names and the rules of a CSV file."""

import datetime as dt
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from openpyxl import Workbook

from limbeck.data.tables import excel_sheet, read
from limbeck.errors import LimbeckError


def book(path: Path, *rows: list[object], **sheets: list[list[object]]) -> Path:
    made = Workbook()
    for row in rows:
        made.active.append(row)
    for name, cells in sheets.items():
        sheet = made.create_sheet(name)
        for row in cells:
            sheet.append(row)
    made.save(path)
    return path


@pytest.mark.parametrize(
    ("early", "late", "written"),
    [
        (7, "B-1001", ("7", "B-1001")),
        (1, "未定", ("1", "未定")),
        (0.25, "n/a", ("0.25", "n/a")),
        (True, "maybe", ("true", "maybe")),
        (dt.datetime(2026, 1, 2, 3, 4, 5), "unknown", ("2026-01-02 03:04:05", "unknown")),
        ("text", 12, ("text", "12")),
        (0.1234567890123, "none of them", ("0.1234567890123", "none of them")),
        (3, "NA", ("3", "NA")),
    ],
)
def test_a_cell_of_another_type_behind_the_first_thousand_rows_arrives(tmp_path, early, late, written):
    path = book(tmp_path / "a.xlsx", ["id", "text"], *[[early if k < 1050 else late, f"t{k}"] for k in range(1100)])
    frame = read.read(path).frame
    assert frame["id"].null_count() == 0
    assert (frame["id"][0], frame["id"][-1]) == written


def test_numbers_and_dates_alone_in_their_column_keep_their_types(tmp_path):
    rows = [[k, k / 8, dt.datetime(2026, 1, 1 + k), k > 1] for k in range(4)]
    frame = read.read(book(tmp_path / "a.xlsx", ["id", "share", "day", "flag"], *rows)).frame
    assert [kind.is_integer() or kind for kind in frame.dtypes] == [True, pl.Float64, pl.Datetime("ms"), pl.Boolean]


@pytest.mark.parametrize("head", [["id", "text", "text"], ["text ", "id", "text"], ["1", "x", 1]])
def test_a_column_name_that_occurs_twice_is_refused_as_in_a_csv(tmp_path, head):
    csv = tmp_path / "a.csv"
    csv.write_text(",".join(map(str, head)) + "\na,b,c\n", encoding="utf-8")
    lines = []
    for path in (csv, book(tmp_path / "a.xlsx", head, ["a", "b", "c"])):
        with pytest.raises(LimbeckError, match="occurs twice") as caught:
            read.read(path)
        lines.append(caught.value.what)
    assert lines[0] == lines[1]


def test_a_column_without_a_name_is_called_as_in_a_csv(tmp_path):
    assert read.read(book(tmp_path / "a.xlsx", ["a", None, " b "], [1, 2, 3])).frame.columns == ["a", "column_2", "b"]


def test_a_sheet_is_named_behind_the_file(tmp_path):
    path = book(tmp_path / "书.xlsx", ["a"], [1], 评论=[["text"], ["好"], ["差"]], empty=[])
    assert read.read(path).frame.rows() == [(1,)]
    named = tmp_path / "书.xlsx#评论"
    assert read.sources(named) == [named]
    assert read.inspect(named).columns == ("text",)
    assert read.read(named).frame["text"].to_list() == ["好", "差"]
    with pytest.raises(LimbeckError, match="no sheet '评价'; its sheets: 'Sheet', '评论', 'empty'"):
        read.read(tmp_path / "书.xlsx#评价")
    with pytest.raises(LimbeckError, match="the sheet 'empty' is empty"):
        read.read(tmp_path / "书.xlsx#empty")
    with pytest.raises(LimbeckError, match=r"did you mean '书.xlsx'"):
        read.read(tmp_path / "书籍.xlsx#评论")


def test_an_empty_first_sheet_names_the_others(tmp_path):
    with pytest.raises(LimbeckError, match=r"the sheet 'Sheet' has a header but no rows.*other sheets: 'data'"):
        read.read(book(tmp_path / "a.xlsx", ["text"], data=[["text"], ["x"]]))


def packed(path: Path, *parts: tuple[str, str]) -> Path:
    """Write a workbook's archive by hand: the parts that openpyxl would not write."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return path


def unpacked(path: Path) -> list[tuple[str, str]]:
    with zipfile.ZipFile(path) as archive:
        return [(entry.filename, archive.read(entry).decode()) for entry in archive.infolist()]


def test_a_cell_far_outside_the_table_is_one_clear_line_and_not_the_end_of_the_process(tmp_path):
    parts = unpacked(book(tmp_path / "a.xlsx", ["text"], ["好"]))
    far = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    parts = [(name, text.replace("</sheetData>", far)) for name, text in parts]
    with pytest.raises(LimbeckError, match=r"memory.*no cell far outside the table is filled"):
        read.read(packed(tmp_path / "b.xlsx", *parts))


def test_an_archive_that_lies_about_its_sizes_is_refused(tmp_path):
    parts = unpacked(book(tmp_path / "a.xlsx", ["text"], ["好"]))
    path = packed(tmp_path / "b.xlsx", *parts, ("xl/media/x.bin", "0" * 5_000_000))
    data = path.read_bytes()
    size = (5_000_000).to_bytes(4, "little")
    assert data.count(size) >= 1
    path.write_bytes(data.replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(LimbeckError, match="not a readable Excel file"):
        read.read(path)


def test_what_unpacks_to_too_much_is_refused_by_the_bytes_that_come_out(tmp_path, monkeypatch):
    monkeypatch.setattr(excel_sheet, "UNPACKED", 1 << 20)
    path = packed(tmp_path / "b.xlsx", ("xl/media/x.bin", "0" * 5_000_000))
    with pytest.raises(LimbeckError, match="unpacks to more than"):
        excel_sheet.sheet(path, None)


@pytest.fixture(scope="module")
def started_children():
    """Commands of the child processes that are started, as Python audits them; such a hook stays to the end."""
    started: list[object] = []
    sys.addaudithook(lambda event, arguments: started.append(arguments[1]) if event == "subprocess.Popen" else None)
    return started


def test_a_sheet_is_read_by_one_child_process_for_its_columns_and_its_rows(tmp_path, started_children):
    path = book(tmp_path / "a.xlsx", ["text"], ["好"])
    asked = started_children
    asked.clear()
    assert read.read(path).frame.height == 1
    assert len(asked) == 1
    book(path, ["text"], ["一"], ["二"])
    assert read.read(path).frame.height == 2
