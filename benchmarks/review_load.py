"""What `benchmarks.studio_review` runs in a process of its own, with a data folder of its own: load on review's database.

``python -m benchmarks.review_load quick|full`` prints one JSON object. It acts through the services and pages, as people
and imports do, and compares what was answered with what the database holds.
"""

from __future__ import annotations

import datetime
import json
import random
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator

import numpy as np

QUICK = {"threads": 8, "claims": 10, "rows": 900, "rounds": 1, "seconds": 1.0, "imported": 500}
FULL = {"threads": 50, "claims": 1000, "rows": 1_000_000, "rounds": 10, "seconds": 60.0, "imported": 100_000}
BETWEEN = 0.25  # seconds between two answers of a person: faster than people read
REVIEWERS, MODELS, CLASSES = 8, ("comments", "pictures", "beats"), ("bad", "good", "odd")


def rows(count: int, model: str, source: int) -> Iterator[object]:
    """Yield items as an import makes them."""
    from limbeck.studio.review.models import Item

    chance = np.random.default_rng(source)
    for at in range(count):
        p = chance.dirichlet([0.6, 0.6, 0.6])
        order = np.sort(p)
        yield Item(
            key=f"import:{source}:{at}", source="import", kind="text", model=model, version="v1",
            content=f"评论 {source}-{at} 物流很快，包装完好，下次还会再来", label=CLASSES[int(p.argmax())],
            probability=float(p.max()), margin=float(order[-1] - order[-2]),
            probabilities=dict(zip(CLASSES, p.tolist(), strict=True)),
        )  # fmt: skip


def fill(count: int) -> None:
    """Store items of three models, some of them reviewed, faster than an import: without the look for twins."""
    from django.utils import timezone

    from limbeck.studio.review.models import Item
    from limbeck.studio.review.services.adding.add import digest_of
    from limbeck.studio.review.services.queue.policies import kept_policy

    chance = random.Random(0)
    for number, model in enumerate(MODELS):
        kept_policy(model)
        chunk = []
        for item in rows(count // len(MODELS), model, number):
            item.digest = digest_of(item.kind, item.content)
            item.draw, item.inclusion = chance.random(), 0.2
            item.audit = item.draw < 0.2
            item.lane = "audit" if item.audit else "pool"
            if chance.random() < 0.1:
                item.state, item.final_label, item.reviewed_at = "reviewed", item.label, timezone.now()
            chunk.append(item)
            if len(chunk) == 2000:
                Item.objects.bulk_create(chunk)
                chunk = []
        Item.objects.bulk_create(chunk)


def together(acts: list[Callable[[], None]]) -> list[BaseException]:
    """Run acts at the same time, each in a thread; return what they raised."""
    from django.db import connection

    raised: list[BaseException] = []

    def run(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def claims(people: list[object], threads: int, each: int) -> dict[str, float]:
    """Claim items one by one from many threads; return claims a second and how many items were given twice."""
    from django.utils import timezone

    from limbeck.studio.review.models import Item
    from limbeck.studio.review.models.items import POOL, PREDICTED
    from limbeck.studio.review.services.queue.claims import claim

    given: list[int] = []
    until = timezone.now() + datetime.timedelta(hours=10)
    waiting = Item.objects.filter(model="comments", state=PREDICTED, lane=POOL).order_by("margin", "pk")

    def work(person: object) -> None:
        for _ in range(each):
            given.extend(one.pk for one in claim(waiting, 1, by=person, until=until, rule="margin"))

    began = time.perf_counter()
    raised = together([lambda person=person: work(person) for person in people[:threads]])
    seconds = time.perf_counter() - began
    return {"per_second": len(given) / seconds, "twice": len(given) - len(set(given)), "errors": len(raised)}


def pages(person: object, rounds: int) -> dict[str, object]:
    """Open the list in all orders and filters, at its beginning and further on, and the queue page."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext
    from django.urls import reverse

    from limbeck.studio.review.services.display.listing import Wanted, listed
    from limbeck.studio.review.services.display.walking import ORDERS

    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    asked = [{"sort": sort} for sort in ORDERS]
    asked += [{"sort": sort, **more} for sort in ("newest", "uncertain", "class") for more in (
        {"state": "predicted"}, {"state": "reviewed"}, {"model": "beats"}, {"label": "odd"}, {"q": "77"},
        {"state": "predicted", "model": "pictures", "label": "bad"},
    )]  # fmt: skip
    places = [(reverse("review_items"), data) for data in asked]
    for data in asked:
        after = listed(Wanted(**data)).after
        places += [(reverse("review_items"), {**data, "after": after})] if after else []
    places += [(reverse("review_queue"), {"model": model}) for model in MODELS]
    took: dict[str, list[float]] = {}
    queries: dict[str, int] = {}
    for path, data in places:
        name = f"{path} {json.dumps({**data, 'after': bool(data.get('after'))})}"
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path, data).status_code == 200
        queries[name] = len(captured)
        for _ in range(rounds):
            began = time.perf_counter()
            client.get(path, data)
            took.setdefault(name, []).append(1000 * (time.perf_counter() - began))
    every = [one for times in took.values() for one in times]
    slowest = max(took, key=lambda name: np.median(took[name]))
    return {
        "p95": float(np.percentile(every, 95)), "queries": max(queries.values()), "slowest": slowest,
        "slowest_ms": float(np.median(took[slowest])),
    }  # fmt: skip


def clicking(people: list[object], seconds: float, imported: int) -> dict[str, float]:
    """Let 8 people review while an import runs; return errors, lost writes, and the time to a next item."""
    from django.db import OperationalError

    from limbeck.studio.review.models import Item, Review
    from limbeck.studio.review.services.adding.add import add_items
    from limbeck.studio.review.services.answers.answer import Answer, answer
    from limbeck.studio.review.services.queue.next import next_items

    until = time.perf_counter() + seconds
    kept: list[str] = []
    waits: list[float] = []
    before = Item.objects.count()

    def review(person: object) -> None:
        while time.perf_counter() < until:
            began = time.perf_counter()
            found = next_items(person, "pictures", 1)
            waits.append(1000 * (time.perf_counter() - began))
            for item in found:
                key = uuid.uuid4().hex
                answer(Answer(item.pk, key, "bad"), by=person)
                kept.append(key)
            time.sleep(BETWEEN)

    added: list[int] = []

    def bring() -> None:
        added.append(add_items(rows(imported, "beats", 99), by=None).added)

    raised = together([bring, *(lambda person=person: review(person) for person in people[:REVIEWERS])])
    stored = set(Review.objects.filter(key__in=kept[-5000:]).values_list("key", flat=True))
    lost = len(set(kept[-5000:]) - stored) + (sum(added) - (Item.objects.count() - before))
    locked = sum(isinstance(error, OperationalError) for error in raised)
    if raised and not locked:
        raise raised[0]
    return {
        "locked": locked, "lost": lost, "reviews": len(kept), "imported": sum(added),
        "next_p95": float(np.percentile(waits, 95)),
    }  # fmt: skip


def main() -> None:
    """Fill the database and print what was measured."""
    asked = QUICK if sys.argv[1] == "quick" else FULL
    from limbeck.studio.launch import prepare

    prepare()
    from limbeck.studio.accounts.models import User
    from limbeck.studio.review.models import Item, Policy

    people = [User.objects.create(username=f"p{at}", role="reviewer") for at in range(asked["threads"])]
    fill(300)
    Policy.objects.update(gold_every=0, claim_minutes=600)
    few = pages(people[0], 1)
    Item.objects.all().delete()
    fill(asked["rows"])
    many = pages(people[0], asked["rounds"])
    told = {"few": few, "many": many, "clicking": clicking(people, asked["seconds"], asked["imported"])}
    told["claims"] = claims(people, asked["threads"], asked["claims"])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
