"""Review: who gets which item, and what answers do to it."""

from __future__ import annotations

import datetime
import math
import random
import threading
import uuid
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import verify
from limbeck.studio.review.models import Gold, Item, Policy, Review
from limbeck.studio.review.models.items import ADJUDICATED, ANOTHER, AUDIT, CLAIMED, POOL, PREDICTED, REVIEWED
from limbeck.studio.review.services.adding.add import Added, add_items
from limbeck.studio.review.services.adding.disagreement import disagreement
from limbeck.studio.review.services.answers.adjudicate import adjudicate, appeal, disputed
from limbeck.studio.review.services.answers.answer import Answer, answer, undo
from limbeck.studio.review.services.queue.claims import release_expired
from limbeck.studio.review.services.queue.next import next_items
from studio.review_items import MODEL, answered, item, last_review, stored

pytestmark = pytest.mark.django_db


class Never(random.Random):
    """Chance that draws neither audit nor gold rows."""

    def random(self) -> float:
        return 0.999


def key() -> str:
    return uuid.uuid4().hex


def fresh(one: Item) -> Item:
    return Item.objects.get(pk=one.pk)


def test_a_row_is_added_once_however_often_it_is_sent() -> None:
    rows = [item(at) for at in range(5)]
    assert add_items(rows, by=None) == Added(5, 0)
    assert add_items([item(4), item(5), item(5)], by=None) == Added(1, 2)
    assert Item.objects.count() == 6


def test_an_item_without_content_is_refused() -> None:
    with pytest.raises(LimbeckError, match="needs content"):
        add_items([item(0, content="")], by=None)


def test_the_audit_sample_is_random_and_says_with_which_probability() -> None:
    rows = stored(400, audit=0.25)
    audited = [one for one in rows if one.audit]
    assert 70 < len(audited) < 130
    assert all(one.lane == AUDIT and one.draw < one.inclusion == 0.25 for one in audited)
    assert all(one.lane == POOL and one.draw >= 0.25 for one in rows if not one.audit)


def test_the_least_certain_come_first(people: dict[str, User]) -> None:
    rows = stored(10)
    found = next_items(people["reviewer"], MODEL, 4, rng=Never())
    assert [one.pk for one in sorted(found, key=lambda one: one.margin)] == [one.pk for one in rows[:4]]
    assert {(one.state, one.rule, one.claimed_by_id) for one in found} == {
        (CLAIMED, "margin", people["reviewer"].pk)
    }  # fmt: skip


def test_one_in_five_is_from_the_random_audit_in_random_order(people: dict[str, User]) -> None:
    stored(200, audit=0.2)
    found = next_items(people["reviewer"], MODEL, 20, rng=random.Random(1))
    audited = [one for one in found if one.rule == "random"]
    assert len(audited) == 4
    first = Item.objects.filter(audit=True).order_by("draw")[:4]
    assert {one.pk for one in audited} == {one.pk for one in first}


def test_models_that_disagree_are_found_by_content_and_come_first(people: dict[str, User]) -> None:
    stored(5)
    twin = item(100, 0.02, model="another", content="评论 3")
    add_items([twin], by=None)
    found = next_items(people["reviewer"], MODEL, 1, order="disagreement", rng=Never())[0]
    assert found.content == "评论 3"
    assert found.others[0]["label"] == "bad" and found.disagreement > 0.4
    assert Item.objects.get(model="another").disagreement == found.disagreement


def test_disagreement_is_0_for_equal_and_1_for_opposite_answers() -> None:
    assert disagreement([{"a": 0.3, "b": 0.7}] * 3) == pytest.approx(0)
    assert disagreement([{"a": 1.0}, {"b": 1.0}]) == pytest.approx(1)
    assert disagreement([{"a": 1.0, "b": 0.0}]) == 0


def test_suspected_label_errors_come_first(people: dict[str, User]) -> None:
    Policy.objects.create(model=MODEL, audit_share=0)
    add_items([item(0, 0.9, given="good"), item(1, 0.95, given="bad"), item(2, 0.6, given="bad")], by=None)
    found = next_items(people["reviewer"], MODEL, 1, order="error", rng=Never())[0]
    assert found.key == "import:1:1" and found.suspicion == pytest.approx(0.95)


def test_a_person_gets_the_items_again_that_they_hold_and_no_one_else_does(people: dict[str, User]) -> None:
    stored(6)
    mine = next_items(people["reviewer"], MODEL, 2, rng=Never())
    theirs = next_items(people["administrator"], MODEL, 2, rng=Never())
    assert not {one.pk for one in mine} & {one.pk for one in theirs}
    again = next_items(people["reviewer"], MODEL, 3, have=[mine[0].pk], rng=Never())
    assert len(again) == 3 and again[0].pk == mine[1].pk and mine[0].pk not in {one.pk for one in again}


def test_a_claim_expires(people: dict[str, User]) -> None:
    stored(1)
    one = next_items(people["reviewer"], MODEL)[0]
    assert next_items(people["administrator"], MODEL) == []
    later = timezone.now() + datetime.timedelta(minutes=11)
    assert release_expired(later) == 1
    assert next_items(people["administrator"], MODEL)[0].pk == one.pk


@pytest.mark.django_db(transaction=True)
def test_threads_never_share_an_item(people: dict[str, User]) -> None:
    stored(48, audit=0.2)
    users = [people["reviewer"], people["administrator"], people["operator"], people["other"]]
    claimed: list[int] = []

    def work(person: User) -> None:
        try:
            have: list[int] = []
            while found := next_items(person, MODEL, 3, have=have):
                have += [one.pk for one in found]
            claimed.extend(have)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(one,)) for one in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(set(claimed))
    assert len(claimed) == 48


def test_an_answer_makes_a_final_label_and_leaves_the_models_alone(people: dict[str, User]) -> None:
    one = stored(1)[0]
    next_items(people["reviewer"], MODEL)
    kept = answered(one, people["reviewer"], "bad", seconds=2.5, note="reads as irony")
    assert not kept.late
    found = fresh(one)
    assert (found.state, found.final_label, found.label) == (REVIEWED, "bad", "good")
    assert found.final_by == people["reviewer"] and found.reviewed_at == kept.review.at
    assert (kept.review.source, kept.review.seconds, kept.review.note) == ("person", 2.5, "reads as irony")
    assert verify().broken is None


def test_the_same_answer_sent_again_is_one_answer(people: dict[str, User]) -> None:
    one = stored(1)[0]
    given = Answer(one.pk, key(), "bad")
    first = answer(given, by=people["reviewer"])
    assert answer(given, by=people["reviewer"]).review == first.review
    assert Review.objects.count() == 1
    with pytest.raises(LimbeckError, match="somebody else"):
        answer(given, by=people["administrator"])


def test_a_correction_keeps_the_earlier_answer_as_undone(people: dict[str, User]) -> None:
    one = stored(1)[0]
    answered(one, people["reviewer"], "bad")
    assert not answered(one, people["reviewer"], "good").late
    assert fresh(one).final_label == "good"
    assert [bool(review.undone_at) for review in one.reviews.order_by("pk")] == [True, False]


def test_a_skipped_item_goes_to_somebody_else(people: dict[str, User]) -> None:
    one = stored(1)[0]
    next_items(people["reviewer"], MODEL)
    answered(one, people["reviewer"], skipped=True)
    assert (fresh(one).state, fresh(one).lane) == (PREDICTED, ANOTHER)
    assert next_items(people["reviewer"], MODEL) == []
    assert next_items(people["administrator"], MODEL)[0].pk == one.pk


def test_undo_gives_the_item_back_to_who_answered(people: dict[str, User]) -> None:
    one = stored(2)[0]
    kept = answered(one, people["reviewer"], "bad")
    found = undo(kept.review.key, by=people["reviewer"])
    assert (found.state, found.claimed_by, found.final_label) == (CLAIMED, people["reviewer"], "")
    assert undo(kept.review.key, by=people["reviewer"]).pk == one.pk  # twice is once
    assert next_items(people["reviewer"], MODEL)[0].pk == one.pk
    with pytest.raises(LimbeckError, match="no answer of yours"):
        undo(kept.review.key, by=people["administrator"])


def test_a_late_answer_is_kept_as_a_second_opinion(people: dict[str, User]) -> None:
    one = stored(1)[0]
    next_items(people["reviewer"], MODEL)
    release_expired(timezone.now() + datetime.timedelta(hours=1))
    next_items(people["administrator"], MODEL)
    assert answered(one, people["reviewer"], "bad").late
    assert fresh(one).final_label == "bad"
    assert answered(one, people["administrator"], "good").late
    found = fresh(one)
    assert found.disputed and found.final_label == "" and found.answers == 2


def test_an_unknown_class_is_refused_in_one_sentence(people: dict[str, User]) -> None:
    one = stored(1)[0]
    with pytest.raises(LimbeckError, match="does not exist any more"):
        answered(one, people["reviewer"], "gone")
    with pytest.raises(LimbeckError, match="deleted meanwhile"):
        answer(Answer(one.pk + 1, key(), "bad"), by=people["reviewer"])
    with pytest.raises(LimbeckError, match="Choose a class"):
        answer(Answer(one.pk, key()), by=people["reviewer"])


def test_two_blind_reviews_that_agree_are_final_and_others_are_disputed(people: dict[str, User]) -> None:
    same, other = stored(2, double=1.0)
    for one in (same, other):
        answered(one, people["reviewer"], "bad")
        assert (fresh(one).state, fresh(one).lane) == (PREDICTED, ANOTHER)
    assert next_items(people["reviewer"], MODEL, 5) == []  # never both opinions of one person
    assert len(next_items(people["operator"], MODEL, 5)) == 2
    answered(same, people["operator"], "bad")
    answered(other, people["operator"], "good")
    assert (fresh(same).state, fresh(same).final_label, fresh(same).disputed) == (REVIEWED, "bad", False)
    assert (fresh(other).state, fresh(other).final_label, fresh(other).disputed) == (REVIEWED, "", True)
    assert last_review(other).blind
    assert not disputed(people["operator"]).exists()
    assert [one.pk for one in disputed(people["other"])] == [other.pk]


def test_an_adjudicator_decides_and_an_appeal_asks_again(people: dict[str, User]) -> None:
    one = stored(1, double=1.0)[0]
    answered(one, people["reviewer"], "bad")
    answered(one, people["operator"], "good")
    decision = Answer(one.pk, key(), "good")
    with pytest.raises(LimbeckError, match="Another person"):
        adjudicate(Answer(one.pk, key(), "good"), by=people["operator"])
    adjudicate(decision, by=people["other"])
    adjudicate(decision, by=people["other"])
    found = fresh(one)
    assert (found.state, found.final_label, found.final_by, found.disputed) == (
        ADJUDICATED, "good", people["other"], False,
    )  # fmt: skip
    with pytest.raises(LimbeckError, match="meanwhile"):
        adjudicate(Answer(one.pk, key(), "bad"), by=people["administrator"])
    with pytest.raises(LimbeckError, match="adjudicated"):
        undo(one.reviews.filter(person=people["reviewer"])[0].key, by=people["reviewer"])
    appeal(one.pk, key(), "the author is known for irony", by=people["reviewer"])
    assert fresh(one).disputed and fresh(one).final_label == "good"
    adjudicate(Answer(one.pk, key(), "bad"), by=people["other"])
    assert (fresh(one).final_label, fresh(one).disputed) == ("bad", False)


def test_an_appeal_needs_a_reason_and_a_final_label(people: dict[str, User]) -> None:
    one = stored(1)[0]
    with pytest.raises(LimbeckError, match="no final label"):
        appeal(one.pk, key(), "why", by=people["reviewer"])
    with pytest.raises(LimbeckError, match="Say why"):
        appeal(one.pk, key(), " ", by=people["reviewer"])


def test_a_gold_row_comes_like_any_other_and_is_left_as_it_is(people: dict[str, User]) -> None:
    rows = stored(30, gold=1)
    golden = rows[-1]
    answered(golden, people["administrator"], "good")
    Gold.objects.create(item=golden, model=MODEL, label="good")
    found = next_items(people["reviewer"], MODEL, 5)
    assert golden.pk in {one.pk for one in found}
    before = fresh(golden)
    kept = answered(golden, people["reviewer"], "bad")
    assert kept.review.gold and not kept.late
    assert (fresh(golden).final_label, fresh(golden).state) == (before.final_label, before.state)
    assert golden.pk not in {one.pk for one in next_items(people["reviewer"], MODEL, 5)}
    assert golden.pk not in {one.pk for one in next_items(people["administrator"], MODEL, 5)}


@pytest.mark.parametrize("number", [-1, 2**63, 10**30])
def test_numbers_that_no_database_holds_are_refused(number: int, sign_in: Callable[[str], Client]) -> None:
    client = sign_in("reviewer")
    stored(3, gold=1)
    bodies = {
        "review_next": {"model": MODEL, "count": 2, "have": [number]}, "review_release": {"items": [number]},
        "review_answer": {"item": number, "key": "k" * 12, "label": "good"},
    }  # fmt: skip
    for name, body in bodies.items():
        assert client.post(reverse(name), body, content_type="application/json").status_code == 400


@pytest.mark.parametrize(("seconds", "kept"), [(math.nan, None), (math.inf, 3600.0), (-1.0, 0.0)])
def test_seconds_that_are_none_are_not_stored(seconds: float, kept: float | None, people: dict[str, User]) -> None:
    row = stored(1, double=1.0)[0]
    answered(row, people["reviewer"], "good", seconds=seconds)
    assert last_review(row).seconds == kept
    answered(row, people["operator"], "bad")
    adjudicate(Answer(row.pk, "k" * 12, "good", seconds=seconds), by=people["administrator"])
    assert last_review(row).seconds == kept


def test_what_a_person_holds_comes_before_more_and_only_once(people: dict[str, User]) -> None:
    stored(6)
    reviewer = people["reviewer"]
    first = [item.pk for item in next_items(reviewer, MODEL, 3)]
    assert [item.pk for item in next_items(reviewer, MODEL, 2)] == sorted(first)[:2]  # the page was closed
    more = [item.pk for item in next_items(reviewer, MODEL, 3, have=first)]
    assert len({*first, *more}) == 6


def test_whoever_has_no_assignment_costs_no_look_for_assigned_items(people: dict[str, User]) -> None:
    """Joined with assignments, all waiting items are gone through: seconds where there are a million."""
    stored(3)
    with CaptureQueriesContext(connection) as captured:
        assert len(next_items(people["reviewer"], MODEL, 2)) == 2
    items = Item._meta.db_table
    assert not [query["sql"] for query in captured if items in query["sql"] and "JOIN" in query["sql"]]


def test_disputed_items_are_looked_up_in_an_index(people: dict[str, User]) -> None:
    """A bare "disputed" in a WHERE goes through all items on SQLite; "disputed IN (1)" does not."""
    assert '"disputed" IN' in str(disputed(people["administrator"]).query).replace("`", '"')
