"""How review is handed out and measured: gold rows, kappa, the audit sample, bulk acceptance, assignments, the list."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from limbeck.errors import LimbeckError
from limbeck.metrics.exact_tests import wilson
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import verify
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Context, Worker
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item, Policy, Review
from limbeck.studio.review.models.items import ASSIGNED, AUDIT, POOL
from limbeck.studio.review.services.adding.add import Added, add_items
from limbeck.studio.review.services.adding.send import send_job
from limbeck.studio.review.services.adding.tables import review_table
from limbeck.studio.review.services.answers import bulk
from limbeck.studio.review.services.display.history import history
from limbeck.studio.review.services.display.listing import Wanted, listed
from limbeck.studio.review.services.display.walking import ORDERS, Limits
from limbeck.studio.review.services.quality import agreement, audit, gold
from limbeck.studio.review.services.queue import assign
from limbeck.studio.review.services.queue.next import next_items
from limbeck.studio.roles import Ability
from small import reviews
from studio.review_items import MODEL, answered, item, stored
from studio.test_detection import table, upload
from studio_tokens import token_of

pytestmark = pytest.mark.django_db


def finished_batch(client: Client, model: Version) -> Job:
    """Return a batch of some texts, answered and stored."""
    upload(client, model, "comments.csv", table([row["text"] for row in reviews(8)]))
    Worker().run(until_empty=True)
    found: Job = Job.objects.filter(kind="batch")[0]
    return found


def test_agreement_of_two_blind_people_is_that_counted_by_hand(people: dict[str, User]) -> None:
    rows = stored(10, double=1.0)
    # Equal on 4 "good" and 3 "bad", different on 3: 0.7 observed, 0.5 * 0.6 + 0.5 * 0.4 = 0.5 by chance, kappa 0.4.
    given = [("good", "good")] * 4 + [("bad", "bad")] * 3 + [("good", "bad")] * 1 + [("bad", "good")] * 2
    for row, (one, other) in zip(rows, given, strict=True):
        answered(row, people["reviewer"], one)
        answered(row, people["operator"], other)
    found = agreement.agreement(MODEL)
    assert [(pair.rows, pair.equal, pair.kappa) for pair in found.pairs] == [(10, 7, pytest.approx(0.4))]
    # Fleiss pools both people: 11 "good" and 9 "bad" of 20.
    chance = (11 / 20) ** 2 + (9 / 20) ** 2
    assert (found.rows, found.people) == (10, 2)
    assert found.fleiss == pytest.approx((0.7 - chance) / (1 - chance))
    assert Item.objects.filter(disputed=True).count() == 3


def test_a_skip_and_an_undone_answer_are_no_agreement(people: dict[str, User]) -> None:
    row = stored(1, double=1.0)[0]
    answered(row, people["reviewer"], "good")
    answered(row, people["reviewer"], "bad")  # a correction: the first is undone
    answered(row, people["operator"], skipped=True)
    assert agreement.agreement(MODEL).pairs == []


def test_gold_rows_measure_people_with_an_interval(people: dict[str, User]) -> None:
    rows = stored(4)
    for row in rows:
        gold.make_gold(row.pk, "good", by=people["administrator"])
    for row, label in zip(rows, ("good", "good", "good", "bad"), strict=True):
        answered(row, people["reviewer"], label)
    answered(rows[3], people["reviewer"], "good")  # the first answer counts
    found = gold.accuracies(MODEL)
    assert [(one.name, one.right, one.n, one.interval) for one in found] == [("Reviewer", 3, 4, wilson(3, 4))]
    assert all(one.final_label == "good" and one.state == "adjudicated" for one in Item.objects.all())
    assert "bad" not in {event.label for event in history(rows[3]) if event.who == "Reviewer"}
    gold.end_gold(rows[0].pk, by=people["administrator"])
    with pytest.raises(LimbeckError, match="does not exist"):
        gold.make_gold(rows[0].pk, "gone", by=people["administrator"])


def test_who_was_shown_the_label_of_a_gold_row_is_not_measured_by_it(
    people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    rows = stored(4)
    for row in rows:
        gold.make_gold(row.pk, "good", by=people["administrator"])
    client, reviewer = sign_in("reviewer"), people["reviewer"]
    assert listed_numbers(client) == []  # lists would show the label
    assert listed_numbers(sign_in("administrator")) == [row.pk for row in rows[::-1]]
    assert client.get(reverse("review_item", args=[rows[0].pk])).status_code == 200
    client.post(reverse("review_give", args=[rows[0].pk]), {"key": "k" * 12, "label": "bad"})
    assert not Review.objects.get(key="k" * 12).gold
    bearer = {"Authorization": f"Bearer {token_of(reviewer, Ability.REVIEW)}"}
    assert Client().get(f"/api/v1/review/items/{rows[1].pk}", headers=bearer).status_code == 200
    assert Client().get("/api/v1/review/items", headers=bearer).json()["items"][0]["id"] == rows[1].pk
    left = {one.pk for _ in range(5) for one in next_items(reviewer, MODEL, 20)}
    assert left <= {rows[2].pk, rows[3].pk}
    assert answered(rows[2], reviewer, "good").review.gold
    assert [(one.right, one.n) for one in gold.accuracies(MODEL)] == [(1, 1)]
    gold.end_gold(rows[3].pk, by=people["administrator"])
    assert len(listed_numbers(client)) == 4


def listed_numbers(client: Client) -> list[int]:
    """Return the items that a person's list shows."""
    return [one.pk for one in client.get(reverse("review_items")).context["page"].rows]


def test_a_name_that_somebody_else_has_shows_nothing_of_them(
    people: dict[str, User], sign_in: Callable[[str], Client]
) -> None:
    row = stored(1)[0]
    gold.make_gold(row.pk, "good", by=people["administrator"])
    answered(row, people["operator"], "bad")
    User.objects.filter(pk=people["reviewer"].pk).update(name=people["operator"].shown_name)
    client = sign_in("reviewer")
    assert client.get(reverse("review_quality")).context["people"] == []
    shown = sign_in("administrator").get(reverse("review_quality")).context["people"]
    assert [(one.name, one.right, one.n) for one in shown] == [(people["operator"].shown_name, 0, 1)]


def test_the_accuracy_of_the_model_weighs_rows_by_their_inclusion(people: dict[str, User]) -> None:
    rows = stored(8, audit=1.0)
    Item.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(inclusion=0.5)
    for row in rows:
        answered(row, people["reviewer"], "bad" if row in rows[:2] else "good")
    found = audit.audited(MODEL)
    assert found.rows == 8
    assert found.accuracy == pytest.approx((2 * 2 + 4) / (4 * 2 + 4))
    assert found.low < 2 / 3 < found.high
    assert audit.audited("none").accuracy is None


def test_an_audit_that_is_reviewed_in_part_stands_for_all_rows(people: dict[str, User]) -> None:
    rows = stored(12, audit=1.0)
    # Four rows drawn from 16 and eight from eight; of both, two are reviewed.
    Item.objects.filter(pk__in=[row.pk for row in rows[:4]]).update(inclusion=0.25)
    for row, label in zip((*rows[:2], *rows[-2:]), ("good", "good", "bad", "bad"), strict=True):
        Item.objects.filter(pk=row.pk).update(label="good")
        answered(row, people["reviewer"], label)
    found = audit.audited(MODEL)
    assert (found.accuracy, found.rows) == (pytest.approx(16 / 24), 4)


def test_rows_that_were_chosen_do_not_bias_the_audit(people: dict[str, User]) -> None:
    rows = stored(60, audit=0.3)
    for row in rows:
        if not row.audit:
            answered(row, people["reviewer"], "bad")  # all wrong, and none of them counts
    audited = [row for row in rows if row.audit]
    for row in audited:
        answered(row, people["reviewer"], "good")
    assert (audit.audited(MODEL).accuracy, audit.audited(MODEL).rows) == (1.0, len(audited))


@pytest.mark.django_db(transaction=True)
def test_bulk_acceptance_holds_a_sample_back(people: dict[str, User]) -> None:
    rows = stored(200)
    job = bulk.start(MODEL, "good", 0.7, 0.1, by=people["administrator"])
    Worker().run(until_empty=True)
    job.refresh_from_db()
    above = [row for row in rows if row.probability >= 0.7]
    assert job.state == "finished", job.reason
    assert job.result["rows"] + job.result["held"] == len(above) and 3 <= job.result["held"] <= 25
    assert Item.objects.filter(state="reviewed", final_label="good").count() == job.result["rows"]
    held = list(Item.objects.filter(lane=AUDIT))
    answered(held[0], people["reviewer"], "bad")
    answered(held[1], people["reviewer"], "good")
    found = audit.bulk_audited(MODEL)
    assert (found.rows, found.accuracy) == (2, 0.5)
    assert Item.objects.get(pk=held[0].pk).final_label == "bad"  # who looked at it counts more
    assert bulk.run(job, Context()) == job.result  # again, as after a kill
    assert verify().broken is None


def test_assigned_items_come_first_to_their_person_and_to_nobody_else(people: dict[str, User]) -> None:
    rows = stored(30)
    made = assign.assign(people["reviewer"], MODEL, 5, label="good", by=people["administrator"])
    assert {one.pk for one in made.items.all()} == {row.pk for row in rows[:5]}
    assert not {one.pk for one in next_items(people["administrator"], MODEL, 20)} & {row.pk for row in rows[:5]}
    mine = next_items(people["reviewer"], MODEL, 5)
    assert {one.pk for one in mine} == {row.pk for row in rows[:5]}
    answered(mine[0], people["reviewer"])
    assert [(one.items, one.done) for one in assign.progress(MODEL)] == [(5, 1)]
    assign.end(made, by=people["administrator"])
    assert Item.objects.get(lane=ASSIGNED).done
    assert Item.objects.filter(lane=POOL).count() == 29
    with pytest.raises(LimbeckError, match="role"):
        assign.assign(people["viewer"], MODEL, 5, by=people["administrator"])
    with pytest.raises(LimbeckError, match="No waiting item"):
        assign.assign(people["reviewer"], MODEL, 5, label="none", by=people["administrator"])


@pytest.mark.parametrize("sort", sorted(ORDERS))
def test_pages_hold_every_item_once_in_order(sort: str, people: dict[str, User]) -> None:
    rows = stored(23)
    add_items([item(100 + at, 0.5, model="another", label="bad") for at in range(4)], by=None)
    for row in rows[::2]:
        answered(row, people["reviewer"])
    seen: list[Item] = []
    after = ""
    for _ in range(20):
        page = listed(Wanted(sort=sort), after, size=4)
        seen += page.rows
        after = page.after
        if not after:
            break
    expected = 12 if sort.startswith("review") else 27
    assert len({one.pk for one in seen}) == len(seen) == expected
    if sort == "uncertain":
        assert [one.margin for one in seen] == sorted(one.margin for one in seen)
    if sort == "class":
        assert [one.label for one in seen] == sorted(one.label for one in seen)


def test_filters_and_search(people: dict[str, User]) -> None:
    rows = stored(12)
    answered(rows[3], people["reviewer"], "bad")
    found = [one.pk for one in listed(Wanted(state="corrected")).rows]
    assert found == [rows[3].pk]
    assert [one.pk for one in listed(Wanted(reviewer=people["reviewer"].pk)).rows] == [rows[3].pk]
    assert [one.content for one in listed(Wanted(q="评论 11")).rows] == ["评论 11"]
    assert listed(Wanted(q="nothing")).rows == [] and listed(Wanted(q="nothing")).searched == 12
    assert listed(Wanted(model="none")).rows == []
    first = listed(Wanted(label="good", sort="uncertain"), size=5)
    rest = listed(Wanted(label="good", sort="uncertain"), first.after, size=50)
    assert [one.pk for one in first.rows + rest.rows] == [one.pk for one in rows]
    assert len(listed(Wanted(state="predicted", sort="class")).rows) == 11
    assert len(listed(Wanted(), after="forged").rows) == 12


FILTERS: list[dict[str, object]] = [
    {}, {"model": MODEL}, {"label": "good"}, {"state": "predicted"}, {"state": "reviewed"}, {"state": "corrected"},
    {"state": "disputed"}, {"model": MODEL, "label": "good"}, {"model": MODEL, "state": "reviewed"},
    {"label": "good", "state": "predicted"}, {"model": MODEL, "label": "bad", "state": "reviewed"},
    {"source": "import", "state": "reviewed"}, {"q": "1", "state": "predicted"}, {"final_label": "good"},
]  # fmt: skip


@pytest.mark.parametrize("few", [0, 2000])
@pytest.mark.parametrize("sort", sorted(ORDERS))
def test_filtered_pages_hold_what_passes_whichever_way_it_is_found(
    sort: str, few: int, people: dict[str, User]
) -> None:
    rows = stored(23)
    add_items([item(100 + at, 0.1 * at, model="another") for at in range(5)], by=None)
    for at, row in enumerate(rows[::2]):
        answered(row, people["reviewer"], "bad" if at % 4 == 0 else "good")
    Item.objects.filter(pk__in=[rows[2].pk, rows[4].pk]).update(disputed=True)
    limits = Limits(few=few, first=2, looked=4, searched=4)
    for asked in FILTERS:
        seen: list[Item] = []
        after = ""
        for _ in range(30):
            page = listed(Wanted(sort=sort, **asked), after, size=3, limits=limits)
            seen += page.rows
            after = page.after
            if not after:
                break
        expected = [one for one in Item.objects.all() if passes(one, sort, asked)]
        assert [one.pk for one in seen] == [one.pk for one in sorted(expected, key=place(sort))], asked


def passes(one: Item, sort: str, asked: dict[str, object]) -> bool:
    """Return whether an item passes filters, said another way."""
    if sort.startswith("review") and not one.done:
        return False
    for name, value in asked.items():
        if name == "q":
            fits = str(value) in one.content
        elif value == "corrected":
            fits = one.done and one.final_label not in ("", one.label)
        elif value == "disputed":
            fits = one.disputed
        else:
            fits = getattr(one, name) == value and not (name == "state" and one.disputed)
        if not fits:
            return False
    return True


def place(sort: str) -> Callable[[Item], tuple[Any, ...]]:
    """Return the sort key of an order."""
    sign = -1 if ORDERS[sort][0].startswith("-") else 1

    def values(one: Item) -> tuple[Any, ...]:
        found = [getattr(one, name.removeprefix("-")) for name in ORDERS[sort]]
        return tuple(
            sign * (cell.timestamp() if hasattr(cell, "timestamp") else cell) if sign < 0 else cell for cell in found
        )

    return values


def test_the_pages_of_the_list_and_the_queue_ask_the_database_as_often_for_more_rows(
    sign_in: Callable[[str], Client], django_assert_max_num_queries: object
) -> None:
    client = sign_in("reviewer")
    stored(60)
    for name in ("review_items", "review_queue"):
        with django_assert_max_num_queries(14):  # type: ignore[operator]
            assert client.get(reverse(name)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_sent_to_review_by_hand_and_by_the_switch(
    people: dict[str, User], model: Version, sign_in: Callable[[str], Client]
) -> None:
    batch = finished_batch(sign_in("operator"), model)
    sent = send_job(batch, by=people["operator"])
    assert send_job(batch, by=people["operator"]).pk == sent.pk  # two clicks are one job
    Worker().run(until_empty=True)
    sent.refresh_from_db()
    assert (sent.state, sent.result["rows"]) == ("finished", batch.result["rows"]), sent.reason
    Policy.objects.filter(model="reviews").update(send_batches=True)
    other = finished_batch(sign_in("operator"), model)
    assert Item.objects.filter(job=other).count() == other.result["rows"]
    assert Review.objects.count() == 0


def test_a_table_is_answered_and_put_under_review_once(model: Version, tmp_path: Path) -> None:
    path = tmp_path / "questions.csv"
    path.write_bytes(table([row["text"] for row in reviews(5)]))
    assert review_table(model.name, path) == Added(5, 0)
    assert review_table(model.name, path) == Added(0, 5)
    one = Item.objects.get(key="table:questions.csv:1")
    assert (one.content, one.model, one.version) == (reviews(5)[0]["text"], model.name, model.version)
    assert one.label in model.manifest.classes and one.margin > 0
    path.write_text("id,other\n1,x\n")
    with pytest.raises(LimbeckError, match="no column 'text'"):
        review_table(model.name, path)


def test_the_example_of_the_page_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "review.md").read_text("utf-8")
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, {})


def test_disputes_and_quality_as_pages(people: dict[str, User], sign_in: Callable[[str], Client]) -> None:
    row = stored(1, double=1.0)[0]
    hidden = sign_in("reviewer").get(reverse("review_item", args=[row.pk])).content.decode()
    answered(row, people["operator"], "bad")
    assert "answer this item blind" in hidden
    answered(row, people["other"], "good")
    client = sign_in("reviewer")
    page = client.get(reverse("review_disputes")).content.decode()
    assert "评论 0" in page and "Operator" in page
    client.post(reverse("review_decide", args=[row.pk]), {"key": "d" * 12, "label": "good"})
    assert Item.objects.get().final_label == "good"
    assert "0.000" in client.get(reverse("review_quality")).content.decode()
    client.post(reverse("review_appeal", args=[row.pk]), {"key": "e" * 12, "note": "no"})
    assert Item.objects.get().disputed
    admin = sign_in("administrator")
    sent = {"model": MODEL, "person": people["reviewer"].pk, "quota": 5}
    assert admin.post(reverse("review_assign"), sent).status_code == 422
    policy = {
        "model": MODEL,
        "order": "error",
        "audit_share": 0.1,
        "double_share": 0,
        "gold_every": 5,
        "claim_minutes": 5,
    }
    assert admin.post(reverse("review_plan"), policy).status_code == 302
    assert Policy.objects.get(model=MODEL).order == "error"
    assert admin.post(reverse("review_plan"), {**policy, "audit_share": 7}).status_code == 422
