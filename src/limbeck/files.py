"""Files that appear whole or not at all: write beside, fsync, rename.

A folder takes the place of an earlier one in a single step of the kernel, so that there is a whole one at every moment.
What a killed run leaves beside its output has a name that `recover` knows.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.messages.message import message

# What zipfile raises for the bytes of an archive: RuntimeError for encryption, and its NotImplementedError for methods
# that it does not know; UnicodeDecodeError for a name. No OSError: a full disk is no damaged archive.
DAMAGED_ZIP = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, RuntimeError, UnicodeDecodeError)


def out_of_reach(error: OSError, path: Path) -> LimbeckError:
    """Translate an operating-system error about ``path`` into one line with its fix."""
    fixes = {
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
    return LimbeckError(os.strerror(error.errno or 0), where=path, fix=fixes.get(error.errno or 0))


def writable(text: str) -> str:
    """Return a text that any file can hold: bytes of a path that are no UTF-8 become escapes, which open nothing."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


@contextlib.contextmanager
def native_path(path: Path) -> Iterator[str]:
    """Yield a name of an existing file for native libraries, which take UTF-8 only: its own, or one through /dev/fd."""
    name = os.fspath(path)
    if writable(name) == name:
        yield name
        return
    handle = os.open(path, os.O_RDWR if os.access(path, os.W_OK) else os.O_RDONLY)
    try:
        yield f"/dev/fd/{handle}"
    finally:
        os.close(handle)


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


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether a path leads to a device, a pipe or a socket, or into the folder of devices."""
    target = Path(path).absolute()
    if target.parts[1:2] in (("dev",), ("proc",)) and target.parts[2:3] != ("shm",):
        return True
    return target.exists() and not target.is_file() and not target.is_dir()


def beside(path: Path, end: str = "part") -> Path:
    """Return a fresh hidden name in the folder of ``path``, so that a rename stays on one disk."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.{end}")


def recover(path: Path) -> None:
    """Remove what killed writers of ``path`` left beside it; put an earlier folder back that has no successor.

    Only who holds the lock on the output (`limbeck.locks.sole_writer`) may call this: nobody else is writing then.
    """
    for found in left_behind(path.parent, re.escape(path.name)):
        if found.suffix == ".old" and not path.exists():
            with contextlib.suppress(OSError):
                found.rename(path)
        else:
            remove(found)


def left_behind(folder: Path, names: str) -> list[Path]:
    """Return what killed writers left in a folder of the files whose names match a regular expression."""
    pattern = re.compile(rf"\.(?:{names})\.[0-9a-f]{{8}}\.(part|old)")
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return sorted(Path(entry.path) for entry in entries if pattern.fullmatch(entry.name))
    return []


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all that is in it; nothing happens where that cannot be done."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


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
    if is_stream(target):
        with _whole_stream(target) as part:
            yield part
        return
    part = beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(target)
        fsync_dir(target.parent)
    except OSError as error:
        raise out_of_reach(error, target) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


@contextlib.contextmanager
def _whole_stream(target: Path) -> Iterator[Path]:
    """Yield a temporary path; what is written there is copied to a device or a pipe, which stays what it is."""
    with tempfile.TemporaryDirectory(prefix="limbeck-") as scratch:
        part = Path(scratch, target.name)
        try:
            yield part
            # A file behind /dev/stdout keeps what stands in it already.
            with part.open("rb") as source, target.open("ab") as sink:
                shutil.copyfileobj(source, sink)
        except BrokenPipeError:
            raise  # the reader has seen enough
        except OSError as error:
            raise out_of_reach(error, target) from error


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
    """Put ``new`` in the place of ``target`` and remove what stood there; a kill at any moment leaves one of them."""
    if not (target.exists() or target.is_symlink()):
        new.rename(target)
        fsync_dir(target.parent)
        return
    if exchange(new, target):
        old = new
    else:  # two steps: `recover` puts the earlier one back after a kill between them
        old = beside(target, "old")
        target.rename(old)
        try:
            new.rename(target)
        except OSError:
            old.rename(target)
            raise
    fsync_dir(target.parent)
    remove(old)


def exchange(one: Path, other: Path) -> bool:
    """Let two paths trade places in one step; return False where the system or the disk cannot do that."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    first, second, swap = os.fsencode(one), os.fsencode(other), 2
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        here = -100  # AT_FDCWD
        failed = libc.renameat2(here, first, here, second, ctypes.c_uint(swap))
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(first, second, ctypes.c_uint(swap))
    else:
        return False
    number = ctypes.get_errno()
    if not failed:
        return True
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EXDEV):
        return False
    raise OSError(number, os.strerror(number), str(other))


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


def open_regular(path: Path, inside: Path | None = None) -> BufferedReader:
    """Open a regular file to read its bytes. A pipe would wait for ever, and a device may never end.

    Parameters
    ----------
    inside
        A folder that the file has to lie in when all links are followed.

    Raises
    ------
    LimbeckError
        When it is a pipe, a device or a socket, or lies elsewhere.
    OSError
        When it is a folder, or cannot be opened.
    """
    if inside is not None and path.is_symlink() and not path.resolve().is_relative_to(inside.resolve()):
        raise LimbeckError("a link that leads out of its folder", where=path, fix="put the file itself there")
    # Without blocking, opening a pipe returns at once; for a regular file it changes nothing.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise LimbeckError(message("file.not_regular"), where=path, fix=message("fix.regular"))


def need_regular(path: Path) -> None:
    """Refuse a pipe, a device or a socket, and a folder that holds one, before a library opens it and waits for ever.

    Raises
    ------
    LimbeckError
        When there is one. What is not there at all is the library's to miss.
    """
    for one in [path, *path.iterdir()] if path.is_dir() else [path]:
        if one.exists() and not one.is_file() and not one.is_dir():
            raise LimbeckError(message("file.not_regular"), where=one, fix=message("fix.regular"))


def read_regular(path: Path, most: int, inside: Path | None = None) -> bytes:
    """Return the content of a regular file of at most ``most`` bytes; see `open_regular`."""
    with open_regular(path, inside) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise LimbeckError(message("file.too_large", most=most), where=path)
    return content


def sha256(path: Path, inside: Path | None = None) -> str:
    """Return the SHA-256 of a regular file as lower-case hexadecimal; see `open_regular`."""
    with open_regular(path, inside) as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
