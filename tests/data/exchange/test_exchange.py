"""Reviewed rows go out and come in again unchanged, in every form."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from limbeck.data.exchange import label_studio
from limbeck.data.exchange.escape import escaped, sheet_escaped, sheet_unescaped, unescaped
from limbeck.data.exchange.read import Row, Source, look, read
from limbeck.data.exchange.record import Answer, Record, Review, with_label
from limbeck.data.exchange.write import ENDINGS, write
from limbeck.errors import LimbeckError

HOSTILE = [
    "=1+1", "+1", "-1", "@SUM(A1)", "\tq", "\rz", "\nq", " =1", "'=x", "''+1", "＝1", "a\r\nb", "a\rb", " lead",
    "trail ", "1.100000000", "007", "1e5", "TRUE", "NA", "#N/A", "null", "\x01c", "\x0b", "_x0041_", "2024-01-01",
    '{"a":1}', "[1]", "🙂𠮷", 'a"b,c;d', "\u2028x", "\x85y", "\ufeffbom", "http://x.example", "{=1}",
]  # fmt: skip


def record(text: str, number: int = 0) -> Record:
    """Make a record with everything in it."""
    return Record(
        {"text": text, "note": text, "=shop": text},
        id=str(number),
        label="pos",
        state="reviewed",
        answers=(Answer("neg", "reviews", "0123abcd", 0.1234567890123, {"neg": 0.1234567890123, "pos": 0.8765}),),
        reviews=(
            Review("", "lin", "2026-11-28T15:00:00+00:00", note="skipped"),
            Review("neg", "lin", "2026-11-28T15:00:01.5+00:00"),
            Review("pos", "王", "2026-11-28T15:00:02.123456+00:00", note=text, more={"seconds": 1.5, "blind": True}),
            Review("neg", "qwen", "2026-11-28T15:00:03+00:00", "llm", more={"prompt": "ab12"}),
        ),
        more={"gold": True},
    )


def through(form: str, path: Path, records: list[Record]) -> list[Row]:
    """Write records and read them."""
    write(form, path, lambda: iter(records))
    return back(path)


def back(path: Path) -> list[Row]:
    """Read a file by its own look."""
    _format, form, _own = look(path)
    return [row for part in read(Source(path, form), rows=7) for row in part]


@pytest.mark.parametrize("form", ENDINGS)
def test_round_trips_are_exact(form: str, tmp_path: Path) -> None:
    records = [record(text, number) for number, text in enumerate(HOSTILE)]
    rows = through(form, tmp_path / f"rows{ENDINGS[form]}", records)
    assert [row.record for row in rows] == records
    assert [row.number for row in rows] == list(range(1, len(records) + 1))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), min_size=1)
)
@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet", "label-studio", "doccano"])
def test_any_text_goes_out_and_in(form: str, texts: list[str], tmp_path: Path) -> None:
    path = tmp_path / f"any{ENDINGS[form]}"
    assert [row.record for row in through(form, path, [record(text) for text in texts])] == [
        record(text) for text in texts
    ]


@given(st.text(st.sampled_from("'=+-@\t\r\n 1.0x＝"), max_size=12))
def test_every_cell_is_inert_and_restored(cell: str) -> None:
    assert unescaped(escaped(cell)) == cell
    assert escaped(cell).lstrip(" ")[:1] not in tuple("=+-@\t\r\n＝")
    assert sheet_unescaped(sheet_escaped(cell)) == cell


def test_no_cell_of_a_table_is_a_formula(tmp_path: Path) -> None:
    records = [record(text) for text in HOSTILE]
    write("csv", tmp_path / "rows.csv", lambda: iter(records))
    with (tmp_path / "rows.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n＝＋－＠")]
    write("excel", tmp_path / "rows.xlsx", lambda: iter(records))
    sheet = openpyxl.load_workbook(tmp_path / "rows.xlsx").active
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} <= {"s", "inlineStr"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.hyperlink]


def change(form: str, path: Path) -> None:
    """Let somebody change the label in the tool, to neu."""
    data: Any = json.loads(path.read_text("utf-8")) if ENDINGS[form] == ".json" else None
    if form == "label-studio":
        data[0]["annotations"][0] |= {"id": 7, "completed_by": {"id": 3, "email": "zhao@example.org"}}
        data[0]["annotations"][0]["result"][0]["value"]["choices"] = ["neu"]
    elif form == "argilla":
        data[0]["responses"]["label"][0]["value"] = "neu"
    elif form == "doccano":
        line = json.loads(path.read_text("utf-8"))
        path.write_text(json.dumps({**line, "id": 5, "label": ["neu"], "Comments": []}), "utf-8")
        return
    else:
        path.write_text(path.read_text("utf-8").replace(",pos,reviewed,", ",neu,reviewed,"), "utf-8")
        return
    path.write_text(json.dumps(data), "utf-8")


@pytest.mark.parametrize("form", ["csv", "label-studio", "argilla", "doccano"])
def test_a_label_changed_outside_is_one_more_review(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{ENDINGS[form]}"
    through(form, path, [record("好")])
    change(form, path)
    (row,) = back(path)
    assert row.record is not None
    assert row.record.reviews[:-1] == record("好").reviews
    assert (row.record.reviews[-1].label, row.record.reviews[-1].source) == ("neu", "import")
    if form == "label-studio":
        assert row.record.reviews[-1].by == "label-studio:zhao@example.org"


def test_a_table_of_others_is_read_by_its_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("评论,类别,店\n'=好,pos,A\n,neg,B\n坏,,C\n", "utf-8")
    source = Source(tmp_path / "t.csv", text="评论", label="类别")
    good, empty, bare = (row for part in read(source) for row in part)
    assert good.record == with_label(Record({"text": "'=好", "店": "A"}), "pos")  # no export: nothing was escaped
    assert (empty.number, empty.record, empty.reason) == (2, None, "the cell '评论' is empty")
    assert bare.record == Record({"text": "坏", "店": "C"})
    with pytest.raises(LimbeckError, match="has no column 'review'"):
        list(read(Source(tmp_path / "t.csv", text="review")))


def test_reading_goes_on_behind_what_is_done(tmp_path: Path) -> None:
    records = [record(str(number), number) for number in range(20)]
    through("csv", tmp_path / "rows.csv", records)
    later = [row for part in read(Source(tmp_path / "rows.csv"), skip=13, rows=5) for row in part]
    assert [row.number for row in later] == list(range(14, 21))


def with_history(history: object) -> dict[str, Any]:
    """Make a task with a history."""
    return {"data": {"text": "a"}, "annotations": [], "meta": {"limbeck": history}}


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ({"data": {"text": "a"}, "annotations": [{"result": 5}]}, "no list as 'result'"),
        ({"data": {"text": "a"}, "annotations": [{"result": [{"value": {"labels": ["x"]}}]}]}, "neither a choice"),
        ({"data": {"text": "a"}, "annotations": [{"result": [{"value": {"choices": ["x", "y"]}}]}]}, "2 choices"),
        ({"data": "a", "annotations": []}, "no object as 'data'"),
        ({"data": {}, "annotations": []}, "the row is empty"),
        (with_history("{"), "is not JSON"),
        (with_history({"limbeck": 9}), "has no version"),
        (with_history({"limbeck": 1, "reviews": 3}), "no list"),
        (with_history({"limbeck": 1, "answers": [{"probability": 7}]}), "a probability"),
        (with_history({"limbeck": 1, "answers": [{"label": 7}]}), "no text as 'label'"),
    ],
)
def test_hostile_tasks_are_refused_in_a_line(task: dict[str, Any], reason: str, tmp_path: Path) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([task, {"data": {"text": "good"}, "annotations": []}]), "utf-8")
    bad, good = back(tmp_path / "tasks.json")
    assert bad.record is None and reason in bad.reason
    assert good.record == Record({"text": "good"})


def test_a_small_file_of_long_rows_stays_small(tmp_path: Path) -> None:
    """Each row names the same text: such a file of a kilobyte could be gigabytes of texts."""
    texts = ["a" * (5 << 20)] * 9 + ["good"]
    pl.DataFrame({"text": texts}).write_parquet(tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 10_000
    (rows,) = read(Source(tmp_path / "x.parquet", text="text"))
    assert {row.reason for row in rows[:-1]} == {"the row has over 4,194,304 bytes of text"}
    assert rows[-1].record == Record({"text": "good"})


def test_what_a_form_cannot_hold_is_told(tmp_path: Path) -> None:
    with pytest.raises(LimbeckError, match="a cell of Excel holds"):
        write("excel", tmp_path / "x.xlsx", lambda: iter([Record({"text": "a" * 40_000})]))
    with pytest.raises(LimbeckError, match="begins like those of an export"):
        write("csv", tmp_path / "x.csv", lambda: iter([Record({"limbeck.label": "a"})]))
    with pytest.raises(LimbeckError, match="one that doccano uses"):
        write("doccano", tmp_path / "x.jsonl", lambda: iter([Record({"text": "a", "id": "5"})]))
    assert not list(tmp_path.iterdir())


def test_the_labelling_configuration_is_well_formed() -> None:
    import xml.etree.ElementTree as ElementTree

    found = ElementTree.fromstring(label_studio.config(("a<b", '"好"')))
    assert [choice.get("value") for choice in found.iter("Choice")] == ["a<b", '"好"']
