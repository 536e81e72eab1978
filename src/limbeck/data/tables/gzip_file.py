"""Text files packed with gzip, opened like any other, with the bytes that come out counted.

The size that a gzip file states of itself is no promise (RFC 1952 keeps 32 bits of it), and a megabyte can unpack to a
gigabyte; so the bytes are counted as they come.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import BinaryIO

from limbeck.errors import LimbeckError

FREE, TIMES = 1 << 30, 200  # bytes that any file may unpack to, and times its size that a larger one may


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked where its name ends in ``.gz``.

    Raises
    ------
    OSError
        When it cannot be opened. Reading raises `LimbeckError` for a damaged file or one that unpacks to too much.
    """
    if path.suffix.lower() != ".gz":
        return path.open("rb")
    return io.BufferedReader(_Unpacked(path), 1 << 17)


class _Unpacked(io.RawIOBase):
    """What a gzip file unpacks to, as a raw stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._most = max(FREE, TIMES * path.stat().st_size)
        self._file = gzip.GzipFile(path, "rb")
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]  # a buffer is one of these
        try:
            count = self._file.readinto(buffer)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise LimbeckError(
                f"the packed file is damaged or cut off: {error}", where=self._path, fix="pack it again"
            ) from error
        self._count += count
        if self._count > self._most:
            raise LimbeckError(
                f"the packed file unpacks to more than {TIMES} times its size",
                where=self._path,
                fix="unpack it first, if that is what you expect",
            )
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
