"""Is the site in order? One line for each thing that was looked at, without changing any of them."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.migrations.executor import MigrationExecutor

from limbeck.errors import LimbeckError
from limbeck.studio.audit.log import verify
from limbeck.studio.encryption.rotation import in_use, require_keys
from limbeck.studio.operations.files import missing, orphans

OK, WARNING, FAILED = "ok", "warning", "failed"
LOW, FULL = 2**30, 100 * 2**20  # bytes that are free on the disk


@dataclass(frozen=True)
class Line:
    """What was looked at, its state, and what was found; of a problem also how to fix it."""

    name: str
    state: str
    text: str

    def __str__(self) -> str:
        return f"{self.name:<9} {self.state:<8} {self.text}"


def check() -> Iterator[Line]:
    """Yield a line for the database, the disk, the keys, encrypted columns, the audit log, and the files."""
    database = _database()
    yield database
    yield from (_disk(), _keys())
    if database.state == FAILED:
        yield Line("columns", FAILED, "not checked: they are in the database")
        yield Line("audit", FAILED, "not checked: it is in the database")
        yield Line("files", FAILED, "not checked: the database names them")
        return
    yield _guarded("columns", _columns)
    yield _guarded("audit", _audit)
    yield _guarded("files", _files)


def _guarded(name: str, look: Callable[[], Line]) -> Line:
    try:
        return look()
    except (DatabaseError, OSError) as error:
        return Line(name, FAILED, _first(error))


def _database() -> Line:
    """Look whether the database answers, can be written to, and has the tables of this version."""
    try:
        with transaction.atomic():
            plan = MigrationExecutor(connection).loader
            waiting = set(plan.graph.nodes) - set(plan.applied_migrations)
            if not waiting:
                with connection.cursor() as cursor:  # a write that is taken back
                    cursor.execute("UPDATE audit_head SET number = number WHERE 1 = 0")
            transaction.set_rollback(True)
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA quick_check(1)")
                told = cursor.fetchone()[0]
            if told != "ok":
                return Line("database", FAILED, f"{_first(told)}; restore it from a backup")
    except (DatabaseError, LimbeckError) as error:
        return Line("database", FAILED, f"{_first(error)}; check DATABASE_URL and the server")
    if waiting:
        return Line("database", FAILED, f"{len(waiting)} changes of its tables are missing; start limbeck studio once")
    return Line("database", OK, f"{connection.vendor} answers, can be written to, and has the tables of this version")


def _disk() -> Line:
    home = Path(settings.HOME)
    free = shutil.disk_usage(home).free
    text = f"{free / 2**30:,.1f} GB free in {home}"
    if stat.S_IMODE(home.stat().st_mode) & 0o077:
        return Line("disk", FAILED, f"others may enter {home}; run chmod 700 on it")
    if free < FULL:
        return Line("disk", FAILED, f"{text}; free some space, or nothing can be written soon")
    return Line("disk", WARNING if free < LOW else OK, text + ("; free some space" if free < LOW else ""))


def _keys() -> Line:
    folder, kept = Path(settings.HOME) / "keys", []
    for name, setting in (("secret", "secret_key"), ("audit", "audit_key"), ("columns", "column_keys")):
        if getattr(settings.CONFIG, setting).get_secret_value():
            continue
        file = folder / name
        if not file.is_file():
            return Line("keys", FAILED, f"{file} is missing; restore it from a backup")
        if stat.S_IMODE(file.stat().st_mode) & 0o077:
            return Line("keys", FAILED, f"others may read {file}; run chmod 600 on it, and make a new key")
        kept.append(name)
    return Line("keys", OK, "secret, audit and columns: " + ("in the data folder" if kept else "from the environment"))


def _columns() -> Line:
    """Look whether the keys of encrypted columns are there, and which of them are needed."""
    used = in_use()
    try:
        require_keys()
    except LimbeckError as error:
        return Line("columns", FAILED, str(error))
    old = used.total() - used[settings.KEYRING.keys[0].mark]
    text = f"{used.total():,} phone numbers and e-mail addresses, encrypted with keys that are there"
    fix = f"; {old:,} with an older key, run limbeck studio rotate-keys"
    return Line("columns", WARNING if old else OK, text + (fix if old else ""))


def _audit() -> Line:
    checked = verify()
    if checked.broken is not None:
        return Line("audit", FAILED, f"entry {checked.broken} was changed, removed or added; compare with a backup")
    return Line("audit", OK, f"{checked.entries:,} entries, unchanged")


def _files() -> Line:
    found = list(orphans())
    gone = missing()
    if gone:
        return Line("files", WARNING, f"{gone:,} pictures that rows name are missing; restore them from a backup")
    if found:
        size = sum(one.bytes for one in found) / 2**20
        fix = f"e.g. {found[0].path}; limbeck studio retention deletes them"
        return Line("files", WARNING, f"{len(found):,} files belong to no row ({size:,.1f} MB), {fix}")
    return Line("files", OK, "every file belongs to a row, every picture is there")


def _first(error: object) -> str:
    """Return the first line of an error."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
