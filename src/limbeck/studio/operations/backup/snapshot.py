"""Read a whole database as it was at one moment, while others write on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from django.db import connection

_BEGIN = {
    # Not Django's transaction, which on SQLite would keep writers out for as long as it lasts.
    "sqlite": ["BEGIN DEFERRED"],
    "postgresql": ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"],
    "mysql": [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ],
}


@contextlib.contextmanager
def snapshot() -> Iterator[None]:
    """Within it all reads of this connection see one moment; nothing may be written."""
    with connection.cursor() as cursor:
        for statement in _BEGIN[connection.vendor]:
            cursor.execute(statement)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")
