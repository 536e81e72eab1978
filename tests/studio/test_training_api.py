"""Training and drift through the REST API: what the pages start, with the same refusals."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from limbeck.studio.accounts.models import User
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.loop import watching
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item
from small import reviews
from studio.test_api import Program
from studio.test_loop import answers, items, own, table

__all__ = ["own"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(people: dict[str, User]) -> Program:
    """A program of an administrator."""
    return Program(people["administrator"])


def upload(admin: Program, file: SimpleUploadedFile, **asked: object) -> tuple[int, dict[str, object]]:
    """Return status and body of a training that is asked for with a file."""
    response = admin.client.post("/api/v1/trainings", {"file": file, **asked})
    return response.status_code, response.json()


def test_a_table_becomes_a_model(admin: Program, own_registry: Path) -> None:
    status, job = upload(admin, table(80), name="mine", minutes="0.5", language="zh")  # the label is found
    assert (status, job["kind"], job["state"]) == (201, "train", "queued")
    Worker().run(until_empty=True)
    found = admin.send("get", f"/jobs/{job['id']}")[1]
    version = version_of("mine")
    assert (found["state"], found["reason"], found["result"]["version"]) == ("finished", "", version.version)
    assert admin.send("get", "/models/mine/learnable") == (
        200, {"reviewed": 0, "new": 0, "old": 80, "unlabelled": 0, "audited": 0, "enough": False},
    )  # fmt: skip
    items(version, 30, audit=False)
    assert admin.send("get", "/models/mine/learnable")[1]["enough"]
    status, again = admin.send("post", "/models/mine/retrain", {"minutes": 1})
    assert (status, again["state"]) == (201, "queued")
    rows = Job.objects.get(pk=again["id"]).folder / "input" / "rows.parquet"
    assert pl.read_parquet(rows).height == 110


def test_what_cannot_be_trained_from_is_refused_and_leaves_nothing(admin: Program, own_registry: Path) -> None:
    frame = pl.DataFrame({"a": ["x", "y"] * 20, "b": ["u", "v"] * 20})
    one = pl.DataFrame({"text": ["好", "坏"], "label": ["a", "a"]})

    def told(given: bytes, **asked: object) -> str:
        status, body = upload(admin, SimpleUploadedFile("rows.csv", given), **{"name": "mine", **asked})
        assert status == 400
        return str(body["detail"])

    assert "the table has: a, b" in told(frame.write_csv().encode())
    assert "the table has: a, b" in told(frame.write_csv().encode(), label="none")
    assert "fewer than two classes" in told(one.write_csv().encode(), label="label")
    assert told(frame.write_csv().encode(), name="../a")
    assert told(b"")
    assert upload(admin, table(20), name="mine", minutes=61)[0] == 422
    assert not Job.objects.exists()
    assert not list(Path(settings.HOME, "jobs").glob("staged-*"))


def test_a_new_model_from_published_ones(admin: Program, own: Version) -> None:
    asked = {"name": "new", "teachers": ["own"], "rows": "own"}
    status, told = admin.send("post", "/trainings/cold-start", asked)
    assert (status, "Too few rows" in told["detail"]) == (409, True)
    assert admin.send("post", "/trainings/cold-start", {**asked, "teachers": ["none"]})[0] == 404
    assert admin.send("post", "/trainings/cold-start", {**asked, "teachers": []})[0] == 422
    assert admin.send("post", "/trainings/cold-start", {**asked, "name": "../a"})[0] == 400
    assert admin.send("post", "/models/own/retrain", {})[0] == 409
    assert admin.send("post", "/models/none/retrain", {})[0] == 404
    for row in reviews(60):
        Item.objects.create(kind="text", content=row["text"], digest="", model="own", version=own.version)
    status, job = admin.send("post", "/trainings/cold-start", asked)
    assert status == 201
    assert (Job.objects.get(pk=job["id"]).folder / "request.json").is_file()


def test_drift_is_told_with_the_words_that_changed(admin: Program, own: Version, people: dict[str, User]) -> None:
    status, found = admin.send("get", "/models/own/drift")
    assert (status, found["rows"], found["signals"], found["expected"]) == (200, 0, [], None)
    assert admin.send("get", "/models/none/drift")[0] == 404
    answers(own, [row["text"] for row in reviews(watching.WINDOW, seed=5)], people["operator"])
    answers(own, [f"房间 酒店 早餐 {row['text'][:3]}" for row in reviews(watching.WINDOW, seed=6)], people["operator"])
    items(own, 20, audit=True)
    found = admin.send("get", "/models/own/drift")[1]
    assert (found["version"], found["rows"], found["before"]["drifted"]) == (own.version, watching.WINDOW, True)
    assert {one["name"] for one in found["signals"]} >= {"answers", "scores", "sizes", "vectors"}
    assert any(one["drifted"] for one in found["signals"] if one["name"] == "vectors")
    assert {word["word"] for word in found["words"] if word["newest"] > word["before"]} >= {"酒店", "早餐"}
    assert found["expected"]["warning"]  # the rows differ from those before them
    assert 0 < found["expected"]["low"] <= found["expected"]["value"] <= found["expected"]["high"] <= 1
    assert found["audited"]["rows"] == 20
