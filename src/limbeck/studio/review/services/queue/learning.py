"""The order "learning": waiting items chosen by `limbeck.monitoring.choose` where a label teaches the model most.

The random part of the queue is not chosen here: it is the audit sample, which is served beside (`next`). While few rows
are reviewed, items are spread over all kinds of rows. That needs the vectors of the rows, so a worker chooses `PLANNED`
items ahead; a person gets them in their order. From `limbeck.monitoring.choose.WARM` reviewed rows on the smallest
margin comes first, which an index of the database gives without a plan. Where several models have answered, rows that
they answer differently come first.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.monitoring.choose import WARM, choose
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.stored_rows import values_of
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item, Planned, Policy
from limbeck.studio.review.models.items import ADJUDICATED, POOL, PREDICTED, REVIEWED
from limbeck.studio.review.models.planning import LEARNING

PLANNED, FEWEST = 100, 30  # items chosen at once, and how few of them may wait before others are chosen
CANDIDATES, COSTLY = 2000, 200  # waiting items among which they are chosen; where each is a file to decode
TURN = datetime.timedelta(minutes=1)  # for which a worker has the choice to itself, and until it is made again


def planned(model: str) -> QuerySet:
    """Return the waiting items of a model that were chosen, in their order."""
    return Item.objects.filter(planned__model=model, state=PREDICTED, lane=POOL).order_by("planned__turn")


def why_planned(model: str) -> str:
    """Return why the items of the plan were chosen; "" without a plan."""
    return Planned.objects.filter(model=model).values_list("why", flat=True).first() or ""


def choose_ahead() -> None:
    """Choose items for every model whose chosen ones are nearly used up; a chore of the workers."""
    now = timezone.now()
    free = Q(planning_until=None) | Q(planning_until__lt=now)
    for model in Policy.objects.filter(free, order=LEARNING).values_list("model", flat=True):
        if planned(model)[:FEWEST].count() < FEWEST and Policy.objects.filter(free, model=model).update(
            planning_until=now + TURN
        ):
            make_plan(model)


def make_plan(model: str, *, seed: int | None = None) -> int:
    """Choose the next items of a model and return how many; 0 where the order of margins needs no plan."""
    try:
        version: Version | None = version_of(model)
    except LimbeckError:  # rows that were imported with answers of a model that is not here
        version = None
    items = _candidates(model, COSTLY if version is not None and KINDS[version.kind].costly else CANDIDATES)
    reviewed = Item.objects.filter(model=model, state__in=(REVIEWED, ADJUDICATED))[:WARM].count()
    given = _known_of(items, version, reviewed)
    rows: list[Planned] = []
    if given:
        chosen = choose(PLANNED, reviewed=reviewed, random_share=0.0, seed=_seed() if seed is None else seed, **given)
        rows = [
            Planned(item=items[row], model=model, turn=turn, why=why)
            for turn, (row, why) in enumerate(zip(chosen.rows.tolist(), chosen.why, strict=True))
        ]
    with transaction.atomic():
        Policy.objects.select_for_update().get(model=model)  # one plan, whoever else has made one meanwhile
        Planned.objects.filter(Q(model=model) | Q(item__in=[row.item for row in rows])).delete()
        Planned.objects.bulk_create(rows, batch_size=500)
    return len(rows)


def _candidates(model: str, most: int) -> list[Item]:
    """Return waiting items: some at random, and those with the smallest margin and the largest disagreement."""
    waiting = Item.objects.filter(model=model, state=PREDICTED, lane=POOL).defer("explanation", "extra")
    start = float(np.random.default_rng().random())
    found: dict[int, Item] = {}
    parts = (
        waiting.order_by("margin", "pk")[: most // 10],
        waiting.filter(disagreement__gt=0).order_by("-disagreement", "pk")[: most // 10],
        # A random order of the pool, from a random place on and around: no sort of all that waits.
        waiting.filter(draw__gte=start).order_by("draw", "pk")[:most],
        waiting.filter(draw__lt=start).order_by("draw", "pk")[:most],
    )
    for part in parts:
        for item in part:
            if len(found) < most:
                found.setdefault(item.pk, item)
    return list(found.values())


def _known_of(items: list[Item], version: Version | None, reviewed: int) -> dict[str, Any]:
    """Return what `choose` is told of items; nothing where it would only order them by margin."""
    names = (
        list(version.manifest.classes) if version is not None else sorted({n for i in items for n in i.probabilities})
    )
    if not items or len(names) < 2:
        return {}
    p = _probabilities([item.probabilities for item in items], names)
    several = sum(item.disagreement > 0 for item in items)
    if several >= min(PLANNED, len(items)):
        models = sorted({told["model"] for item in items for told in item.others})
        others = [{told["model"]: told["probabilities"] for told in item.others} for item in items]
        committee = [p, *(_probabilities([other.get(name, {}) for other in others], names) for name in models)]
        return {"p": p, "committee": np.stack(committee)}
    if version is None or reviewed >= WARM:
        return {}
    vectors = _vectors(version, items)
    return {} if vectors is None else {"p": np.nan_to_num(p, nan=1 / len(names)), "vectors": vectors}


def _probabilities(answers: list[dict[str, float | None]], names: list[str]) -> np.ndarray[Any, Any]:
    """Return float64[N, C]; NaN in the whole row of an answer that lacks a class."""
    rows = [[answer.get(name) for name in names] for answer in answers]
    p = np.array([[np.nan if cell is None else cell for cell in row] for row in rows], dtype=np.float64)
    p[~np.isfinite(p).all(axis=1)] = np.nan
    return p


def _vectors(version: Version, items: list[Item]) -> np.ndarray[Any, Any] | None:
    """Return the vectors of items; None where the model or a file is gone."""
    try:
        values = values_of(version, [(item.content, item.file) for item in items])
        return classifier_of(version).features(values, unreadable="nan")
    except (LimbeckError, OSError):
        return None


def _seed() -> int:
    return int(np.random.default_rng().integers(2**31))
