"""The order "learning" of the queue, and suspected label errors among reviewed items."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from limbeck.monitoring.choose import WARM
from limbeck.studio.accounts.models import User
from limbeck.studio.jobs.models import Job
from limbeck.studio.jobs.worker import Worker
from limbeck.studio.registry.facts import Version
from limbeck.studio.review.models import Item, Planned, Policy, Review, Suspect
from limbeck.studio.review.services.queue import learning
from limbeck.studio.review.services.queue.next import next_items
from small import reviews
from studio.review_items import MODEL, item, stored

pytestmark = pytest.mark.django_db


def waiting(model: Version, count: int) -> None:
    """Store items of a model that wait; their margins rise with their numbers, and ten in a row have one text."""
    rows = reviews(count)
    bad, good = model.manifest.classes
    Policy.objects.create(model=model.name, audit_share=0.0, gold_every=0)
    for at in range(count):
        p = 0.5 + 0.3 * at / count
        Item.objects.create(
            key=f"w:{at}", kind="text", content=rows[at // 10]["text"], digest="", model=model.name, draw=at / count,
            label=good, probabilities={bad: 1 - p, good: p}, margin=p - (1 - p),
        )  # fmt: skip


def test_few_reviewed_rows_spread_over_all_kinds_of_rows(model: Version, people: dict[str, User]) -> None:
    waiting(model, 400)
    learning.choose_ahead()
    chosen = list(learning.planned(model.name))
    assert len(chosen) == learning.PLANNED
    # Margins alone would give ten texts ten times each.
    assert len({one.content for one in chosen[:40]}) >= 38
    given = next_items(people["reviewer"], model.name, 5)
    assert {one.pk for one in given} == {one.pk for one in chosen[:5]}
    assert {one.rule for one in given} == {"spread"}
    learning.choose_ahead()  # enough wait: nothing is chosen anew
    assert list(learning.planned(model.name)) == chosen[5:]


def test_from_enough_reviewed_rows_on_the_smallest_margin_comes_first(model: Version, people: dict[str, User]) -> None:
    waiting(model, 60)
    done = {"kind": "text", "content": "x", "digest": "", "model": model.name, "state": "reviewed"}
    Item.objects.bulk_create(Item(key=f"d:{at}", **done) for at in range(WARM))
    assert learning.make_plan(model.name) == 0
    given = next_items(people["reviewer"], model.name, 3)
    assert [one.rule for one in given] == ["margin"] * 3
    assert {one.key for one in given} == {"w:0", "w:1", "w:2"}


def test_rows_that_models_answer_differently_come_first(people: dict[str, User]) -> None:
    rows = stored(40)
    for at, one in enumerate(rows):
        p = one.probabilities["good"]
        q = 1 - p if at % 2 else p
        one.others = [{"model": "another", "label": "", "probability": q, "probabilities": {"bad": 1 - q, "good": q}}]
        one.disagreement = abs(p - q)
        one.save()
    Item.objects.filter(pk=rows[0].pk).update(disagreement=0.01)
    assert learning.make_plan(MODEL) == 0  # too few of them differ
    Item.objects.update(disagreement=0.5)
    assert learning.make_plan(MODEL) == 40
    assert next_items(people["reviewer"], MODEL, 1)[0].pk == rows[-1].pk
    assert set(Planned.objects.values_list("why", flat=True)) == {"disagreement"}


def test_the_random_audit_is_served_whatever_is_planned(model: Version, people: dict[str, User]) -> None:
    waiting(model, 200)
    Policy.objects.update(audit_share=0.2)
    Item.objects.filter(draw__gte=0.5).update(audit=True, lane="audit", inclusion=0.5)
    learning.choose_ahead()
    given = next_items(people["reviewer"], model.name, 10, rng=random.Random(0))
    assert sorted(one.rule for one in given) == ["random"] * 2 + ["spread"] * 8


def test_an_item_of_an_unknown_model_is_served_by_margin(people: dict[str, User]) -> None:
    stored(5)
    Policy.objects.update(order="learning")
    learning.choose_ahead()
    assert next_items(people["reviewer"], MODEL, 1)[0].key == item(0).key


@pytest.mark.django_db(transaction=True)
def test_flipped_labels_are_suspected_and_a_person_decides(
    model: Version, sign_in: Callable[[str], Client], people: dict[str, User]
) -> None:
    bad, good = model.manifest.classes
    flipped = set(random.Random(1).sample(range(200), 10))
    Policy.objects.create(model=model.name)
    for at, row in enumerate(reviews(200)):
        right = (bad, good)[at % 2]  # one label in 25 of `reviews` is wrong
        label = {good: bad, bad: good}[right] if at in flipped else right
        made = Item.objects.create(
            key=f"s:{at}", kind="text", content=row["text"], digest="", model=model.name, state="reviewed",
            final_label=label,
        )  # fmt: skip
        Review.objects.create(item=made, key=f"r:{at}", label=label)
    admin = sign_in("administrator")
    job = Job.objects.get(
        pk=admin.post(reverse("review_label_errors_find"), {"model": model.name}).url.strip("/").split("/")[-1]
    )
    Worker().run(until_empty=True)
    job.refresh_from_db()
    assert (job.state, job.reason, job.result["rows"]) == ("finished", "", 200)
    client = sign_in("reviewer")
    address = f"{reverse('review_label_errors')}?model={model.name}"
    found = client.get(address).context["page"].object_list
    hits = [one.item.key in {f"s:{at}" for at in flipped} for one in found[:10]]
    assert sum(hits) >= 7, hits
    first, second = found[0].item_id, found[1].item_id
    client.post(reverse("review_label_error", args=[first]), {"again": "1"})
    client.post(reverse("review_label_error", args=[second]), {"keep": "1"})
    assert Item.objects.get(pk=first).disputed
    left = {one.item_id for one in client.get(address).context["page"].object_list}
    assert not {first, second} & left
    admin.post(reverse("review_label_errors_find"), {"model": model.name})
    Worker().run(until_empty=True)
    assert Suspect.objects.get(pk=second).kept_at is not None  # what was confirmed is not asked again


@pytest.mark.django_db(transaction=True)
def test_few_reviewed_rows_give_no_suspects(model: Version, people: dict[str, User]) -> None:
    from limbeck.studio.review.services.quality import label_errors

    job = label_errors.start(model.name, by=people["administrator"])
    assert label_errors.start(model.name, by=people["administrator"]).pk == job.pk
    Worker().run(until_empty=True)
    job.refresh_from_db()
    assert job.result["few"] is True
