"""One writer at a time for each output, by an advisory lock (flock) on a hidden file beside it.

The kernel releases the lock when the process that holds it ends, however it ends, so a killed run never blocks the
next one. The hidden file itself may stay after a kill; the next writer of the same output takes it over, and removes
the other hidden files that the killed one left.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path

from limbeck.errors import LimbeckError
from limbeck.files import is_stream, out_of_reach, recover
from limbeck.progress import say

try:
    import fcntl
except ImportError:  # Windows has no flock: nothing is locked there
    fcntl = None  # type: ignore[assignment]

_QUIET = 1.0  # seconds of waiting before a line says so
_STEP = 0.02  # seconds between two attempts in that time
# Some network file systems have no flock. Writing without a lock is what every tool does there.
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


def lock_file(path: str | os.PathLike[str]) -> Path:
    """Return the hidden file that stands for the lock on an output."""
    target = _named(path)
    return target.with_name(f".{target.name}.lock")


def _named(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path that ends in a name; "." and ".." have none of their own."""
    target = Path(path)
    return target.absolute() if target.name not in ("", "..") else target.resolve()


@contextlib.contextmanager
def sole_writer(path: str | os.PathLike[str], *, wait: bool = False) -> Iterator[None]:
    """Hold the lock on an output, a file or a folder, from before anything is written until it is finished.

    Devices and pipes are not locked. Threads of one process exclude each other like processes do. Locks are not
    re-entrant: a holder that asks again is refused.

    Parameters
    ----------
    path
        The output. It need not exist; its folder is made.
    wait
        Wait for the other writer instead of raising; after a second one line says so.

    Raises
    ------
    InUseError
        When another process or thread is writing this output.
    LimbeckError
        When nothing can be written beside it.
    """
    if fcntl is None or is_stream(path):
        yield
        return
    file = lock_file(path)
    left = not wait or file.exists()  # caches, which wait, are locked too often to look around each time
    try:
        handle = _taken(file, Path(path), wait)
    except OSError as error:
        raise out_of_reach(error, Path(path)) from error
    try:
        if left:
            recover(_named(path))
        yield
    finally:
        with contextlib.suppress(OSError):
            if _leads_to(file, handle):  # while the lock is held: who waits for this file sees that it is gone
                file.unlink()
        os.close(handle)


def _taken(file: Path, path: Path, wait: bool) -> int:
    """Return the open lock file, locked."""
    started, told = time.monotonic(), False
    file.parent.mkdir(parents=True, exist_ok=True)
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            free = _try(handle, block=wait and told)
            # The holder removes the file at its end: a lock on a removed file excludes nobody.
            if free and _leads_to(file, handle):
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
                return handle
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        if free:
            continue
        if not wait:
            if not holder and time.monotonic() - started < _QUIET:
                time.sleep(_STEP)  # it has the lock, and writes its number in a moment
                continue
            raise _busy(holder, path)
        if not told and time.monotonic() - started >= _QUIET:
            say(f"{path}: waiting for {_who(holder)} to finish writing")
            told = True
        elif not told:
            time.sleep(_STEP)


def _try(handle: int, *, block: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    return True


def _leads_to(file: Path, handle: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(file.lstat(), os.fstat(handle))
    return False


def _who(holder: str) -> str:
    if holder == str(os.getpid()):
        return "another thread of this process"
    return f"another process ({holder})" if holder.isdigit() else "another process"


class InUseError(LimbeckError):
    """Another process or thread is writing the output."""

    code = "in-use"


def _busy(holder: str, path: Path) -> InUseError:
    what = f"{_who(holder)} is writing this file"
    if path.is_dir():
        what = f"{_who(holder)} is writing this folder"
    return InUseError(what, where=path, fix="wait for it, or name another output")
