"""Text files packed with gzip or Zstandard, opened like any other, with the bytes that come out counted.

The size that a packed file states of itself is no promise (RFC 1952 keeps 32 bits of it), and a megabyte can unpack to
a gigabyte; so the bytes are counted as they come. A frame of Zstandard (RFC 8878) may also ask for a window of any
size; more than 128 MiB are refused, as by its own tool.
"""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from limbeck.errors import LimbeckError

if TYPE_CHECKING or sys.version_info < (3, 14):
    from backports import zstd
else:
    from compression import zstd

FREE, TIMES = 1 << 30, 200  # bytes that any file may unpack to, and times its size that a larger one may
PACKED = (".gz", ".zst")
_WINDOW_LOG = 27  # 128 MiB
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError)


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked where its name ends in ``.gz`` or ``.zst``.

    Raises
    ------
    OSError
        When it cannot be opened. Reading raises `LimbeckError` for a damaged file or one that unpacks to too much.
    """
    if path.suffix.lower() not in PACKED:
        return path.open("rb")
    return io.BufferedReader(_Unpacked(path), 1 << 17)


def _opened(path: Path) -> gzip.GzipFile | zstd.ZstdFile:
    if path.suffix.lower() == ".gz":
        return gzip.GzipFile(path, "rb")
    return zstd.ZstdFile(path, "rb", options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


class _Unpacked(io.RawIOBase):
    """What a packed file unpacks to, as a raw stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._most = max(FREE, TIMES * path.stat().st_size)
        self._file = _opened(path)
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]  # a buffer is one of these
        try:
            count = self._file.readinto(buffer)
        except _DAMAGED as error:
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
