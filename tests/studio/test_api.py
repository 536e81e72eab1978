"""The REST API: the same acts as the pages, for programs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.api.models import Token
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection.models import Prediction
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.registry.facts import Version
from limbeck.studio.roles import Ability
from studio_tokens import token_of

pytestmark = pytest.mark.django_db


class Program:
    """A program with a token."""

    def __init__(self, user: User, *scopes: Ability) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {token_of(user, *(scopes or Ability))}"})

    def send(self, verb: str, path: str, data: object = None) -> tuple[int, object]:
        """Return status and body."""
        body = None if data is None else json.dumps(data)
        response = getattr(self.client, verb)(f"/api/v1{path}", body, content_type="application/json")
        return response.status_code, json.loads(response.content) if response.content else None


@pytest.fixture
def program(people: dict[str, User]) -> Program:
    """A program of an operator."""
    return Program(people["operator"])


@pytest.fixture
def admin(people: dict[str, User]) -> Program:
    """A program of an administrator."""
    return Program(people["administrator"])


def test_detect(program: Program, model: Version) -> None:
    status, found = program.send("post", "/detect", {"model": model.name, "rows": ["质量很好", ""], "explain": True})
    assert (status, found["version"]) == (200, model.version)
    good, empty = found["answers"]
    assert good["label"] in model.manifest.classes and good["explanation"] is not None
    assert empty["label"] is None and "empty" in empty["error"]
    assert Prediction.objects.get().pk == good["id"]
    assert program.send("get", f"/predictions/{good['id']}")[1]["content"] == "质量很好"
    assert program.send("delete", f"/predictions/{good['id']}") == (204, None)


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ({"model": "nothing", "rows": ["x"]}, 404),
        ({"model": "reviews", "rows": []}, 422),
        ({"model": "reviews", "rows": ["x"] * 257}, 422),
        ({"model": "reviews", "rows": [{"text": "x"}]}, 400),
        ({"model": "reviews"}, 422),
        ([], 422),
    ],
)
def test_bad_questions(program: Program, model: Version, question: object, status: int) -> None:
    got, told = program.send("post", "/detect", question)
    assert got == status and told["detail"]


def test_models(program: Program, model: Version) -> None:
    status, found = program.send("get", "/models")
    assert status == 200 and found[0]["classes"] == model.manifest.classes
    assert program.send("get", f"/models/{model.name}")[1] == found[0]
    assert program.send("get", "/models/nothing")[0] == 404


@pytest.mark.django_db(transaction=True)
def test_a_batch(program: Program, model: Version) -> None:
    table = SimpleUploadedFile("t.csv", "id,评论\n1,质量很好\n2,太差\n".encode())
    wrong = program.client.post("/api/v1/batches", {"model": model.name, "files": table})
    assert wrong.status_code == 400 and "评论" in wrong.json()["detail"]
    table.seek(0)
    made = program.client.post("/api/v1/batches", {"model": model.name, "files": table, "column": "评论"})
    assert made.status_code == 201
    Worker().run(until_empty=True)
    number = made.json()["id"]
    assert program.send("get", f"/jobs/{number}")[1]["state"] == "finished"
    answers = program.client.get(f"/api/v1/jobs/{number}/answers.csv")
    assert len(b"".join(answers.streaming_content).splitlines()) == 3
    assert [one["row"] for one in program.send("get", f"/predictions?job={number}")[1]] == [2, 1]
    assert program.send("delete", f"/jobs/{number}")[0] == 204
    assert not Job.objects.exists() and not Prediction.objects.exists()


def test_pages_of_lists(program: Program, people: dict[str, User]) -> None:
    jobs = [Job.objects.create(kind="batch", title="t", created_by=people["operator"]).pk for _ in range(5)]
    first = [one["id"] for one in program.send("get", "/jobs?limit=2")[1]]
    assert first == jobs[:2:-1]
    assert [one["id"] for one in program.send("get", f"/jobs?limit=2&before={first[-1]}")[1]] == jobs[2:0:-1]
    assert program.send("get", "/jobs?limit=100000")[0] == 422


def test_announcements(admin: Program) -> None:
    status, made = admin.send("post", "/announcements", {"title": "t", "body": "b"})
    assert status == 201 and made["state"] == "shown"
    changed = {"title": "t2", "body": "b", "pinned": True}
    assert admin.send("put", f"/announcements/{made['id']}", changed)[1]["pinned"]
    assert [one["title"] for one in admin.send("get", "/announcements")[1]] == ["t2"]
    past = {"title": "t", "body": "b", "starts_at": "2026-05-02T00:00:00Z", "ends_at": "2026-05-01T00:00:00Z"}
    assert admin.send("post", "/announcements", past)[0] == 409
    assert admin.send("post", "/announcements", {**past, "starts_at": 0})[0] == 422
    assert admin.send("delete", f"/announcements/{made['id']}") == (204, None)


def test_people(admin: Program, people: dict[str, User]) -> None:
    new = {
        "username": "zhao",
        "password": "given by hand 1",
        "name": "赵",
        "role": "reviewer",
        "email": "z@example.org",
    }
    status, made = admin.send("post", "/people", new)
    assert status == 201 and User.objects.get(pk=made["id"]).must_change_password
    assert User.objects.get(pk=made["id"]).email == "z@example.org"
    assert admin.send("post", "/people", new)[0] == 409
    assert admin.send("post", "/people", {**new, "username": "q2", "password": "1234567890"})[0] == 400
    assert admin.send("patch", f"/people/{made['id']}", {"role": "viewer"})[1]["role"] == "viewer"
    mine = people["administrator"].pk
    assert admin.send("patch", f"/people/{mine}", {"role": "viewer"})[0] == 409
    assert admin.send("delete", f"/people/{made['id']}")[0] == 204
    assert "zhao" not in json.dumps(admin.send("get", "/people")[1])


def test_audit(admin: Program) -> None:
    assert admin.send("post", "/audit/verify")[1]["broken"] is None
    newest = admin.send("get", "/audit?limit=1")[1][0]
    assert newest["action"] == "audit.verify" and len(newest["digest"]) == 64


def test_a_token_does_no_more_than_its_person(people: dict[str, User]) -> None:
    program = Program(people["viewer"], *Ability)
    assert program.send("get", "/announcements")[0] == 200
    assert program.send("get", "/people")[0] == 403
    User.objects.filter(pk=people["viewer"].pk).update(is_active=False)
    assert program.send("get", "/announcements")[0] == 401


def test_tokens_end(people: dict[str, User]) -> None:
    program = Program(people["viewer"])
    Token.objects.update(expires_at=timezone.now() - datetime.timedelta(seconds=1))
    assert program.send("get", "/announcements")[0] == 401


def test_the_page_shows_a_token_once(sign_in: Callable[[str], Client], people: dict[str, User]) -> None:
    client = sign_in("operator")
    page = client.post(reverse("tokens"), {"name": "script", "scopes": ["detect"], "days": "30"})
    text = page.context["text"]
    assert text in page.content.decode() and text not in client.get(reverse("tokens")).content.decode()
    assert text not in json.dumps(list(Token.objects.values()), default=str)
    assert text not in json.dumps(list(Entry.objects.values()), default=str)
    beyond = client.post(reverse("tokens"), {"name": "script", "scopes": ["administer"], "days": "30"})
    assert beyond.context["form"].errors
    client.post(reverse("token_revoke", args=[Token.objects.get().pk]))
    assert not Token.objects.exists()


def test_a_session_is_no_token(sign_in: Callable[[str], Client], model: Version) -> None:
    response = sign_in("administrator").post("/api/v1/detect", {"model": model.name, "rows": ["x"]}, "application/json")
    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/predictions/null", "/nothing", "/jobs/x/cancel"])
def test_what_is_not_there_is_json_too(program: Program, path: str) -> None:
    assert program.send("get", path) == (404, {"detail": "not found"})
