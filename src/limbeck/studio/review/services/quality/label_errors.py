"""Suspected label errors among reviewed items, by `limbeck.monitoring.label_errors`.

What a row is known by are its vector and the answer that the model gave before the review: that model had not learned
from this label. A small model learns the labels from these, fold by fold, and answers the rows of the other folds.
"""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.monitoring.label_errors import FOLDS, out_of_fold, suspects
from limbeck.monitoring.ridge import ridge_fit
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.stored_rows import values_of
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import QUEUED, RUNNING, Job
from limbeck.studio.jobs.worker import Context
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.review.models import Item, Suspect
from limbeck.studio.review.models.items import ADJUDICATED, REVIEWED
from limbeck.studio.review.services.answers.adjudicate import appeal

KIND = "label_errors"
MOST, COSTLY = 20_000, 1000  # newest reviewed items that are looked at; where each is a file to decode
FEWEST = 10 * FOLDS  # reviewed items below which nothing is said


def start(model: str, *, by: User, request: HttpRequest | None = None) -> Job:
    """Start the search among the reviewed items of a model; return the one that runs already, if there is one."""
    for job in Job.objects.filter(kind=KIND, state__in=(QUEUED, RUNNING)):
        if job.parameters.get("model") == model:
            return job
    return jobs.create(KIND, model, {"model": model}, by=by, request=request)


def run(job: Job, context: Context) -> dict[str, Any]:
    """Search, and keep what is found."""
    model = job.parameters["model"]
    version = version_of(model)
    most = COSTLY if KINDS[version.kind].costly else MOST
    done = Item.objects.filter(model=model, state__in=(REVIEWED, ADJUDICATED), final_label__in=version.manifest.classes)
    items = list(done.defer("explanation", "extra", "others").order_by("-pk")[:most])
    context.tell("look", 0, len(items))
    found = _suspects(version, items) if len(items) >= FEWEST else []
    kept = set(
        Suspect.objects.filter(model=model, kept_at__isnull=False, item__final_label=F("label")).values_list(
            "item", flat=True
        )
    )
    with transaction.atomic():
        Suspect.objects.filter(model=model).exclude(item__in=kept).delete()
        new = [one for one in found if one.item_id not in kept]
        Suspect.objects.bulk_create(new, batch_size=500)
    context.tell("look", len(items), len(items))
    return {"rows": len(items), "suspects": len(new), "model": model, "few": len(items) < FEWEST}


def listed(model: str) -> QuerySet:
    """Return the suspects of a model that nobody has looked at, the least self-confident first."""
    found = Suspect.objects.filter(model=model, kept_at=None, item__final_label=F("label"), item__disputed=False)
    return found.select_related("item", "item__final_by").order_by("self_confidence", "pk")


def keep(number: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Note that the label of a suspected item is right."""
    with transaction.atomic():
        if Suspect.objects.filter(item=number, kept_at=None).update(kept_at=timezone.now(), kept_by=by):
            record("review.suspect_keep", actor=by.pk, target=f"item:{number}", request=request)


def dispute(number: int, *, by: User, request: HttpRequest | None = None) -> None:
    """Ask for another look at a suspected item: it becomes disputed, and somebody decides.

    Raises
    ------
    LimbeckError
        When it is no suspect any more.
    """
    one = Suspect.objects.filter(item=number).first()
    if one is None:
        raise LimbeckError(_("This item was deleted meanwhile."))
    note = _("Suspected label error: %(class)s is likelier.") % {"class": one.instead}
    appeal(number, uuid.uuid4().hex, note, by=by, request=request)


def _suspects(version: Version, items: list[Item]) -> list[Suspect]:
    classes = list(version.manifest.classes)
    y = np.array([classes.index(item.final_label) for item in items], dtype=np.int64)
    values = values_of(version, [(item.content, item.file) for item in items])
    vectors = classifier_of(version).features(values, unreadable="nan")
    answers = np.log(np.maximum(_answers(version, items, values), 0.01))
    cells = np.concatenate([_scaled(vectors), _scaled(answers)], axis=1)
    p = out_of_fold(y, ridge_fit(cells, y, len(classes)), classes=len(classes))
    return [
        Suspect(
            item=items[one.row], model=version.name, label=items[one.row].final_label,
            self_confidence=one.self_confidence, instead=classes[one.instead], probability=one.probability,
        )
        for one in suspects(y, p)
    ]  # fmt: skip


def _answers(version: Version, items: list[Item], values: Any) -> Any:
    """Return the answers before the review, float64[N, C]; of rows that came without one that of the version."""
    names = list(version.manifest.classes)
    p = np.array([[item.probabilities.get(name) or 0.0 for name in names] for item in items], dtype=np.float64)
    if not (known := p.any(axis=1)).all():
        p[~known] = classifier_of(version).predict_proba(values, unreadable="nan")[~known]
    return np.where(np.isfinite(p).all(axis=1, keepdims=True), p, 1 / len(names))


def _scaled(vectors: Any) -> Any:
    """Return vectors whose squared length is 1 on average: neither part outweighs the other by its width alone."""
    length = np.sqrt(np.nanmean(np.nansum(np.asarray(vectors, dtype=np.float64) ** 2, axis=1)))
    return vectors / max(float(length), 1e-9)
