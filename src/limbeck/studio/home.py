"""The data folder: readable by its owner only, with the keys, the database, the uploads and the models."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.files import fsync_dir, out_of_reach

SHORTEST_KEY = 32  # characters
_KNOWN = ("changeme", "change-me", "secret", "django-insecure", "insecure", "password", "default")


def prepare_home(home: Path) -> Path:
    """Make the data folder with mode 0700, or check it.

    Raises
    ------
    LimbeckError
        When it cannot be made, belongs to somebody else, or others may enter it.
    """
    try:
        home.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = home.stat()
    except OSError as error:
        raise out_of_reach(error, home) from error
    if found.st_uid != os.getuid():
        raise LimbeckError("the data folder belongs to another user", where=home, fix="set LIMBECK_HOME to your own")
    if found.st_mode & 0o077:
        home.chmod(0o700)
    for name in ("uploads", "jobs", "keys", "workers"):
        (home / name).mkdir(mode=0o700, exist_ok=True)
    return home


def checked_key(key: str, variable: str) -> str:
    """Return a key that was given.

    Raises
    ------
    LimbeckError
        For one that is short, or known from examples.
    """
    if len(key) < SHORTEST_KEY or key.lower().startswith(_KNOWN):
        fix = 'make one with: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        raise LimbeckError(
            f"the key is a default one, or shorter than {SHORTEST_KEY} characters", where=variable, fix=fix
        )
    return key


def kept_key(file: Path) -> str:
    """Return the key in a file; made with mode 0600 where there is none. Two processes get the same one."""
    if not file.exists():
        part = file.with_name(f".{file.name}.{os.getpid()}")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as opened:
            opened.write(secrets.token_urlsafe(48))
            opened.flush()
            os.fsync(opened.fileno())
        try:
            os.link(part, file)  # fails where another process was first
        except FileExistsError:
            pass
        finally:
            part.unlink()
        fsync_dir(file.parent)
    return file.read_text("ascii").strip()
