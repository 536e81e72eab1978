"""The next version of a model: from its reviewed rows, with the rows it learned from where they are known.

Where they are not, the version in use is the teacher: the student learns its answers on the rows that came in, and the
reviewed labels beside them. Other published models may teach too; then the model is new, and needs no labels at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.detection.stored_rows import frame_of
from limbeck.studio.jobs import services
from limbeck.studio.jobs.models import Job
from limbeck.studio.loop.models import REVIEWS, TEACHERS, Lineage
from limbeck.studio.loop.recipes import REVIEWED, ROWS, write_recipe
from limbeck.studio.loop.reviewed import audit_sample, learned_from, unlabelled
from limbeck.studio.loop.training import write_request
from limbeck.studio.registry.facts import Version

FEWEST, FEWEST_UNLABELLED, MOST_UNLABELLED = 10, 50, 50_000
KINDS = ("text", "table")
VALID = 5  # one row in so many chooses the epoch


@dataclass(frozen=True)
class Known:
    """What a new version could learn from: reviewed rows, how many of them are new, old rows, unlabelled rows."""

    reviewed: int
    new: int
    old: int | None
    unlabelled: int
    audited: int

    @property
    def enough(self) -> bool:
        """Whether there is something to learn."""
        return self.reviewed >= FEWEST and (self.old is not None or self.unlabelled >= FEWEST_UNLABELLED)


def known_of(version: Version) -> Known:
    """Return what the next version of a model could learn from."""
    lineage = lineage_of(version)
    reviewed = learned_from(version.name).count()
    before = lineage.reviewed if lineage else 0
    old = lineage.rows if lineage and lineage.rows_file.is_file() else None
    return Known(
        reviewed, max(reviewed - before, 0), old, unlabelled(version.name).count(), audit_sample(version.name).count()
    )


def lineage_of(version: Version) -> Lineage | None:
    """Return where a version came from, if it was trained here."""
    return Lineage.objects.filter(model=version.name, version=version.version).first()


def retrain(version: Version, *, minutes: float, lang: str, by: User, request: HttpRequest | None = None) -> Job:
    """Queue the training of the next version of a model.

    Raises
    ------
    LimbeckError
        When there is too little to learn from, or rows of its kind are not trained here.
    """
    known = known_of(version)
    if version.kind not in KINDS:
        raise LimbeckError(_("Models of this kind are trained with the command line."))
    if not known.enough:
        raise LimbeckError(_("There are too few reviewed rows to learn from."), fix=_("Review some rows first."))
    lineage = lineage_of(version)
    facts = {"origin": REVIEWS, "parent": version.version, "reviewed": known.reviewed}
    pairs = list(learned_from(version.name).values_list("content", "final_label"))
    if lineage is not None and lineage.rows_file.is_file():
        label = lineage.label_column
        old = pl.read_parquet(lineage.rows_file)
        new = frame_of(version, [(content, _given(version, given)) for content, given in pairs], label)
        rows = pl.concat([old.with_columns(pl.all().cast(pl.String)), new], how="diagonal").unique(
            list(version.manifest.task.inputs), keep="last", maintain_order=True
        )
        facts |= {"label_column": label}
        return _queue(version.name, facts, {ROWS: rows}, {"label": label, "budget": 60.0 * minutes}, lang, by, request)
    return _distil(version.name, [version], version, pairs, facts, lang, by, request)


def cold_start(
    name: str, teachers: list[Version], source: Version, *, lang: str, by: User, request: HttpRequest | None = None
) -> Job:
    """Queue the training of a new model from published models, on the rows that came in for one of them.

    Raises
    ------
    LimbeckError
        When the teachers differ in what they read or tell apart, or too few rows came in.
    """
    if any(one.kind not in KINDS for one in teachers):
        raise LimbeckError(_("Models of this kind are trained with the command line."))
    for one in teachers:
        if set(one.manifest.classes) != set(source.manifest.classes):
            raise LimbeckError(_("The model %(name)s tells other classes apart.") % {"name": one.name})
        if one.kind != source.kind or one.manifest.task.inputs != source.manifest.task.inputs:
            raise LimbeckError(_("The model %(name)s reads other columns.") % {"name": one.name})
    if unlabelled(source.name).count() < FEWEST_UNLABELLED:
        raise LimbeckError(_("Too few rows came in: at least %(count)d are needed.") % {"count": FEWEST_UNLABELLED})
    pairs = list(learned_from(source.name).values_list("content", "final_label"))
    facts = {"origin": TEACHERS, "teachers": [one.full for one in teachers], "reviewed": len(pairs)}
    return _distil(name, teachers, source, pairs, facts, lang, by, request)


def _distil(
    name: str, teachers: list[Version], source: Version, pairs: list[tuple[str, str]],
    facts: dict[str, Any], lang: str, by: User, request: HttpRequest | None,
) -> Job:  # fmt: skip
    """Queue a training on the rows that came in for ``source``, with teachers, and the labels of reviewed rows.

    The audit sample of ``source`` are the test rows.
    """
    reviewed = frame_of(source, pairs, "label")
    audited = frame_of(source, list(audit_sample(source.name).values_list("content", "final_label")), "label")
    none = pl.lit(None, pl.String)
    parts = [
        _in_parts(frame_of(source, _came_in(source), "label")).with_columns(label=none),
        _in_parts(reviewed) if len(teachers) == 1 else _in_parts(reviewed).with_columns(label=none),
        audited.with_columns(split=pl.lit("test")),
    ]
    rows = pl.concat(parts).unique(list(source.manifest.task.inputs), keep="last", maintain_order=True)
    tables = {ROWS: rows, REVIEWED: reviewed} if pairs else {ROWS: rows}
    return _queue(name, facts, tables, {"teachers": teachers}, lang, by, request)


def _in_parts(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with a column that puts one in `VALID` aside for choosing the epoch."""
    parts = ["valid" if at % VALID == VALID - 1 else "train" for at in range(rows.height)]
    return rows.with_columns(split=pl.Series(parts, dtype=pl.String))


def _came_in(version: Version) -> list[tuple[str, str]]:
    """Return the newest rows without a label, each with an empty one."""
    return [(content, "") for content in unlabelled(version.name).values_list("content", flat=True)[:MOST_UNLABELLED]]


def _given(version: Version, label: str) -> str:
    """Return a class as the table that a model was trained from spells it."""
    classes = version.manifest.task.classes
    spelled = classes.items() if isinstance(classes, dict) else ()
    return next((raw for raw, name in spelled if name == label), label)


def _queue(
    name: str, facts: dict[str, Any], tables: dict[str, pl.DataFrame], asked: dict[str, Any], lang: str, by: User,
    request: HttpRequest | None,
) -> Job:  # fmt: skip
    """Make the job with its tables and its request; it is seen by workers when all is there."""
    with transaction.atomic():
        parameters = {"model": name, "lineage": facts, "source": ROWS}
        job = services.create(
            "train", _("Train %(name)s") % {"name": name}, parameters, by=by, request=request, model=name
        )
        folder = job.folder / "input"
        folder.mkdir(mode=0o700, parents=True)
        for file, frame in tables.items():
            frame.write_parquet(folder / file)
        if teachers := asked.pop("teachers", None):
            recipe = write_recipe(teachers, folder, reviewed=REVIEWED in tables)
            write_request(job.folder, recipe=str(recipe), lang=lang)
        else:
            write_request(job.folder, recipe=str(folder / ROWS), lang=lang, **asked)
    return job
