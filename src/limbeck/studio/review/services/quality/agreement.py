"""How far people agree with each other, from blind reviews."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from limbeck.metrics.agreement import cohen_kappa, fleiss_kappa
from limbeck.studio.accounts.models import User
from limbeck.studio.review.models import Review
from limbeck.studio.review.models.answers import FIRST, PERSON

NEWEST = 20_000  # blind answers that are looked at


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
