"""Folders of shards: listed, read and written by names relative to the folder, local or in object storage.

A place never shows credentials: `shown` is the address without them, and only `address`, which processes hand to each
other, has them.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from limbeck.errors import LimbeckError
from limbeck.files import out_of_reach, whole_file

SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
Heartbeat = Callable[[], None]  # called while bytes move, so that a long transfer is not taken for a stalled one


@dataclass(frozen=True)
class Entry:
    """A file of a place: its name relative to the place, its size in bytes, and when it changed (ns since 1970)."""

    name: str
    size: int
    changed: int


class Place(Protocol):
    """A folder, here or in object storage."""

    @property
    def address(self) -> str:
        """What `open_place` takes, credentials included."""

    @property
    def shown(self) -> str:
        """What people and logs may see."""

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine."""

    def entries(self, under: str = "", *, deep: bool) -> list[Entry]:
        """Return the files of the place or of a folder in it, ``deep`` in all folders below too, sorted by name."""

    def read(self, name: str) -> bytes | None:
        """Return a small file; None where there is none."""

    def fetch(self, name: str, to: Path, heartbeat: Heartbeat) -> Path:
        """Return a file of this machine with the content: the file itself in a local place, else a copy at ``to``."""

    def put(self, file: Path, name: str, heartbeat: Heartbeat) -> None:
        """Copy a file of this machine to the place; it appears whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


def remote_scheme(address: str | os.PathLike[str]) -> str | None:
    """Return the scheme of an address in object storage, e.g. ``s3``; None for a path of this machine."""
    found = SCHEME.match(os.fspath(address))
    return None if found is None or found[1] in ("file", "rtsp", "http", "https") else found[1]


def open_place(address: str | os.PathLike[str]) -> Place:
    """Return the place at a path or an address.

    Raises
    ------
    LimbeckError
        For a scheme that nothing here reads, or one that needs a package which is not installed.
    """
    if remote_scheme(address) is None:
        return LocalPlace(Path(os.fspath(address).removeprefix("file://")))
    from limbeck.scale.remote import RemotePlace

    return RemotePlace(os.fspath(address))


class LocalPlace:
    """A folder of this machine, or of a file system that all machines share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def address(self) -> str:
        """The path."""
        return str(self._folder)

    shown = address

    @property
    def local(self) -> Path | None:
        """The path."""
        return self._folder

    def entries(self, under: str = "", *, deep: bool) -> list[Entry]:
        """Return the files, links to files included; links to folders are not followed."""
        found: list[Entry] = []
        try:
            for folder, folders, files in os.walk(self._folder / under):
                if not deep:
                    folders.clear()
                for name in files:
                    file = Path(folder, name)
                    if file.is_file():
                        at = file.stat()
                        found.append(Entry(file.relative_to(self._folder).as_posix(), at.st_size, at.st_mtime_ns))
        except OSError as error:
            raise out_of_reach(error, self._folder) from error
        return sorted(found, key=lambda entry: entry.name)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes."""
        try:
            return (self._folder / name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise out_of_reach(error, self._folder / name) from error

    def fetch(self, name: str, to: Path, heartbeat: Heartbeat) -> Path:
        """Return the file itself; nothing is copied."""
        return self._folder / name

    def put(self, file: Path, name: str, heartbeat: Heartbeat) -> None:
        """Write beside, rename."""
        with whole_file(self._folder / name) as part:
            shutil.copyfile(file, part)

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self._folder / name).unlink(missing_ok=True)


def split_pattern(address: str) -> tuple[str, str]:
    """Return the folder and the pattern of ``folder/*.parquet``; the pattern is "" where there is none.

    A single file of this machine is a pattern that matches it alone.

    Raises
    ------
    LimbeckError
        Where there is no folder before the pattern in object storage.
    """
    prefix = SCHEME.match(address)
    body = address[prefix.end() :] if prefix else address
    if prefix is None and Path(address).is_file():
        return str(Path(address).parent), glob.escape(Path(address).name)
    if not set("*?[") & set(body) or (prefix is None and Path(address).exists()):
        return address, ""
    parts = body.split("/")
    at = next(index for index, part in enumerate(parts) if set("*?[") & set(part))
    folder = "/".join(parts[:at]) or ("/" if body.startswith("/") else "")
    if prefix and not folder:
        raise LimbeckError("the bucket cannot be a pattern", where=address, fix="name one bucket")
    return (prefix[0] if prefix else "") + (folder or "."), "/".join(parts[at:])
