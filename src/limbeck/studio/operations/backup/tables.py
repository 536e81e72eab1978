"""Tables as lines of JSON that are the same for every database, and their hashes.

A line is a list with the values of a row in the order of the columns. Times are in UTC with microseconds. JSON columns
are written with sorted keys, and whole numbers in them without a point: MySQL and PostgreSQL keep neither the order nor
that point. So the SHA-256 over the lines of a table, in the order of the primary key, tells whether two databases hold
the same rows.
"""

from __future__ import annotations

import datetime
import decimal
import hashlib
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db.models import DateField, DateTimeField, F, Field, JSONField, Model, TextField
from django.db.models.functions import Cast

from limbeck.studio.encryption.fields import EncryptedField, Sealed

CHUNK = 2000  # rows that are read and written at once
# What belongs to a running site or is made by its migrations: sessions of browsers, permissions and kinds of contents.
LEFT_OUT = {"sessions.session", "usersessions.usersession", "contenttypes.contenttype", "auth.permission"}
LEFT_OUT_LINKS = {"auth.group_permissions", "accounts.user_user_permissions"}


@dataclass(frozen=True)
class Held:
    """How many rows a table holds, and the SHA-256 of their lines."""

    rows: int
    sha256: str


def tables() -> list[type[Model]]:
    """Return the tables that are carried over; one comes behind those that its rows refer to."""
    found = {
        model._meta.label_lower: model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
        and model._meta.label_lower not in LEFT_OUT | LEFT_OUT_LINKS
    }  # fmt: skip
    needs = {
        label: {
            field.related_model._meta.label_lower
            for field in fields_of(model)
            if field.is_relation and field.related_model is not model
        } & found.keys()
        for label, model in found.items()
    }  # fmt: skip
    return [found[label] for label in TopologicalSorter({k: sorted(needs[k]) for k in sorted(needs)}).static_order()]


def fields_of(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the columns of a table, in the order of their names."""
    return sorted(model._meta.concrete_fields, key=lambda field: str(field.attname))


def chunks(model: type[Model], after: Any = None) -> Iterator[list[list[Any]]]:
    """Yield the rows of a table in the order of their keys, as lists of plain values, up to `CHUNK` at once."""
    fields = fields_of(model)
    key = [field.attname for field in fields].index(model._meta.pk.attname)
    # Encrypted columns go as the database holds them: a backup without the keys says no more than the database.
    cells = [Cast(F(one.attname), TextField()) if isinstance(one, EncryptedField) else one.attname for one in fields]
    while True:
        rows = model._base_manager.order_by("pk")
        if after is not None:
            rows = rows.filter(pk__gt=after)
        found = list(rows.values_list(*cells)[:CHUNK])
        if not found:
            return
        yield [[plain(cell) for cell in row] for row in found]
        after = found[-1][key]


def line(row: list[Any]) -> bytes:
    """Return a row as its line."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def held(model: type[Model]) -> Held:
    """Read a table and return what it holds."""
    digest, count = hashlib.sha256(), 0
    for rows in chunks(model):
        for row in rows:
            digest.update(line(row))
        count += len(rows)
    return Held(count, digest.hexdigest())


def plain(cell: Any) -> Any:
    """Return a value of a column as JSON has it.

    Raises
    ------
    TypeError
        For a type that no table of the site has.
    """
    if cell is None or isinstance(cell, bool | str | int):
        return cell
    if isinstance(cell, float):
        return int(cell) if cell.is_integer() and abs(cell) < 2**53 else cell
    if isinstance(cell, datetime.datetime):
        return cell.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(cell, datetime.date | decimal.Decimal | uuid.UUID):
        return str(cell)
    if isinstance(cell, list | tuple):
        return [plain(one) for one in cell]
    if isinstance(cell, dict):
        return {str(name): plain(one) for name, one in cell.items()}
    raise TypeError(f"no table holds values of {type(cell).__name__}")


def restored(field: Field[Any, Any], cell: Any) -> Any:
    """Return the value of a column from what `plain` made of it."""
    if cell is None or isinstance(field, JSONField):
        return cell
    if isinstance(field, EncryptedField):
        return Sealed(cell)
    if isinstance(field, DateTimeField):
        return datetime.datetime.fromisoformat(cell)
    if isinstance(field, DateField):
        return datetime.date.fromisoformat(cell)
    return field.to_python(cell)
