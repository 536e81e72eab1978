"""Of a folder every table is read, packed ones too, and what is left out is named by every verb."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
from backports import zstd

import limbeck
from limbeck.cli import tables
from limbeck.data.tables import read
from limbeck.data.tables.packed_file import FREE
from limbeck.dataset.automatic.understand import understand
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from small import reviews, tiny_recipe, write_csv

HEADER = "text,label\n"
ROWS = "物流很快，水果新鲜,1\n质量太差了，再也不买,0\n一般般吧,1\n"


def pack(path: Path, data: str | bytes, encoding: str = "utf-8") -> Path:
    packer = gzip.compress if path.suffix == ".gz" else zstd.compress
    path.write_bytes(packer(data if isinstance(data, bytes) else data.encode(encoding)))
    return path


@pytest.fixture
def inbox(tmp_path):
    """A folder with 200 rows in each of five places: two tables, a packed one, Feather, and a folder."""
    folder = tmp_path / "in"
    (folder / "dt=2026-01-02").mkdir(parents=True)
    (folder / "empty").mkdir()
    rows = reviews(1000)
    write_csv(folder / "a.csv", rows[:200])
    write_csv(folder / "b.csv", rows[200:400])
    pack(folder / "b.csv.gz", (folder / "b.csv").read_bytes())
    (folder / "b.csv").unlink()
    write_csv(folder / "dt=2026-01-02" / "c.csv", rows[400:600])
    pl.DataFrame(rows[600:800]).write_ipc(folder / "d.feather")
    (folder / "e.json").write_text(json.dumps(rows[800:], ensure_ascii=False), encoding="utf-8")
    (folder / "schema.json").write_text('{"columns": ["text"]}', encoding="utf-8")
    (folder / "out.csv.rejected.csv").write_text("file,row,reason\n", encoding="utf-8")
    return folder


LEFT = "left out of the folder in: d.feather, schema.json, 1 folders with tables (dt=2026-01-02)"


def test_predict_reads_packed_and_json_tables_and_names_the_rest(bundles, inbox, tmp_path, capsys):
    done = limbeck.predict(bundles("ngram"), inbox, tmp_path / "out.csv", columns=["file", "id"], quiet=True)
    assert done.rows == 600
    assert done.notes == (LEFT,)
    tables.predicted(done)
    assert LEFT in capsys.readouterr().out
    files = pl.read_csv(tmp_path / "out.csv")["file"].unique(maintain_order=True).to_list()
    assert files == ["a.csv", "b.csv.gz", "e.json"]


def test_training_doctor_and_evaluation_name_the_rest_too(bundles, inbox):
    recipe = tiny_recipe(data={"train": str(inbox)})
    assert LEFT in prepare(recipe, inbox).findings
    assert [finding.level for finding in limbeck.doctor(recipe) if finding.what == LEFT] == ["warn"]
    assert LEFT in limbeck.evaluate(bundles("ngram"), inbox, bootstrap=2)["findings"]


def test_a_folder_without_a_table_names_what_is_in_it(tmp_path):
    (tmp_path / "a.feather").write_bytes(b"x")
    with pytest.raises(LimbeckError, match=r"holds no table; put a file there.*left out: a.feather"):
        read.sources(tmp_path)


@pytest.mark.parametrize(("ending", "separator"), [("csv", ","), ("tsv", "\t")])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "gb18030"])
def test_a_packed_table_is_read_like_any_other(tmp_path, ending, separator, codec):
    text = (HEADER + ROWS).replace(",", separator)
    packed = read.read(pack(tmp_path / f"a.{ending}.gz", text, codec))
    (tmp_path / f"a.{ending}").write_bytes(text.encode(codec))
    plain = read.read(tmp_path / f"a.{ending}")
    assert packed.frame.equals(plain.frame)
    assert (packed.frame.height, packed.format.encoding) == (3, plain.format.encoding)


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_packed_json_lines_go_on_where_the_last_reader_stopped(tmp_path, packed):
    path = pack(tmp_path / f"a.jsonl.{packed}", "\n".join(json.dumps({"n": k}) for k in range(50)))
    chunks = list(read.stream(path, rows=7, skip=20))
    assert [int(n) for chunk in chunks for n in chunk.numbers] == list(range(21, 51))


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: data[:30] + b"\xff" * 20 + data[50:], lambda _: b"no"]
)
@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_damaged_packed_file_is_one_clear_line(tmp_path, damage, packed):
    rows = "".join(f"第{k}条,{k * k % 7}\n" for k in range(500))
    path = pack(tmp_path / f"a.csv.{packed}", HEADER + rows)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(LimbeckError, match="the packed file is damaged or cut off") as caught:
        read.read(path)
    assert str(path) in str(caught.value)


def test_a_frame_that_asks_for_a_window_of_two_gigabytes_is_refused(tmp_path):
    # RFC 8878, 3.1.1: magic number, no content size, window descriptor 2^31, then a block of zeros.
    (tmp_path / "a.csv.zst").write_bytes(bytes.fromhex("28b52ffd00a8") + b"\x03\x00\x10\x00" * 3)
    with pytest.raises(LimbeckError, match="the packed file is damaged or cut off"):
        read.read(tmp_path / "a.csv.zst")


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_packed_file_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path, monkeypatch, packed):
    monkeypatch.setattr("limbeck.data.tables.packed_file.FREE", 1 << 20)
    assert FREE == 1 << 30
    path = pack(tmp_path / f"bomb.csv.{packed}", HEADER + "a,1\n" * 2_000_000)
    with pytest.raises(LimbeckError, match="unpacks to more than 200 times its size"):
        read.read(path)


def test_a_pattern_names_several_tables(bundles, inbox, tmp_path):
    assert [file.name for file in read.sources(inbox / "?.csv*")] == ["a.csv", "b.csv.gz"]
    assert [file.name for file in read.sources(inbox / "**" / "*.csv")] == ["a.csv", "c.csv"]
    done = limbeck.predict(bundles("ngram"), inbox / "**" / "*.csv", tmp_path / "out.csv", columns=["file"], quiet=True)
    assert done.rows == 400
    data = prepare(tiny_recipe(data={"train": "*.csv*"}), inbox)
    assert data.frame.height == 400
    found = understand(inbox / "*.csv*")
    assert (found.tables["data"]["train"], found.folder) == ("*.csv*", inbox)
    for pattern, line in (("*.none", "no file matches the pattern"), ("*", "no table has the ending '.feather'")):
        with pytest.raises(LimbeckError, match=line):
            read.sources(inbox / pattern)


def test_an_array_of_objects_is_a_table_and_what_is_no_object_a_reject(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(
        '[{"text": "好", "n": 1}, 3, {"text": null, "late": [1, "二"]}, {"text": "\\ud800"}]', encoding="utf-8"
    )
    table = read.read(path)
    assert table.frame.rows() == [("好", "1", None), (None, None, '[1, "二"]')]
    assert [(reject.row, reject.reason.split()[0]) for reject in table.rejects] == [(2, "is"), (4, "has")]
    assert table.numbers.tolist() == [1, 3]
    rest = next(read.stream(path, skip=2, columns=["text"]))
    assert (rest.numbers.tolist(), [reject.row for reject in rest.rejects]) == ([3], [4])


def test_a_json_of_one_object_a_line_is_read_as_lines(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"a": 1}\n{"a": 2}\n', encoding="utf-8")
    assert read.read(path).frame["a"].to_list() == ["1", "2"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1}, {"a": ', "element 2: is not valid JSON"),
        ('[{"a": 1} {"a": 2}]', "the array breaks off after element 1"),
        ('[{"a": 1}', "the array breaks off after element 1"),
        ("[" * 200_000, "element 1: is nested too deeply"),
        ('{\n "rows": [1]\n}', "expected a JSON array of objects, or one object a line"),
        ("[]", "empty"),
        ("", "empty"),
        ("[", "element 1: is not valid JSON"),
        ('[{"a":1},]', "element 2: is not valid JSON"),
    ],
)
def test_a_broken_json_is_one_clear_line(tmp_path, text, line):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LimbeckError, match=line):
        read.read(path)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.feather", "save it as .parquet"),
        ("a.ods", "save it as .xlsx"),
        ("a.zip", "unpack it first"),
        ("a.pkl", "never opened"),
        ("a", "has no ending"),
    ],
)
def test_a_table_of_another_format_says_what_to_do(tmp_path, name, line):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(LimbeckError, match=line):
        read.read(tmp_path / name)
