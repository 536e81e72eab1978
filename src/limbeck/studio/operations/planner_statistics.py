"""What SQLite counts of its indexes, to plan joins by; MariaDB and PostgreSQL keep their counts fresh themselves."""

from __future__ import annotations

import time

from django.db import connection

SAMPLE = 1000  # rows of an index that are looked at: some milliseconds, however many there are
EVERY = 300.0  # seconds
_counted = float("-inf")


def refresh() -> None:
    """Let SQLite count anew, once in some minutes (https://sqlite.org/lang_analyze.html).

    Without counts it begins a join with whichever table comes first, and goes through a million rows for three.
    """
    global _counted
    if connection.vendor != "sqlite" or time.monotonic() - _counted < EVERY:
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA analysis_limit={SAMPLE}")
        cursor.execute("ANALYZE")
    _counted = time.monotonic()
