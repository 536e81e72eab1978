"""Versions of models and the analysis through the REST API, and shadow mode."""

from __future__ import annotations

import csv
import datetime
import io
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.models import Entry
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.models import Prediction
from limbeck.studio.loop import automatic, promote, shadowing
from limbeck.studio.loop.models import Lineage
from limbeck.studio.loop.shadowing import traffic
from limbeck.studio.registry.facts import Version
from limbeck.studio.roles import Ability
from small import reviews
from studio.review_items import answered, item
from studio.test_api import Program
from studio.test_loop import answers, candidate, items, own

__all__ = ["candidate", "own"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(people: dict[str, User]) -> Program:
    """A program of an administrator."""
    return Program(people["administrator"])


def test_a_program_compares_and_publishes_as_the_page_does(own: Version, candidate: Version, admin: Program) -> None:
    items(own, 60, audit=True)
    path = f"/models/own/versions/{candidate.version}"
    with CaptureQueriesContext(connection) as queries:
        assert [one["state"] for one in admin.send("get", "/models/own/versions")[1]].count("published") == 1
    assert sum("loop_lineage" in one["sql"] for one in queries) == 1  # for any number of versions
    status, found = admin.send("get", f"{path}/comparison")
    assert (status, found["verdict"], found["published"]) == (200, "worse", own.version)
    assert found["sentence"].startswith("Worse:") and found["accuracy_published"] > found["accuracy_candidate"]
    asked = {"verdict": "worse", "instead_of": own.version}
    assert admin.send("post", f"{path}/publish", asked)[0] == 409  # no reason
    assert admin.send("post", f"{path}/publish", {**asked, "verdict": "better", "reason": "x"})[0] == 409
    assert admin.send("post", f"{path}/publish", {**asked, "instead_of": "0" * 16, "reason": "x"})[0] == 409
    status, changed = admin.send("post", f"{path}/publish", {**asked, "reason": "fewer false alarms"})
    assert (status, changed["state"]) == (200, "published")
    assert Entry.objects.filter(action="model.publish").latest("number").details["reason"] == "fewer false alarms"
    assert admin.send("delete", path)[0] == 409  # it is published
    assert admin.send("put", f"{path}/state", {"state": "retired"})[0] == 409
    status, back = admin.send("post", "/models/own/roll-back")
    assert (status, back["version"]) == (200, own.version)
    assert admin.send("post", f"{path}/publish", {})[0] == 409  # neither verdict nor reason
    assert admin.send("put", "/models/own/automatic", {"on": True}) == (200, {"on": True})
    assert automatic.is_on("own")
    assert admin.send("delete", path)[0] == 204
    assert admin.send("get", path)[0] == 404
    assert admin.send("get", "/models/none/versions")[0] == 404


def test_a_version_goes_through_its_states(own: Version, candidate: Version, admin: Program) -> None:
    path = f"/models/own/versions/{candidate.version}"
    for state in ("shadow", "retired", "candidate", "retired", "shadow"):
        assert admin.send("put", f"{path}/state", {"state": state})[1]["state"] == state
    told = list(Entry.objects.filter(action__startswith="model.").order_by("number").values_list("action", flat=True))
    assert told == ["model.shadow", "model.retire", "model.unretire", "model.retire", "model.unretire", "model.shadow"]
    assert admin.send("put", f"{path}/state", {"state": "published"})[0] == 422
    Lineage.objects.filter(version=candidate.version).update(parent=own.version)
    assert automatic._candidate(own) is not None
    admin.send("put", f"{path}/state", {"state": "retired"})
    assert automatic._candidate(own) is None  # a rejected version is never published by itself


def test_the_page_retires_a_candidate(own: Version, candidate: Version, sign_in: object) -> None:
    client: Client = sign_in("administrator")  # type: ignore[operator]
    address = reverse("retire", args=["own", candidate.version])
    assert client.post(address, {"on": "1"}).status_code == 302
    assert promote.state_of(candidate) == "retired"
    assert "Restore as candidate" in client.get(reverse("compare", args=["own", candidate.version])).content.decode()
    client.post(address)
    assert promote.state_of(candidate) == "candidate"


def test_a_version_in_shadow_mode_answers_beside_the_published_one(
    own: Version, candidate: Version, people: dict[str, User], admin: Program, sign_in: object
) -> None:  # fmt: skip
    answers(own, [row["text"] for row in reviews(20, seed=3)], people["operator"])  # before: not counted
    promote.set_shadow(candidate, True, by=people["administrator"])
    answers(own, [row["text"] for row in reviews(540, seed=5)], people["operator"])
    shadowing.look()
    assert traffic(candidate).rows == 0  # too young: a transaction with an earlier number may not have ended
    Prediction.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=1))
    for rows in (shadowing.ROWS, 540, 540):
        shadowing.look()
        assert traffic(candidate).rows == rows
    texts = list(Prediction.objects.order_by("pk").values_list("content", "label"))[20:]
    others = classifier_of(candidate).predict([text for text, _ in texts])
    expected = sum(other != given for (_, given), other in zip(texts, others, strict=True))
    found = traffic(candidate)
    assert (found.rows, found.differing) == (540, expected) and expected > 0
    assert Prediction.objects.exclude(version=own.version).count() == 0  # nobody sees its answers
    status, told = admin.send("get", f"/models/own/versions/{candidate.version}/shadow")
    assert (status, told["rows"], told["differing"]) == (200, 540, expected)
    assert told["low"] < told["share"] < told["high"]
    newest = Prediction.objects.get(pk=told["pairs"][0]["newest"])
    assert newest.label == told["pairs"][0]["published"]
    client: Client = sign_in("administrator")  # type: ignore[operator]
    page = client.get(reverse("compare", args=["own", candidate.version])).content.decode()
    assert f"The two versions disagree on {expected} of 540 rows" in page
    promote.set_shadow(candidate, False, by=people["administrator"])
    answers(own, ["x"], people["operator"])
    Prediction.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=1))
    shadowing.look()
    assert traffic(candidate).rows == 540
    promote.set_shadow(candidate, True, by=people["administrator"])
    assert traffic(candidate).rows == 0  # it begins anew


def test_a_bundle_that_is_gone_costs_no_other_version_its_turn(own: Version, people: dict[str, User]) -> None:
    lost = Lineage.objects.create(model="gone", version="0" * 16, shadow=True)
    answers(own, ["很好"], people["operator"])
    Prediction.objects.update(created_at=timezone.now() - datetime.timedelta(minutes=1))
    shadowing.look()
    assert not lost.shadowed.exists()


def test_the_analysis_is_json_and_csv(
    own: Version, people: dict[str, User], admin: Program, own_registry: Path
) -> None:  # fmt: skip
    answers(own, [row["text"] for row in reviews(12)], people["operator"])
    done = item(1)
    done.save()
    answered(done, people["reviewer"])
    status, found = admin.send("get", "/analysis?model=own&days=7")
    figures = {one["key"]: one for one in found["figures"]}
    assert status == 200 and {"classes", "shares", "sources", "models", "confidence", "confusion"} <= figures.keys()
    today = figures["classes"]["rows"][-1]
    assert today[0] == timezone.localdate().isoformat() and sum(today[1:]) == 12
    assert sum(row[1] for row in figures["models"]["rows"]) == 12
    table = admin.client.get("/api/v1/analysis/classes.csv?model=own&days=7")
    lines = list(csv.reader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert lines[0] == figures["classes"]["columns"] and [int(cell) for cell in lines[-1][1:]] == today[1:]
    assert admin.send("get", "/analysis/nothing.csv")[0] == 404
    assert admin.send("get", "/analysis?days=0")[0] == 422
    narrow = Program(people["administrator"], Ability.READ)
    assert "reviewed" not in {one["key"] for one in narrow.send("get", "/analysis")[1]["figures"]}
    assert people["reviewer"].shown_name in str(admin.send("get", "/analysis")[1])
