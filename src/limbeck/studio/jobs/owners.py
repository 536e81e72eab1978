"""Names of workers, and whether the process behind a name still lives: it holds a lock that the kernel lets go."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings


@contextlib.contextmanager
def owner_name() -> Iterator[str]:
    """Yield a name of this worker, and hold its lock for as long."""
    name = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    file = _folder() / name
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield name
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
        os.close(handle)


def is_dead(name: str) -> bool:
    """Whether the worker of a name is known to be gone; of workers on other machines nothing is known."""
    if not name.startswith(f"{_host()}-") or "/" in name:
        return False
    file = _folder() / name
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        with contextlib.suppress(OSError):
            file.unlink()
        return True
    finally:
        os.close(handle)


def _host() -> str:
    return socket.gethostname()[:60]


def _folder() -> Path:
    return Path(settings.HOME) / "workers"
