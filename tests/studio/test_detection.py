"""Asking a model about one row and about many."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import polars as pl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

import limbeck
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection import services
from limbeck.studio.detection.marks import drawn, pieces
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.registry.facts import Version
from small import reviews

pytestmark = pytest.mark.django_db


@pytest.fixture
def texts() -> list[str]:
    """Ten reviews."""
    return [row["text"] for row in reviews(10)]


def test_one_text(sign_in: Callable[[str], Client], model: Version, texts: list[str]) -> None:
    client = sign_in("operator")
    response = client.post(reverse("detect"), {"model": model.name, "text": texts[0]})
    one = Prediction.objects.get()
    assert response["Location"] == reverse("prediction", args=[one.pk])
    with limbeck.load(model.path) as classifier:
        expected = classifier.answer([texts[0]]).to_dicts()[0]
    assert one.label == expected["label"]
    assert one.probability == pytest.approx(expected["probability"])
    assert (one.version, one.content, one.threshold) == (model.version, texts[0], expected["threshold"])
    page = client.get(reverse("prediction", args=[one.pk])).content.decode()
    assert "<mark" in page
    assert Entry.objects.get(action="detection.answer").details["model"] == model.full


def test_the_page_swaps_in_the_answer(sign_in: Callable[[str], Client], model: Version, texts: list[str]) -> None:
    values = {"model": model.name, "text": texts[0]}
    page = sign_in("operator").post(reverse("detect"), values, headers={"HX-Request": "true"})
    assert page.status_code == 200
    assert "answer-label" in page.content.decode() and "<html" not in page.content.decode()


@pytest.mark.parametrize("text", ["", "   ", "\u3000\n"])
def test_nothing_to_answer(sign_in: Callable[[str], Client], model: Version, text: str) -> None:
    page = sign_in("operator").post(reverse("detect"), {"model": model.name, "text": text})
    assert page.status_code == 200 and "invalid-feedback" in page.content.decode()
    assert not Prediction.objects.exists()


def test_what_is_typed_is_shown_as_text(sign_in: Callable[[str], Client], model: Version, texts: list[str]) -> None:
    client = sign_in("operator")
    client.post(reverse("detect"), {"model": model.name, "text": f"<script>alert(1)</script>{texts[0]}"})
    page = client.get(reverse("prediction", args=[Prediction.objects.get().pk])).content.decode()
    assert "<script>alert" not in page


def test_marks_cover_the_text_and_nothing_else() -> None:
    spans = [{"where": [2, 4], "weight": 2.0}, {"where": [6, 7], "weight": -1.0}]
    found = pieces("ab😀cdefg", spans, 2.0)
    assert "".join(piece.text for piece in found) == "ab😀cdefg"
    assert [(piece.text, piece.level) for piece in found if piece.level] == [("😀c", 4), ("f", -2)]
    assert drawn(Prediction(kind="text", content="x", explanation=None)) == {"has_parts": False}


def upload(client: Client, model: Version, name: str, content: bytes, **values: str) -> object:
    """Send a table."""
    given = {"model": model.name, "files": SimpleUploadedFile(name, content), **values}
    return client.post(reverse("batch"), given)


def table(texts: list[str], column: str = "text") -> bytes:
    """A table in CSV with an id."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", column])
    writer.writerows([[f"r{at}", text] for at, text in enumerate(texts)])
    return out.getvalue().encode()


@pytest.mark.django_db(transaction=True)
def test_a_table_comes_back_with_answers(sign_in: Callable[[str], Client], model: Version, texts: list[str]) -> None:
    client = sign_in("operator")
    rows = [*texts[:4], "", *texts[4:], "=1+1 " + texts[0]]
    response = upload(client, model, "../../评论.csv", table(rows))
    job = Job.objects.get()
    assert response["Location"] == reverse("job", args=[job.pk])
    assert Worker().run(until_empty=True) == 1
    job.refresh_from_db()
    assert (job.state, job.result["rows"], job.result["rejected"]) == ("finished", len(rows) - 1, 1)
    assert sum(job.result["counts"].values()) == len(rows) - 1
    stored = Prediction.objects.filter(job=job).order_by("position")
    assert [one.content for one in stored] == [row for row in rows if row]
    with limbeck.load(model.path) as classifier:
        assert [one.label for one in stored] == classifier.predict([row for row in rows if row])
    given = b"".join(client.get(reverse("job_answers", args=[job.pk, "csv"])).streaming_content).decode("utf-8-sig")
    back = list(csv.DictReader(io.StringIO(given)))
    assert [row["id"] for row in back] == [f"r{at}" for at, row in enumerate(rows) if row]
    assert back[-1]["text"].startswith("'=1+1")  # nothing that a spreadsheet runs
    for form in ("xlsx", "parquet"):
        content = b"".join(client.get(reverse("job_answers", args=[job.pk, form])).streaming_content)
        frame = pl.read_excel(io.BytesIO(content)) if form == "xlsx" else pl.read_parquet(io.BytesIO(content))
        assert frame["text"].to_list() == [row for row in rows if row]
    rejects = b"".join(client.get(reverse("job_rejected", args=[job.pk])).streaming_content).decode()
    assert "empty" in rejects
    page = client.get(reverse("job", args=[job.pk])).content.decode()
    assert "Rejected rows" in page and texts[0][:10] in page


@pytest.mark.django_db(transaction=True)
def test_columns_may_have_any_names(sign_in: Callable[[str], Client], model: Version, texts: list[str]) -> None:
    """Names of the answers, from a table that was answered before, and names that a spreadsheet would run."""
    client, out = sign_in("operator"), io.StringIO()
    names = ["text", "model.class", "model.probability", "class", "file", "row", "=1+1", "-1"]
    csv.writer(out).writerows([names, *([text, *names[1:]] for text in texts)])
    upload(client, model, "t.csv", out.getvalue().encode())
    Worker().run(until_empty=True)
    job = Job.objects.get()
    assert job.state == "finished", job.reason
    assert client.get(reverse("job", args=[job.pk])).status_code == 200
    given = b"".join(client.get(reverse("job_answers", args=[job.pk, "csv"])).streaming_content).decode("utf-8-sig")
    first, *rows = csv.reader(io.StringIO(given))
    assert first[:10] == [*names[:6], "'=1+1", "'-1", "model2.class", "model2.probability"]
    assert [row[0] for row in rows] == texts and rows[0][1] == "model.class" and rows[0][8] in model.manifest.classes


@pytest.mark.django_db(transaction=True)
def test_the_column_with_the_text_is_asked_for(
    sign_in: Callable[[str], Client], model: Version, texts: list[str]
) -> None:
    client = sign_in("operator")
    page = upload(client, model, "t.csv", table(texts, "评论内容"))
    assert page.status_code == 200 and not Job.objects.exists()
    staged = page.context["form"].initial["staged"]
    stranger = sign_in("other").post(reverse("batch_column"), {"staged": staged, "column": "评论内容"})
    assert stranger["Location"] == reverse("detect") and not Job.objects.exists()
    client.post(reverse("batch_column"), {"staged": staged, "column": "评论内容"})
    Worker().run(until_empty=True)
    assert Job.objects.get().state == "finished"
    assert set(Prediction.objects.values_list("content", flat=True)) == set(texts)
    assert set(Prediction.objects.values_list("version", flat=True)) == {model.version}


@pytest.mark.parametrize(
    ("name", "content"), [("t.csv", b""), ("t.xlsx", b"PK\x03\x04junk"), ("t.parquet", b"PAR1junk"), ("t.exe", b"MZ")]
)
def test_what_is_no_table_is_refused_at_once(
    sign_in: Callable[[str], Client], model: Version, name: str, content: bytes
) -> None:
    page = upload(sign_in("operator"), model, name, content)
    assert page.status_code == 422 and "invalid-feedback" in page.content.decode()
    assert not Job.objects.exists()


def test_an_upload_that_is_too_large_is_refused(
    sign_in: Callable[[str], Client], model: Version, settings: object
) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"upload_megabytes": 0})
    page = upload(sign_in("operator"), model, "t.csv", b"id,text\n1,x\n")
    assert page.status_code == 422 and not Job.objects.exists()


def test_deleting_an_answer(sign_in: Callable[[str], Client], model: Version, people: dict[str, User]) -> None:
    one = services.ask(model, [services.text_row("好")], by=people["operator"])[0]
    sign_in("operator").post(reverse("prediction_delete", args=[one.pk]))
    assert not Prediction.objects.exists()
    assert Entry.objects.latest("number").action == "detection.delete"


def test_an_error_costs_no_other_row_its_answer(model: Version, people: dict[str, User], texts: list[str]) -> None:
    found = services.ask(model, [services.text_row(text) for text in (texts[0], "", texts[1])], by=people["operator"])
    assert [isinstance(one, Prediction) for one in found] == [True, False, True]
    assert json.dumps(found[0].explanation)


def test_the_list_is_filtered(sign_in: Callable[[str], Client], model: Version, people: dict[str, User]) -> None:
    services.ask(model, [services.text_row(text) for text in ("物流 很快", "退款 太慢")], by=people["operator"])
    page = sign_in("operator").get(reverse("predictions"), {"q": "退款"})
    assert [one.content for one in page.context["page"]] == ["退款 太慢"]
