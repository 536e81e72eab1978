"""Uploaded files of a batch: kept aside until the batch can start, then moved into the folder of its job."""

from __future__ import annotations

import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck.data.tables.read import inspect
from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.jobs import services
from limbeck.studio.jobs.models import Job
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.web.uploads import keep

SALT = "staged batch"
KEPT = 24 * 3600  # seconds
TABLES = ("text", "table")


@dataclass(frozen=True)
class Staged:
    """Uploaded files in a folder aside, of a person, for a model."""

    folder: Path
    model: str
    version: str
    source: str  # name of the table; "" where all files of the folder are meant
    title: str

    @property
    def input(self) -> Path:
        """Where the files are."""
        return self.folder / "input"

    def token(self, user: User) -> str:
        """Return a signed text that stands for this in a form."""
        facts = [self.folder.name, self.model, self.version, self.source, self.title, user.pk]
        return signing.dumps(facts, salt=SALT)

    @classmethod
    def of(cls, token: str, user: User) -> Staged | None:
        """Return what a token of this person stands for; None for any other text, and where the files are gone."""
        try:
            name, model, version, source, title, owner = signing.loads(token, salt=SALT, max_age=KEPT)
        except (signing.BadSignature, ValueError):
            return None
        folder = _folder() / name
        return cls(folder, model, version, source, title) if owner == user.pk and folder.is_dir() else None

    def columns(self) -> list[str]:
        """Return the columns of the table.

        Raises
        ------
        LimbeckError
            When it cannot be read as a table.
        """
        return list(inspect(self.input / self.source).columns)


def stage(version: Version, files: list[UploadedFile]) -> Staged:
    """Keep uploaded files aside."""
    remove_old()
    folder = _folder() / f"staged-{secrets.token_hex(8)}"
    kept = [keep(file, folder / "input") for file in files]
    source = kept[0].name if version.kind in TABLES else ""
    title = kept[0].name if len(kept) == 1 else f"{kept[0].name} + {len(kept) - 1}"
    return Staged(folder, version.name, version.version, source, title)


def missing_inputs(staged: Staged, columns: list[str]) -> list[str]:
    """Return the columns that the model reads and the table lacks."""
    manifest = version_of(staged.model, staged.version).manifest
    known = {manifest.columns.get(name, name) for name in columns} | set(columns)
    return [name for name in manifest.task.inputs if name not in known] if manifest.layout == "table" else []


def start(staged: Staged, *, by: User, column: str = "", request: HttpRequest | None = None) -> Job:
    """Queue a batch of staged files."""
    parameters: dict[str, Any] = {"model": staged.model, "version": staged.version, "source": staged.source}
    if column:
        parameters["column"] = column
    with transaction.atomic():
        full = f"{staged.model}@{staged.version}"
        job = services.create("batch", staged.title, parameters, by=by, request=request, model=full)
        shutil.rmtree(job.folder, ignore_errors=True)
        staged.folder.rename(job.folder)  # before the job can be claimed: it is seen when the transaction ends
    return job


def discard(staged: Staged) -> None:
    """Remove staged files."""
    shutil.rmtree(staged.folder, ignore_errors=True)


def remove_old() -> None:
    """Remove files that were uploaded a day ago and not used."""
    for folder in _folder().glob("staged-*"):
        if time.time() - folder.stat().st_mtime > KEPT:
            shutil.rmtree(folder, ignore_errors=True)


def need_files(version: Version, files: list[UploadedFile]) -> None:
    """Raise LimbeckError where tables come in more than one file, and for a model that finds boxes."""
    if version.finds_boxes:
        raise LimbeckError(_("This model finds boxes. Ask for one picture at a time, or use limbeck predict."))
    if version.kind in TABLES and len(files) != 1:
        raise LimbeckError("give one table")


def _folder() -> Path:
    return Path(settings.HOME) / "jobs"
