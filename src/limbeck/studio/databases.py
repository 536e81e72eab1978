"""``DATABASE_URL`` as Django's settings: SQLite, MySQL or MariaDB, PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from limbeck.errors import LimbeckError, missing_extra, needing

_NAMES = {
    "sqlite": "sqlite3", "sqlite3": "sqlite3", "mysql": "mysql", "mariadb": "mysql",
    "postgres": "postgresql", "postgresql": "postgresql",
}  # fmt: skip
# Writers queue (IMMEDIATE) instead of failing when two have read and both want to write.
SQLITE: dict[str, Any] = {
    "timeout": 30,
    "transaction_mode": "IMMEDIATE",
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;"
    " PRAGMA cache_size=-65536; PRAGMA mmap_size=134217728",
}


def database(url: str, home: Path) -> dict[str, Any]:
    """Return ``DATABASES["default"]`` of a URL; SQLite in the data folder where it is empty.

    Raises
    ------
    LimbeckError
        For a URL that names no database, and a driver that is not installed.
    """
    if not url:
        return _sqlite(home / "studio.sqlite3")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _not_valid() from error
    engine = _NAMES.get(parts.scheme)
    if engine == "sqlite3":
        return _sqlite(Path(unquote(parts.path.removeprefix("/"))))
    name = unquote(parts.path.strip("/"))
    if engine is None or not name:
        raise _not_valid()
    found: dict[str, Any] = {
        "ENGINE": f"django.db.backends.{engine}",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port or "",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
    if engine == "mysql":
        _mysql_driver()
        found["OPTIONS"] = {"charset": "utf8mb4", "isolation_level": "read committed"}
        found["TEST"] = {"CHARSET": "utf8mb4", "COLLATION": "utf8mb4_bin"}
    else:
        with needing("psycopg", "postgres", "PostgreSQL"):
            import psycopg  # noqa: F401
    return found


def _sqlite(file: Path) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": SQLITE}


def _mysql_driver() -> None:
    """Use mysqlclient; PyMySQL, which needs no compiler, in its place."""
    try:
        import MySQLdb  # noqa: F401
    except ImportError:
        try:
            import pymysql
        except ImportError as error:
            raise missing_extra("mysqlclient or PyMySQL", "mysql", "MySQL") from error
        pymysql.version_info = (2, 2, 1, "final", 0)  # what Django asks of mysqlclient
        pymysql.install_as_MySQLdb()


def _not_valid() -> LimbeckError:
    fix = "write mysql://USER:PASSWORD@HOST:PORT/NAME, postgresql://… or sqlite:////FILE"
    return LimbeckError("does not name a database", where="DATABASE_URL", fix=fix)
