"""Read what `export` wrote into an empty database of any kind, and check that both hold the same.

Rows go in chunks of one transaction each, every table behind those that it refers to. What a killed import has written
stays; the same import goes on behind it. At the end every table is read back and its hash compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from django.conf import settings
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.models import DateField, Max, Model
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.files import DAMAGED_ZIP, whole_file, write_text
from limbeck.studio.operations.backup.export import FOLDERS, FORMAT, MANIFEST, STEP, Tell, key_mark
from limbeck.studio.operations.backup.tables import CHUNK, fields_of, held, restored, tables

LARGEST_MANIFEST = 256 * 2**20
LARGEST_CHUNK = 2**30  # bytes of the lines of `CHUNK` rows
MARK = "import-began"  # below the data folder: which import has begun and not ended
_SHA256 = r"^[0-9a-f]{64}$"
_DAMAGED = (*DAMAGED_ZIP, KeyError)  # or a member is missing


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Table(_Given):
    rows: int = Field(ge=0)
    sha256: str = Field(pattern=_SHA256)
    columns: list[str]


class _File(_Given):
    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=_SHA256)


class Manifest(_Given):
    """The manifest of an export."""

    format: int
    limbeck: str
    audit_key: str
    column_keys: list[str]
    tables: dict[str, _Table]
    files: dict[str, _File]


def restore(source: Path, *, tell: Tell = lambda _line: None) -> Manifest:
    """Read an export into the database and the data folder and return its manifest.

    Raises
    ------
    LimbeckError
        For a file that is no export of this version, a database that is not empty, another audit key, and where a table
        or a file does not come out as it was.
    """
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(source))
            text = _read(archive, MANIFEST, LARGEST_MANIFEST)
            manifest = Manifest.model_validate_json(text)
        except (*_DAMAGED, ValidationError) as error:
            raise LimbeckError("this is no export of limbeck studio", where=source, fix="check the file") from error
        _check(manifest, source)
        mark = Path(settings.HOME) / MARK
        name = hashlib.sha256(text).hexdigest()
        begun = mark.is_file() and mark.read_text("ascii").strip() == name
        if not begun:
            _check_empty()
            write_text(mark, name + "\n")
        try:
            for model in tables():
                _rows(archive, model, manifest.tables[model._meta.label_lower], tell)
            for file, told in manifest.files.items():
                _file(archive, file, told)
        except (*_DAMAGED, ValueError, TypeError) as error:
            raise LimbeckError("the export is damaged", where=source, fix="take another copy of it") from error
        except DatabaseError as error:
            first = str(error).strip().splitlines()[0]
            raise LimbeckError(f"the database refuses a row: {first}", where=source) from error
        for model in tables():
            label = model._meta.label_lower
            found, told_table = held(model), manifest.tables[label]
            if (found.rows, found.sha256) != (told_table.rows, told_table.sha256):
                what = f"{label} has {found.rows:,} rows that are not the {told_table.rows:,} of the export"
                raise LimbeckError(what, where=source, fix="import it into an empty database again")
        mark.unlink()
    return manifest


def _check(manifest: Manifest, source: Path) -> None:
    """Check that this version has the tables and columns of the export, and the audit key with which it is chained."""
    own = {model._meta.label_lower: [field.attname for field in fields_of(model)] for model in tables()}
    theirs = {label: table.columns for label, table in manifest.tables.items()}
    if manifest.format != FORMAT or own != theirs:
        fix = f"import it with limbeck {manifest.limbeck}, start limbeck studio of this version on it, export again"
        raise LimbeckError("it was written by another version", where=source, fix=fix)
    if manifest.audit_key != key_mark():
        fix = "copy keys/audit of the old data folder to the new one, or set LIMBECK_AUDIT_KEY"
        raise LimbeckError("the audit log was written with another key", where=source, fix=fix)
    if set(manifest.column_keys) - {key.mark for key in settings.KEYRING.keys}:
        fix = "copy keys/columns of the old data folder to the new one, or set LIMBECK_COLUMN_KEYS"
        raise LimbeckError("phone numbers and e-mail addresses were encrypted with another key", where=source, fix=fix)
    for name in manifest.files:
        parts = PurePosixPath(name).parts
        inside = any(name.startswith(f"{folder}/") for folder in FOLDERS)
        if not inside or ".." in parts or "\\" in name or "\0" in name or name != "/".join(parts):
            raise LimbeckError("a file lies outside of the data folder", where=source, fix="do not import it")


def _check_empty() -> None:
    for model in tables():
        if model._base_manager.exists():
            fix = "set LIMBECK_HOME and DATABASE_URL to new ones"
            raise LimbeckError(f"the database is not empty: {model._meta.label_lower}", where="import", fix=fix)


def _rows(archive: zipfile.ZipFile, model: type[Model], table: _Table, tell: Callable[[str], None]) -> None:
    """Add the rows of a table that are not there yet."""
    fields, label = fields_of(model), model._meta.label_lower
    last = model._base_manager.aggregate(last=Max("pk"))["last"]
    key = [field.attname for field in fields].index(model._meta.pk.attname)
    parts = -(-table.rows // CHUNK)
    for number in range(1, parts + 1):
        lines = _read(archive, f"tables/{label}/{number:06}.jsonl", LARGEST_CHUNK)
        made = []
        for text in lines.splitlines():
            row = json.loads(text)
            if len(row) != len(fields):
                raise ValueError("a row has another number of columns")
            values = {field.attname: restored(field, cell) for field, cell in zip(fields, row, strict=True)}
            if last is None or values[fields[key].attname] > last:
                made.append(model(**values))
        if made:
            with transaction.atomic(), _as_given(fields):
                model._base_manager.bulk_create(made, batch_size=500)
    if table.rows:
        with connection.cursor() as cursor:
            for statement in connection.ops.sequence_reset_sql(no_style(), [model]):
                cursor.execute(statement)
        tell(f"{label}: {table.rows:,} rows")


@contextlib.contextmanager
def _as_given(fields: list[Any]) -> Iterator[None]:
    """Within it no column is set to the present time when its row is stored."""
    before = [(field, field.auto_now, field.auto_now_add) for field in fields if isinstance(field, DateField)]
    for field, _now, _add in before:
        field.auto_now = field.auto_now_add = False
    try:
        yield
    finally:
        for field, now, add in before:
            field.auto_now, field.auto_now_add = now, add


def _file(archive: zipfile.ZipFile, name: str, told: _File) -> None:
    """Write a file, whole or not at all; one that is there and equal stays."""
    target = Path(settings.HOME) / name
    if target.is_file() and target.stat().st_size == told.bytes and _digest(target) == told.sha256:
        return
    digest, left = hashlib.sha256(), told.bytes
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with archive.open(f"files/{name}") as source, whole_file(target) as part, part.open("xb") as sink:
        while block := source.read(STEP):
            left -= len(block)
            if left < 0:
                raise ValueError("a file is longer than it was")
            digest.update(block)
            sink.write(block)
        if left or digest.hexdigest() != told.sha256:
            raise ValueError("a file is not what it was")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    with archive.open(name) as member:
        found = member.read(most + 1)
    if len(found) > most:
        raise ValueError("a part is larger than any export has")
    return found
