"""How far people agree with each other, and how often the model is right: from blind reviews and the audit sample."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from django.db.models import Count, F, Q

from limbeck.metrics.agreement import cohen_kappa, fleiss_kappa
from limbeck.metrics.exact_tests import wilson
from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Item, Review
from limbeck.studio.review.models.answers import FIRST, PERSON
from limbeck.studio.review.models.items import ADJUDICATED, AUDIT, REVIEWED

NEWEST = 20_000  # blind answers that are looked at
DONE = (REVIEWED, ADJUDICATED)


@dataclass(frozen=True)
class Pair:
    """Two people who answered the same rows blind: how many, how many equally, and Cohen's kappa."""

    one: str
    other: str
    rows: int
    equal: int
    kappa: float | None


@dataclass(frozen=True)
class Agreement:
    """Agreement of all pairs, and Fleiss' kappa of the ``rows`` that ``people`` answered blind."""

    pairs: list[Pair]
    fleiss: float | None
    rows: int
    people: int


@dataclass(frozen=True)
class Estimate:
    """The accuracy of a model on all rows, estimated from the reviewed part of the audit sample."""

    accuracy: float | None
    low: float
    high: float
    rows: int


def agreement(model: str) -> Agreement:
    """Return how far people agree on the rows of a model that several of them answered blind."""
    answers = _blind(model)
    together: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for given in answers.values():
        for one, other in itertools.combinations(sorted(given), 2):
            together.setdefault((one, other), []).append((given[one], given[other]))
    numbers = {number for pair in together for number in pair}
    names = {user.pk: user.shown_name for user in User.objects.filter(pk__in=numbers)}
    pairs = []
    for (one, other), labels in sorted(together.items()):
        left, right = zip(*labels, strict=True)
        equal = sum(a == b for a, b in labels)
        pairs.append(Pair(names[one], names[other], len(labels), equal, cohen_kappa(left, right)))
    people, rows = _most_common(answers)
    classes = sorted({label for given in rows for label in given})
    counts = [[given.count(name) for name in classes] for given in rows]
    return Agreement(pairs, fleiss_kappa(counts) if rows else None, len(rows), people)


def _blind(model: str) -> dict[int, dict[int, str]]:
    """Return item -> person -> label of the newest blind answers that stand."""
    found = Review.objects.filter(
        item__model=model, blind=True, source=PERSON, step=FIRST, skipped=False, gold=False, bulk=False, undone_at=None,
        person__isnull=False,
    )  # fmt: skip
    answers: dict[int, dict[int, str]] = {}
    for item, person, label in found.order_by("-pk").values_list("item", "person", "label")[:NEWEST]:
        answers.setdefault(item, {}).setdefault(person, label)
    return {item: given for item, given in answers.items() if len(given) > 1}


def _most_common(answers: dict[int, dict[int, str]]) -> tuple[int, list[list[str]]]:
    """Return the rows with the most common number of people, which Fleiss' kappa needs to be one, and that number."""
    sizes = Counter(len(given) for given in answers.values())
    if not sizes:
        return 0, []
    people = max(sizes, key=lambda size: (sizes[size], size))
    return people, [list(given.values()) for given in answers.values() if len(given) == people]


def audited(model: str) -> Estimate:
    """Return the accuracy of a model, each row weighted by 1 / its probability of inclusion (Hajek 1971).

    The interval is that of Wilson for the effective number of rows (Kish 1965), which is the number of rows where all
    had the same probability.
    """
    done = Item.objects.filter(model=model, audit=True, state__in=DONE, inclusion__gt=0).exclude(final_label="")
    right = Count("pk", filter=Q(final_label=F("label")))
    rows = list(done.values_list("inclusion").annotate(n=Count("pk"), right=right))
    n = sum(count for _p, count, _right in rows)
    if not n:
        return Estimate(None, 0.0, 1.0, 0)
    total = sum(count / p for p, count, _right in rows)
    accuracy = sum(hits / p for p, _count, hits in rows) / total
    effective = total**2 / sum(count / p**2 for p, count, _right in rows)
    low, high = wilson_of(accuracy, effective)
    return Estimate(accuracy, low, high, n)


def bulk_audited(model: str) -> Estimate:
    """Return how often people agree with what was accepted in bulk, from the items that were held back for them."""
    held = Review.objects.filter(
        item__model=model, bulk=True, undone_at=None, item__lane=AUDIT, item__state__in=DONE
    ).exclude(item__final_label="")  # fmt: skip
    n = held.count()
    right = held.filter(item__final_label=F("label")).count()
    low, high = wilson(right, n)
    return Estimate(right / n if n else None, low, high, n)


def wilson_of(share: float, n: float) -> tuple[float, float]:
    """Return the Wilson interval of a share of n rows, where n need not be whole."""
    whole = max(1, round(n))
    return wilson(round(share * whole), whole)
