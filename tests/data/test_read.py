"""Any table is read as it is meant, and every broken row is named instead of crashing or vanishing."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from limbeck.data.tables import read
from limbeck.data.tables.lines import LONGEST
from limbeck.errors import LimbeckError

HEADER = "text,label\n"
ROWS = "物流很快，水果新鲜,1\n质量太差了，再也不买,0\n一般般吧,1\n"


def write(path: Path, data: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("codec", "bom", "found"),
    [
        ("utf-8", b"", "utf-8"),
        ("utf-8-sig", b"", "utf-8-sig"),
        ("utf-16-le", b"\xff\xfe", "utf-16-le"),
        ("utf-16-be", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", b"", "utf-16-be"),
        ("gb18030", b"", "gb18030"),
    ],
)
def test_each_encoding_is_detected_and_read(tmp_path, codec, bom, found):
    path = write(tmp_path / "a.csv", bom + (HEADER + ROWS).encode(codec))
    table = read.read(path)
    assert table.format.encoding == found
    assert table.frame["text"].to_list() == ["物流很快，水果新鲜", "质量太差了，再也不买", "一般般吧"]
    assert table.frame.columns == ["text", "label"]
    assert table.rejects == ()


@pytest.mark.parametrize("repeat", [1, 200_000])
def test_a_broken_run_in_the_middle_leaves_the_file_utf8_and_rejects_its_row(tmp_path, repeat):
    good = ROWS.encode() * repeat
    path = write(tmp_path / "a.csv", HEADER.encode() + good + b"\xe5\xa5\xff\xfe\x80,1\n" + good)
    table = read.read(path)
    assert table.format.encoding == "utf-8"
    assert [reject.row for reject in table.rejects] == [3 * repeat + 1]
    assert "UTF-8" in table.rejects[0].reason
    assert table.numbers.tolist() == [n for n in range(1, 6 * repeat + 2) if n != 3 * repeat + 1]


def test_broken_bytes_in_gb18030_reject_only_their_row(tmp_path):
    path = write(tmp_path / "a.csv", (HEADER + ROWS * 20).encode("gb18030") + b"\xff\xff,1\n")
    table = read.read(path)
    assert table.format.encoding == "gb18030"
    assert [reject.row for reject in table.rejects] == [61]


def test_one_broken_byte_in_an_english_file_does_not_make_it_chinese(tmp_path):
    table = read.read(write(tmp_path / "a.csv", b"text,label\ngood caf\xe9s,1\nbad,0\n"))
    assert table.format.encoding == "utf-8"
    assert table.frame["text"].to_list() == ["bad"]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path, delimiter):
    path = write(tmp_path / "a.csv", f"text{delimiter}label\na{delimiter}1\n")
    assert read.inspect(path).delimiter == delimiter
    assert read.read(path).frame.rows() == [("a", "1")]


def test_commas_in_a_text_file_of_one_column_are_no_delimiters(tmp_path):
    assert read.read(write(tmp_path / "a.txt", "text\na, b\n")).frame.rows() == [("a, b",)]


def test_every_broken_row_is_named_and_the_rest_is_read(tmp_path):
    lines = [
        "好,1",
        '"没有结束,0',  # 2: unclosed
        "x,1",
        '"两\n行",0',  # 4: two lines, one row
        "",  # no row
        "a,b,c",  # 5: ragged
        "a",  # 6: ragged
        "n\0ul,1",  # 7
        '"小米"手机,1',  # 8: stray quotes, read leniently
        "trailing,1,",  # 9: empty surplus field
        '最后,"open',  # 10
    ]
    table = read.read(write(tmp_path / "a.csv", HEADER + "\n".join(lines)))
    assert table.frame.rows() == [("好", "1"), ("x", "1"), ("两\n行", "0"), ("小米手机", "1"), ("trailing", "1")]
    assert table.numbers.tolist() == [1, 3, 4, 8, 9]
    assert {reject.row: reject.reason.split()[0] for reject in table.rejects} == {
        2: "a", 5: "has", 6: "has", 7: "holds", 10: "a",
    }  # fmt: skip


def test_an_unclosed_quote_swallows_no_row_even_across_blocks(tmp_path):
    rows = [f"r{k},1" for k in range(5000)]
    rows[10] = '"r10,1'
    table = read.read(write(tmp_path / "a.csv", HEADER + "\n".join(rows)))
    chunks = list(read.stream(tmp_path / "a.csv", rows=100))
    assert [reject.row for reject in table.rejects] == [11]
    assert table.frame.height == 4999
    assert max(chunk.frame.height for chunk in chunks) <= 100
    assert np.concatenate([chunk.numbers for chunk in chunks]).tolist() == table.numbers.tolist()


def test_a_text_of_5_mb_is_read_and_an_endless_line_is_rejected(tmp_path):
    path = write(tmp_path / "a.csv", HEADER + "x" * 5_000_000 + ",1\n" + "y" * (2 * LONGEST + 5) + ",1\nz,0\n")
    table = read.read(path)
    assert [len(text) for text in table.frame["text"]] == [5_000_000, 1]
    assert table.numbers.tolist() == [1, 3]
    assert "longer" in table.rejects[0].reason


def test_values_stay_text_and_empty_stays_empty(tmp_path):
    assert read.read(write(tmp_path / "a.csv", "a,b\n007,\n")).frame.rows() == [("007", "")]


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "xlsx"])
def test_skip_continues_exactly_where_the_last_reader_stopped(tmp_path, ending):
    frame = pl.DataFrame({"text": [f"行{k}" for k in range(50)], "label": [str(k % 2) for k in range(50)]})
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "jsonl":
        frame.write_ndjson(path)
    elif ending == "parquet":
        frame.write_parquet(path)
    else:
        _excel(path, frame)
    whole = read.read(path).frame
    for skip in (0, 1, 13, 49, 50):
        chunks = list(read.stream(path, rows=7, skip=skip, columns=["label", "text"]))
        numbers = [int(n) for chunk in chunks for n in chunk.numbers]
        assert numbers == list(range(skip + 1, 51))
        if chunks and numbers:
            texts = pl.concat([chunk.frame for chunk in chunks])
            assert texts.columns == ["label", "text"]
            assert texts["text"].to_list() == whole["text"].to_list()[skip:]


def _excel(path: Path, frame: pl.DataFrame) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(frame.columns)
    for row in frame.rows():
        book.active.append(row)
    book.save(path)


def test_json_lines_become_text_and_broken_lines_rejects(tmp_path):
    lines = ['{"text":"好","label":1}', '{"text":null,"late":[1]}', "[1]", "{oops", '{"text":"\\ud800"}', "[" * 100_000]
    table = read.read(write(tmp_path / "a.jsonl", "\n".join(lines)))
    assert table.frame.rows() == [("好", "1", None), (None, None, "[1]")]
    assert [reject.row for reject in table.rejects] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    ("name", "data", "line"),
    [
        ("a.csv", "", "empty"),
        ("a.csv", "text,label\n", "no rows"),
        ("a.jsonl", "", "empty"),
        ("a.doc", "x", "ending"),
        ("a.csv", "a,a\n1,2\n", "twice"),
        ("a.csv", b"\x89PNG\r\n\0\0", "text file|valid UTF-8"),
        ("a.parquet", "no", "not a readable Parquet"),
        ("a.xlsx", "no", "not a readable Excel"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, name, data, line):
    path = write(tmp_path / name, data)
    with pytest.raises(LimbeckError, match=line) as caught:
        read.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_folder_and_column_are_named(tmp_path):
    write(tmp_path / "reviews.csv", HEADER + ROWS)
    with pytest.raises(LimbeckError, match=r"did you mean 'reviews.csv'"):
        read.stream(tmp_path / "review.csv")
    with pytest.raises(LimbeckError, match="folder"):
        read.read(tmp_path)
    with pytest.raises(LimbeckError, match="did you mean 'label'"):
        read.read(tmp_path / "reviews.csv", columns=["lable"])


def test_a_folder_gives_its_tables_sorted_without_hidden_and_rejected_ones(tmp_path):
    for name in ("b.csv", "a.tsv", ".hidden.csv", "out.csv.rejected.csv", "notes.md"):
        write(tmp_path / name, "x\n")
    assert [file.name for file in read.sources(tmp_path)] == ["a.tsv", "b.csv"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(LimbeckError, match="no table"):
        read.sources(tmp_path / "empty")


@pytest.mark.timeout(60)  # a guard against quadratic work, not a measurement
def test_a_hundred_thousand_rows_stream_without_stalling(tmp_path):
    path = write(tmp_path / "a.csv", HEADER + "这是一条六十字左右的评论" * 5 + ",1\n")
    path.write_text(HEADER + ("这是一条六十字左右的评论" * 5 + ",1\n") * 100_000, encoding="utf-8")
    assert sum(chunk.frame.height for chunk in read.stream(path)) == 100_000


def test_json_numbers_and_flags_are_written_out(tmp_path):
    path = write(tmp_path / "a.ndjson", json.dumps({"a": 1.5, "b": True}) + "\n")
    assert read.read(path).frame.rows() == [("1.5", "true")]


def test_whole_numbers_of_a_sheet_stay_whole(tmp_path):
    _excel(tmp_path / "t.xlsx", pl.DataFrame({"id": [0, 1, 2], "share": [0.5, 1.0, 2.0], "some": [1, None, 3]}))
    frame = read.read(tmp_path / "t.xlsx").frame
    assert frame["id"].cast(pl.String).to_list() == ["0", "1", "2"]
    assert frame["some"].cast(pl.String).to_list() == ["1", None, "3"]
    assert frame["share"].dtype == pl.Float64
