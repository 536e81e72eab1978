"""Import and export of what is under review: each row once, nothing changed on the way."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
import xlsxwriter
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from limbeck.data.exchange.read import Source, look, read
from limbeck.data.exchange.write import ENDINGS, write
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import verify
from limbeck.studio.exchange import importing
from limbeck.studio.exchange.exporting import file_of
from limbeck.studio.exchange.mapping import record_of
from limbeck.studio.exchange.models import Import, Rejected
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.opinions.models import Opinion
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.services.answers.adjudicate import adjudicate
from limbeck.studio.review.services.answers.answer import Answer, answer, undo
from limbeck.studio.roles import Ability
from small import reviews
from studio.test_api import token_of

pytestmark = pytest.mark.django_db(transaction=True)
TEXTS = [row["text"] for row in reviews(8)]
HOSTILE = ["=1+1", "+1", "-1", "@x", "\tq", "\rz\r\n", "'=x", "1.100000000", '{"a":1}', "🙂𠮷"]


def work() -> None:
    """Do the jobs that wait."""
    Worker().run(until_empty=True)


def imported(client: Client, content: bytes, name: str, **asked: str) -> Job:
    """Import a file through the pages."""
    page = client.post(
        reverse("exchange_upload"), {"model": "reviews", "file": SimpleUploadedFile(name, content)}
    )  # fmt: skip
    assert page.status_code == 200, page.content.decode()
    staged = page.context["form"].initial["staged"]
    answer = client.post(reverse("exchange_setup"), {"staged": staged, "columns": "1", "answer": "on", **asked})
    assert answer.status_code == 302, answer.content.decode()
    work()
    job = Job.objects.latest("pk")
    assert job.state == "finished", job.reason
    return job


def exported(client: Client, form: str) -> Path:
    """Export everything through the pages."""
    client.post(reverse("exchange_export"), {"form": form, "model": "", "state": "all"})
    work()
    job = Job.objects.latest("pk")
    assert job.state == "finished", job.reason
    sent = client.get(reverse("exchange_file", args=[job.pk]))
    assert b"".join(sent.streaming_content) == file_of(job).read_bytes()
    return file_of(job)


def table(rows: list[tuple[str, str]]) -> bytes:
    """Make a CSV file."""
    frame = pl.DataFrame(rows, schema=["评论", "类别"], orient="row")
    return frame.write_csv().encode()


@pytest.fixture
def reviewed(model: Version, people: dict[str, User], sign_in: Callable[[str], Client]) -> list[Item]:
    """Items with all that can be said of one."""
    imported(
        sign_in("administrator"), table([(text, "good") for text in [*TEXTS, *HOSTILE]]), "t.csv", text="评论",
        label="类别", labels="given",
    )  # fmt: skip
    items = list(Item.objects.order_by("pk"))
    first, second, third = items[:3]
    one, two = people["reviewer"], people["administrator"]
    answer(Answer(first.pk, "k1", "good", note="=不错\n"), by=one)
    answer(Answer(second.pk, "k2", "bad", seconds=2.5), by=one)
    undo("k2", by=one)
    answer(Answer(second.pk, "k3", skipped=True), by=one)
    answer(Answer(third.pk, "k4", "bad"), by=one)
    Item.objects.filter(pk=third.pk).update(wanted=2)
    answer(Answer(third.pk, "k5", "good"), by=two)
    third.refresh_from_db()
    assert third.disputed
    adjudicate(Answer(third.pk, "k6", "good"), by=two)
    Opinion.objects.create(item=first, source="llm", author="qwen", label="bad", version="ab12", facts={"a": 1})
    return list(Item.objects.order_by("pk"))


def records() -> dict[str, Any]:
    """Return all that is under review, by key."""
    found = Item.objects.prefetch_related("reviews__person")
    return {record.id: record for record in map(record_of, found)}


def test_a_table_is_imported_and_answered_by_the_model(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    content = table([(TEXTS[0], "good"), ("", "bad"), (TEXTS[1], "")])
    job = imported(sign_in("administrator"), content, "t.csv", text="评论", label="类别", labels="given")
    assert job.result == {"rows": 2, "known": 0, "reviews": 0, "rejected": 1}
    one, two = Item.objects.order_by("row")
    assert (one.content, one.given, one.state, one.row, one.model) == (TEXTS[0], "good", "predicted", 1, "reviews")
    assert one.label in model.manifest.classes and one.version == model.version and 0 <= one.margin <= 1
    assert two.row == 3 and two.given == ""
    page = sign_in("administrator").get(reverse("job", args=[job.pk])).content.decode()
    assert "the cell &#x27;评论&#x27; is empty" in page
    errors = sign_in("administrator").get(reverse("exchange_errors", args=[job.pk])).content.decode("utf-8-sig")
    assert errors.splitlines() == ["row,reason", "2,the cell '评论' is empty"]


def test_labels_can_be_answers_of_people(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    content = table([(TEXTS[0], "good"), (TEXTS[1], "")])
    job = imported(sign_in("administrator"), content, "t.csv", text="评论", label="类别", labels="reviewed")
    assert job.result["reviews"] == 1
    one = Item.objects.get(row=1)
    assert (one.state, one.final_label, one.final_by) == ("reviewed", "good", people["administrator"])
    assert one.reviews.get().facts == {"import": job.pk}


@pytest.mark.parametrize("form", ENDINGS)
def test_what_was_reviewed_comes_in_again_unchanged(
    form: str, reviewed: list[Item], sign_in: Callable[[str], Client]
) -> None:
    client, before = sign_in("administrator"), records()
    path = exported(client, form)
    again = imported(client, path.read_bytes(), path.name)
    assert again.result == {"rows": 0, "known": len(reviewed), "reviews": 0, "rejected": 0}
    assert records() == before
    Item.objects.all().delete()
    new = imported(client, path.read_bytes(), path.name)
    assert new.result["rows"] == len(reviewed) and new.result["reviews"] == 6
    assert records() == before
    assert verify().broken is None


def test_another_site_takes_no_names_for_its_own_people(
    reviewed: list[Item], sign_in: Callable[[str], Client], settings: Any, tmp_path: Path
) -> None:
    client, before = sign_in("administrator"), records()
    path = exported(client, "csv")
    settings.SECRET_KEY = "of another site"
    client = sign_in("administrator")
    Item.objects.all().delete()
    imported(client, path.read_bytes(), path.name)
    assert records() == before  # its exports say the same again
    assert not Review.objects.exclude(person=None).exists()
    assert set(Review.objects.values_list("author", flat=True)) == {"reviewer", "administrator"}
    again = imported(client, path.read_bytes(), path.name)
    assert again.result["rows"] == 0


def test_a_label_changed_in_a_spreadsheet_is_one_more_answer(
    reviewed: list[Item], sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    client = sign_in("administrator")
    path = exported(client, "excel")
    book = openpyxl.load_workbook(path)
    sheet = book.active
    names = [cell.value for cell in sheet[1]]
    sheet.cell(2, names.index("limbeck.label") + 1).value = "bad"  # of the first item, which somebody found good
    sheet.cell(5, names.index("text") + 1).value = "another text"
    kept = io.BytesIO()
    book.save(kept)
    job = imported(client, kept.getvalue(), "t.xlsx")
    assert (job.result["rows"], job.result["reviews"], job.result["rejected"]) == (0, 1, 1)
    assert "with another content" in Rejected.objects.get().reason
    first = Item.objects.order_by("pk")[0]
    assert first.disputed and first.final_label == ""  # two people differ: a third one decides
    assert first.reviews.latest("pk").person == people["administrator"]
    assert list(first.reviews.order_by("pk").values_list("label", flat=True)) == ["good", "bad"]


def test_a_killed_import_goes_on_without_doing_a_row_twice(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 4)
    chance, stored = random.Random(0), importing.store

    class KilledError(Exception):
        pass

    def dying(*given: Any) -> None:
        when = chance.random()
        if when < 0.3:
            raise KilledError
        stored(*given)
        if when > 0.7:
            raise KilledError  # inside the transaction

    content = table([(f"文本 {number}", "good") for number in range(60)] + [("", "x")] * 5)
    monkeypatch.setattr(importing, "store", dying)
    client = sign_in("administrator")
    page = client.post(reverse("exchange_upload"), {"model": "reviews", "file": SimpleUploadedFile("t.csv", content)})
    asked = {"text": "评论", "label": "类别", "labels": "reviewed", "columns": "1"}
    client.post(reverse("exchange_setup"), {"staged": page.context["form"].initial["staged"], **asked})
    job = Job.objects.latest("pk")
    for _kill in range(200):
        work()
        job.refresh_from_db()
        if job.state == "finished":
            break
        Job.objects.filter(pk=job.pk).update(state="queued", owner="")
    assert job.result == {"rows": 60, "known": 0, "reviews": 60, "rejected": 5}
    assert sorted(Item.objects.values_list("row", flat=True)) == list(range(1, 61))
    assert Review.objects.count() == 60 and Rejected.objects.count() == 5
    assert Import.objects.get().done == 65
    assert verify().broken is None


def test_a_worker_that_lost_the_job_stores_nothing(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = importing.store

    def losing(job: Job, *given: Any) -> None:
        stored(job, *given)
        Job.objects.filter(pk=job.pk).update(owner="another worker")

    monkeypatch.setattr(importing, "store", losing)
    client = sign_in("administrator")
    file = SimpleUploadedFile("t.csv", table([(TEXTS[0], "good")]))
    page = client.post(reverse("exchange_upload"), {"model": "reviews", "file": file})
    asked = {"staged": page.context["form"].initial["staged"], "columns": "1", "text": "评论", "label": ""}
    client.post(reverse("exchange_setup"), {**asked, "labels": "given"})
    work()
    assert Job.objects.get().state == "running" and not Item.objects.exists()


def test_a_sheet_is_chosen(model: Version, people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    held = io.BytesIO()
    with xlsxwriter.Workbook(held) as book:
        for name in ("说明", "数据"):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, ["text", "label"])
            sheet.write_row(1, 0, [f"{name} 很好", "good"])
    client = sign_in("administrator")
    page = client.post(
        reverse("exchange_upload"), {"model": "reviews", "file": SimpleUploadedFile("b.xlsx", held.getvalue())}
    )
    assert "数据" in page.content.decode()
    staged = page.context["form"].initial["staged"]
    page = client.post(reverse("exchange_setup"), {"staged": staged, "sheet": "数据"})
    assert page.context["form"].initial["sheet"] == "数据"
    for odd in ("../数据", "没有", "\0"):
        page = client.post(reverse("exchange_setup"), {"staged": staged, "sheet": odd}, follow=True)
        assert "has no sheet" in page.content.decode(), odd
    given = {"staged": staged, "sheet": "数据", "columns": "1", "text": "text", "label": "", "labels": "given"}
    client.post(reverse("exchange_setup"), given)
    work()
    assert Item.objects.get().content == "数据 很好"


def test_the_template_fits(model: Version, people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    sent = sign_in("administrator").get(reverse("exchange_template", args=["reviews"]))
    book = openpyxl.load_workbook(io.BytesIO(sent.content))
    assert [cell.value for cell in book.worksheets[0][1]] == ["text", "label"]
    assert [row[0].value for row in book.worksheets[1].iter_rows(min_row=2)] == list(model.manifest.classes)


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.csv", b""), ("t.xlsx", b"PK\x03\x04junk"), ("t.exe", b"MZ"), ("t.parquet", b"PAR1"), ("t.json", b"[1,")],
)
def test_what_is_no_table_is_refused_at_once(
    name: str, content: bytes, model: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    client = sign_in("administrator")
    file = SimpleUploadedFile(name, content)
    page = client.post(reverse("exchange_upload"), {"model": "reviews", "file": file})
    assert page.status_code == 422 and page.context["upload"].errors["file"]
    assert not Job.objects.exists()


def test_by_the_api(model: Version, people: dict[str, User], home: Path) -> None:
    bearer = {"Authorization": f"Bearer {token_of(people['administrator'], Ability.ADMINISTER)}"}
    client = Client(headers=bearer)
    file = SimpleUploadedFile("t.csv", table([(TEXTS[0], "good"), (TEXTS[1], "bad")]))
    refused = client.post("/api/v1/imports", {"model": "reviews", "file": file})
    assert refused.status_code == 400 and "name the column with the text" in refused.json()["detail"]
    file.seek(0)
    asked = {"model": "reviews", "file": file, "text": "评论", "label": "类别", "labels": "reviewed"}
    assert client.post("/api/v1/imports", asked).status_code == 201
    work()
    made = client.post("/api/v1/exports", {"form": "jsonl", "state": "done"}, content_type="application/json")
    work()
    sent = client.get(f"/api/v1/exports/{made.json()['id']}/file")
    (home / "out.jsonl").write_bytes(b"".join(sent.streaming_content))
    _format, form, own = look(home / "out.jsonl")
    assert own
    rows = [row.record for part in read(Source(home / "out.jsonl", form)) for row in part]
    assert [row.label for row in rows if row] == ["good", "bad"]


def test_rows_of_a_table_keep_their_columns_and_types(people: dict[str, User], tmp_path: Path) -> None:
    content = '{"age": 31.5, "city": "深圳", "none": null}'
    item = Item.objects.create(key="prediction:1", kind="table", content=content, model="m", label="a", digest="x")
    before = record_of(item)
    assert before.content == {"age": "31.5", "city": "深圳"}
    write("csv", tmp_path / "t.csv", lambda: iter([before]))
    ((row,),) = read(Source(tmp_path / "t.csv"))
    assert row.record == before
    from limbeck.studio.exchange.mapping import item_of

    assert item_of(before, key="k", inputs=()).content == content


def test_what_no_database_holds_costs_one_row(
    model: Version, people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    """The history of a file is JSON, which can hold more than a column can: the import goes on behind such a row."""
    review = {"label": "good", "by": "x", "more": {"key": "k"}}

    def entry(text: str, **facts: Any) -> dict[str, Any]:
        return {"fields": {"text": text}, "responses": {}, "metadata": {"limbeck": {"limbeck": 1, **facts}}}

    refused = [
        entry("a", more={"given": "\0"}),
        entry("b", more={"given": "\ud800"}),
        entry("c", reviews=[{**review, "more": {"facts": {"\ud800": 1}}}]),
        entry("d", reviews=[{**review, "more": {"seconds": 10**400}}]),
        entry("e", answers=[{"label": "good", "probability": 10**400}]),
        entry("f", answers=[{"label": "good", "more": {"margin": float("inf")}}]),
        entry("g", answers=[{"label": "good", "probabilities": {"\ud800": 1.0}}]),
        entry("h") | {"responses": {"label": [{"value": "\0", "user_id": "1"}]}},
        entry("i") | {"fields": {"text": "i", "\ud800": "x"}},
    ]
    kept = [
        entry("j", reviews=[{**review, "at": "0001-01-01T00:00:00+14:00"}]),
        entry("k", reviews=[{**review, "at": "9999-12-31T23:59:59-14:00", "more": {}}]),
        entry("l", state="reviewed", label="x" * 1000),
    ]
    client = sign_in("administrator")
    job = imported(client, json.dumps([*refused, *kept]).encode(), "t.json", answer="")
    assert (job.result["rows"], job.result["rejected"]) == (len(kept), len(refused))
    assert [one.row for one in Rejected.objects.filter(job=job)] == list(range(1, len(refused) + 1))
    assert {one.at.year for one in Review.objects.all()} == {job.created_at.year}
    assert Item.objects.get(content="l").final_label == "x" * 200
    assert client.get(reverse("job", args=[job.pk])).status_code == 200
