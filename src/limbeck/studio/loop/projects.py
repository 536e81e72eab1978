"""A new model from an uploaded table: keep the table aside, ask which column is the label, start the training."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.data.tables import read
from limbeck.dataset.automatic.columns import facts_of
from limbeck.dataset.automatic.label import find_label
from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.detection.batches.staging import KEPT, remove_old
from limbeck.studio.jobs import services
from limbeck.studio.jobs.models import Job
from limbeck.studio.loop.models import TABLE
from limbeck.studio.loop.training import write_request
from limbeck.studio.web.uploads import keep

SALT = "training table"
LOOKED, SHOWN = 5000, 5  # rows that the label is guessed from, and that are shown


@dataclass(frozen=True)
class Table:
    """An uploaded table, kept aside for one person."""

    folder: Path
    source: str

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.folder / "input" / self.source

    def token(self, user: User) -> str:
        """Return a signed text that stands for it in a form."""
        return signing.dumps([self.folder.name, self.source, user.pk], salt=SALT)

    @classmethod
    def of(cls, token: str, user: User) -> Table | None:
        """Return what a token of this person stands for; None for any other text, and where the table is gone."""
        try:
            name, source, owner = signing.loads(token, salt=SALT, max_age=KEPT)
        except (signing.BadSignature, ValueError):
            return None
        found = cls(Path(settings.HOME) / "jobs" / name, source)
        return found if owner == user.pk and found.path.is_file() else None

    def beginning(self) -> pl.DataFrame:
        """Return the first rows.

        Raises
        ------
        LimbeckError
            When it cannot be read as a table, or has no rows.
        """
        chunk = next(iter(read.stream(self.path, rows=LOOKED)), None)
        if chunk is None or not chunk.frame.height:
            raise LimbeckError(_("The table has no rows."))
        return chunk.frame


@dataclass(frozen=True)
class Looked:
    """What is shown of a table before it is trained from: columns, first rows, and which is plainly the label."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    label: str | None


def look(table: Table) -> Looked:
    """Return what the beginning of a table shows; see `Table.beginning` for the errors."""
    frame = table.beginning()
    try:
        label = find_label(facts_of(frame), table.path)
    except LimbeckError:
        label = None
    return Looked(frame.columns, frame.head(SHOWN).rows(), label)


def stage(file: UploadedFile) -> Table:
    """Keep an uploaded table aside."""
    remove_old()
    folder = Path(settings.HOME) / "jobs" / f"staged-{secrets.token_hex(8)}"
    return Table(folder, keep(file, folder / "input").name)


def discard(table: Table) -> None:
    """Remove an uploaded table."""
    shutil.rmtree(table.folder, ignore_errors=True)


def start(
    table: Table, *, name: str, label: str, minutes: float, lang: str, by: User, request: HttpRequest | None = None
) -> Job:
    """Queue the training of a model from a table.

    Raises
    ------
    LimbeckError
        When the label has fewer than two values at the table's beginning, as far as that is all of it.
    """
    frame = table.beginning()
    values = frame[label].drop_nulls().cast(pl.String, strict=False).str.strip_chars()
    if frame.height < LOOKED and values.filter(values != "").n_unique() < 2:
        raise LimbeckError(_("The column %(name)s has fewer than two classes.") % {"name": label})
    lineage = {"origin": TABLE, "label_column": label}
    parameters = {"model": name, "lineage": lineage, "source": table.source, "label": label}
    with transaction.atomic():
        title = _("Train %(name)s") % {"name": name}
        job = services.create("train", title, parameters, by=by, request=request, model=name)
        shutil.rmtree(job.folder, ignore_errors=True)
        table.folder.rename(job.folder)  # before the job can be claimed: it is seen when the transaction ends
        rows = str(job.folder / "input" / table.source)
        write_request(job.folder, recipe=rows, label=label, budget=60.0 * minutes, lang=lang)
    return job
