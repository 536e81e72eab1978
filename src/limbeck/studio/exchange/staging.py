"""An uploaded file before its import: kept aside while a person says which sheet and columns mean what."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest

from limbeck.data.exchange.read import TABLE, look
from limbeck.data.exchange.record import TEXT
from limbeck.data.exchange.write import ENDINGS
from limbeck.data.tables.excel_file import ENDINGS as BOOKS
from limbeck.data.tables.excel_file import sheet_names
from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.detection.batches.staging import Staged, stage
from limbeck.studio.jobs import services as jobs
from limbeck.studio.jobs.models import Job
from limbeck.studio.registry.facts import Version, version_of

MOST_SHEETS = 200


@dataclass(frozen=True)
class Found:
    """What a look at an uploaded file tells: its form, its columns, and whether it says itself what they mean."""

    form: str
    columns: tuple[str, ...]
    own: bool

    def likely(self, names: tuple[str, ...]) -> str:
        """Return the first column with one of some names, else ""."""
        lowered = {name.strip().lower(): name for name in self.columns}
        return next((lowered[name] for name in names if name in lowered), "")


def keep_aside(version: Version, file: UploadedFile) -> Staged:
    """Keep an uploaded file aside. It is read by its name's ending, which has to be there."""
    return stage(version, [file])


def sheets(staged: Staged) -> list[str]:
    """Return the sheets of a workbook; none for any other file."""
    path = staged.input / staged.title
    return sheet_names(path)[:MOST_SHEETS] if path.suffix.lower() in BOOKS else []


def look_at(staged: Staged, sheet: str) -> Found:
    """Return what a look at a file tells.

    Raises
    ------
    LimbeckError
        For what cannot be read as a table.
    """
    found, form, own = look(_path(staged, sheet))
    return Found(form, found.columns, own)


def start(
    staged: Staged, found: Found, *, by: User, sheet: str = "", text: str = "", label: str = "",
    labels: str = "given", answer: bool = True, request: HttpRequest | None = None,
) -> Job:  # fmt: skip
    """Queue the import of a staged file.

    Raises
    ------
    LimbeckError
        When the model reads rows that no table holds, or the column of the text is missing.
    """
    version = version_of(staged.model, staged.version)
    plain = found.form == TABLE and not found.own
    if plain:
        if not (version.one_text or version.cells):
            raise LimbeckError("rows of this model cannot be imported from a table")
        for name in filter(None, (text, label)):
            if name not in found.columns:
                raise LimbeckError(f"the file has no column {name!r}", fix="choose one of its columns")
        if version.one_text and not text:
            raise LimbeckError("name the column with the text", fix=f"the file has: {', '.join(found.columns)[:500]}")
    parameters: dict[str, Any] = {
        "model": version.name, "version": version.version, "source": staged.title, "sheet": sheet, "form": found.form,
        "kind": version.kind, "answer": answer,
    }  # fmt: skip
    if plain:
        parameters |= {"text": text if version.one_text else "", "label": label, "labels": labels}
    with transaction.atomic():
        job = jobs.create("import", staged.title, parameters, by=by, request=request, model=version.full)
        shutil.rmtree(job.folder, ignore_errors=True)
        staged.folder.rename(job.folder)  # before the job can be claimed: it is seen when the transaction ends
    return job


def start_export(form: str, model: str, state: str, *, by: User, request: HttpRequest | None = None) -> Job:
    """Queue an export."""
    title = f"{model or 'review'}{ENDINGS[form]}"
    parameters = {"form": form, "model": model, "state": state}
    return jobs.create("export", title, parameters, by=by, request=request, form=form, model=model, state=state)


def likely_text(found: Found) -> str:
    """Return the column that most likely holds the text."""
    return found.likely((TEXT, "content", "comment", "review", "文本", "内容", "评论", "正文")) or (
        found.columns[0] if found.columns else ""
    )


def likely_label(found: Found) -> str:
    """Return the column that most likely holds a class, "" where none does."""
    return found.likely(("label", "class", "category", "标签", "类别", "分类"))


def _path(staged: Staged, sheet: str) -> Path:
    path = staged.input / staged.title
    if "/" in sheet or "\0" in sheet:  # no workbook can have such a sheet
        raise LimbeckError(f"the workbook has no sheet {sheet[:80]!r}")
    return path.with_name(f"{path.name}#{sheet}") if sheet else path
