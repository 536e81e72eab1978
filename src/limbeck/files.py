"""Files that appear whole or not at all: write beside, fsync, rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError


def out_of_reach(error: OSError, path: Path) -> LimbeckError:
    """Translate an operating-system error about ``path`` into one line with its mend."""
    mends = {
        errno.ENOSPC: "free some space or write to another disk",
        errno.EDQUOT: "free some space or write to another disk",
        errno.EACCES: "check the permissions",
        errno.EPERM: "check the permissions",
        errno.EROFS: "write to another place",
        errno.ENOENT: "check the path",
        errno.ENOTDIR: "check the path",
        errno.EEXIST: "a file stands where a folder is wanted",
        errno.EISDIR: "name a file, not a folder",
    }
    return LimbeckError(os.strerror(error.errno or 0), where=path, mend=mends.get(error.errno or 0))


def writable(text: str) -> str:
    """Return a text that any file can hold: bytes of a path that are no UTF-8 become escapes, which open nothing."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def marks(path: Path) -> tuple[int, int]:
    """Return size and time of change (ns) of a file, by which another one is told; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:  # a link that leads nowhere, say
        return 0, 0
    return found.st_size, found.st_mtime_ns


def same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file."""
    return other.exists() and one.samefile(other)


def beside(path: Path) -> Path:
    """Return a fresh hidden name in the folder of ``path``, so that a rename stays on one disk."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")


def fsync_dir(folder: Path) -> None:
    """Make a rename inside ``folder`` survive a power cut (a no-op where folders cannot be opened)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write; on success it becomes ``path``, on failure ``path`` is as before.

    Raises
    ------
    LimbeckError
        When the disk is full, read-only or out of reach.
    """
    target = Path(path)
    part = beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        if target.exists() and not target.is_file():  # /dev/full and friends: never replace a device by a file
            with part.open("rb") as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        else:
            part.replace(target)
            fsync_dir(target.parent)
    except OSError as error:
        raise out_of_reach(error, target) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary folder to fill; on success it replaces ``path``, on failure ``path`` is as before."""
    target = Path(path)
    part = beside(target)
    try:
        part.mkdir(parents=True)
        yield part
        for file in part.rglob("*"):
            if file.is_file():
                with file.open("rb+") as handle:
                    os.fsync(handle.fileno())
        swap_folder(part, target)
    except OSError as error:
        raise out_of_reach(error, target) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def swap_folder(new: Path, target: Path) -> None:
    """Put ``new`` in the place of ``target``; what stood there goes only after the new one stands."""
    old = beside(target)
    had = target.exists()
    if had:
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if had:
            old.rename(target)
        raise
    fsync_dir(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write UTF-8 text atomically."""
    with whole_file(path) as part:
        # In JSON such an escape reads back as it was.
        part.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write JSON atomically: UTF-8, indented, no NaN (a NaN becomes null)."""
    write_text(path, json.dumps(no_nan(value), ensure_ascii=False, indent=2, allow_nan=False) + "\n")


def no_nan(value: Any) -> Any:
    """Return ``value`` with every non-finite number replaced by None, as JSON has none."""
    if isinstance(value, dict):
        return {str(key): no_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [no_nan(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return no_nan(value.tolist())
    return value


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
