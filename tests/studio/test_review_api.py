"""Review through the REST API."""

from __future__ import annotations

import pytest

from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Item
from studio.review_items import MODEL, answered, stored
from studio.test_api import Program

pytestmark = pytest.mark.django_db


def test_a_program_claims_answers_undoes_and_decides(people: dict[str, User]) -> None:
    rows = stored(3)
    program = Program(people["reviewer"])
    status, found = program.send("post", f"/review/next?model={MODEL}&count=2")
    assert status == 200 and {one["id"] for one in found} == {rows[0].pk, rows[1].pk}
    given = {"item": rows[0].pk, "key": "k" * 12, "label": "bad", "note": "x", "seconds": 1.5}
    expected = {"key": "k" * 12, "item": rows[0].pk, "late": False}
    assert program.send("post", "/review/answers", given) == (201, expected)
    assert program.send("post", "/review/answers", given) == (201, expected)
    status, one = program.send("get", f"/review/items/{rows[0].pk}")
    assert (one["state"], one["final_label"], one["label"]) == ("reviewed", "bad", "good")
    assert [event["label"] for event in one["history"]] == ["good", "bad"]
    assert program.send("post", f"/review/items/{rows[0].pk}/appeal", {"key": "a" * 12, "note": "hm"})[0] == 200
    refused, told = program.send("post", f"/review/items/{rows[0].pk}/decision", {"key": "d" * 12, "label": "good"})
    assert refused == 409 and "Another person" in told["detail"]
    admin = Program(people["administrator"])
    assert admin.send("post", f"/review/items/{rows[0].pk}/decision", {"key": "d" * 12, "label": "good"})[0] == 200
    assert Item.objects.get(pk=rows[0].pk).final_label == "good"
    assert program.send("delete", f"/review/answers/{'k' * 12}")[0] == 409  # adjudicated
    wrong = {**given, "key": "q" * 12, "label": "gone"}
    assert program.send("post", "/review/answers", wrong)[0] == 409


def test_the_list_has_pages_and_a_blind_item_tells_nothing(people: dict[str, User]) -> None:
    rows = stored(5, double=1.0)
    answered(rows[0], people["operator"], "bad")
    program = Program(people["reviewer"])
    seen, after = [], ""
    for _ in range(3):
        status, page = program.send("get", f"/review/items?sort=uncertain&limit=2&after={after}")
        assert status == 200
        seen += page["items"]
        after = page["after"]
    assert [one["id"] for one in seen] == [row.pk for row in rows] and after == ""
    assert {(one["label"], one["probability"], one["blind"]) for one in seen} == {(None, None, True)}
    _status, one = program.send("get", f"/review/items/{rows[0].pk}")
    assert one["history"] == [] and one["probabilities"] is None
    assert program.send("get", f"/review/quality/{MODEL}")[1]["audited"] == 0
    assert program.send("get", "/review/items?state=odd")[0] == 422
    assert program.send("post", f"/review/next?model={MODEL}&order=odd")[0] == 422
