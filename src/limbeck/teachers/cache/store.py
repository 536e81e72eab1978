"""Two append-only files a teacher: the keys of rows, and the answers to them in half precision.

``NAME.keys`` is a chain of blocks: a 16-byte header (the number of rows, and a checksum of the block's keys and
answers), then one 16-byte key a row. ``NAME.answers`` holds the answers of the same blocks, float16 [rows, C], nothing
else. A block counts when its checksum is right. It is written answers first, each file flushed to the disk before the
next step, so that a process killed anywhere leaves at most a torn tail, which readers ignore and the next writer cuts
off. Writers hold a lock while they append; readers need none, as no byte of a block that counts is ever changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.files import fsync_dir, out_of_reach
from limbeck.progress import say

Keys = NDArray[np.uint64]  # [N, 2]: 128 bits a row
Halves = NDArray[np.float16]
_HEADER = struct.Struct("<Q8s")
_KEY = 16
_NOTHING = -1


class Store:
    """The kept answers of one teacher; reads what other processes add at each `refresh`."""

    def __init__(self, folder: Path, name: str, classes: int) -> None:
        self.keys_file, self.answers_file = folder / f"{name}.keys", folder / f"{name}.answers"
        self._lock_file, self._width = folder / f"{name}.lock", classes * 2
        self._classes, self._bytes, self._rows = classes, 0, 0
        self._high, self._low, self._at = (np.empty(0, dtype=np.uint64),) * 2 + (np.empty(0, dtype=np.int64),)
        self._parts: list[Keys] = []
        self.refresh()

    @property
    def columns(self) -> int:
        """Numbers kept of each row."""
        return self._classes

    def __len__(self) -> int:
        return self._rows

    def refresh(self) -> None:
        """Read the blocks that were added since the last time."""
        try:
            added = self._read_blocks()
        except FileNotFoundError:
            return
        except OSError as error:
            raise out_of_reach(error, self.keys_file) from error
        self._parts += added

    def _read_blocks(self) -> list[Keys]:
        added: list[Keys] = []
        with self.keys_file.open("rb") as keys, self.answers_file.open("rb") as answers:
            keys.seek(self._bytes)
            answers.seek(self._rows * self._width)
            most = os.fstat(keys.fileno()).st_size // _KEY
            while len(header := keys.read(_HEADER.size)) == _HEADER.size:
                rows, digest = _HEADER.unpack(header)
                if not 0 < rows <= most:
                    break
                given, said = keys.read(rows * _KEY), answers.read(rows * self._width)
                if digest != _digest(given, said) or len(given) + len(said) != rows * (_KEY + self._width):
                    break
                added.append(np.frombuffer(given, dtype="<u8").reshape(-1, 2))
                self._bytes, self._rows = self._bytes + _HEADER.size + len(given), self._rows + rows
        return added

    def _settle(self) -> None:
        """Bring the blocks that were read or added since the last time into the index."""
        if len(self._at) == self._rows:
            return
        keys = np.concatenate(self._parts)
        self._parts = [keys]
        order = np.argsort(keys[:, 0], kind="stable")
        self._high, self._low, self._at = keys[order, 0], keys[order, 1], order

    def find(self, keys: Keys) -> NDArray[np.int64]:
        """Return int64 [N], where each key's answer is kept, -1 where it is not; all 128 bits are compared."""
        found = np.full(len(keys), _NOTHING, dtype=np.int64)
        self._settle()
        order = np.argsort(keys[:, 0])  # searching in order keeps the index in the processor's cache
        high, low = keys[order, 0], keys[order, 1]
        place = np.searchsorted(self._high, high)
        left = np.arange(len(keys))
        while len(left):  # a second pass only for keys whose first 64 bits are another's too, or kept twice
            at = place[left]
            left = left[at < len(self._high)]
            left = left[self._high[place[left]] == high[left]]
            hit = self._low[place[left]] == low[left]
            found[order[left[hit]]] = self._at[place[left[hit]]]
            left = left[~hit]
            place[left] += 1
        return found

    def get(self, places: NDArray[np.int64]) -> Halves:
        """Return float16 [N, C] at places that `find` gave, those not found left out, through a memory map."""
        places = places[places >= 0]
        if not len(places):
            return np.empty((0, self._classes), dtype=np.float16)
        try:
            kept: Halves = np.memmap(self.answers_file, dtype="<f2", mode="r", shape=(self._rows, self._classes))
        except (OSError, ValueError) as error:
            raise LimbeckError(
                "removed or cut while it was in use", where=self.answers_file, fix="run again"
            ) from error
        return np.asarray(kept[places])

    def clear(self) -> None:
        """Forget what is kept; the caller is the only one who asks."""
        try:
            with self._locked():
                for file in (self.keys_file, self.answers_file):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise out_of_reach(error, self.keys_file) from error
        self._bytes, self._rows, self._parts = 0, 0, []
        self._high, self._low, self._at = (np.empty(0, dtype=np.uint64),) * 2 + (np.empty(0, dtype=np.int64),)

    def add(self, keys: Keys, answers: Halves) -> None:
        """Append a block and return when it is on the disk.

        Raises
        ------
        LimbeckError
            When the disk is full, read-only or out of reach; what was kept before stays.
        """
        if not len(keys):
            return
        given, said = np.ascontiguousarray(keys, "<u8").tobytes(), np.ascontiguousarray(answers, "<f2").tobytes()
        try:
            with self._locked():
                self.refresh()  # also says where the blocks that count end
                self._say_what_is_cut()
                _append(self.answers_file, self._rows * self._width, said)
                _append(self.keys_file, self._bytes, _HEADER.pack(len(keys), _digest(given, said)) + given)
        except OSError as error:
            raise out_of_reach(error, self.answers_file) from error
        self._parts.append(np.frombuffer(given, dtype="<u8").reshape(-1, 2))
        self._bytes, self._rows = self._bytes + _HEADER.size + len(given), self._rows + len(keys)

    def _say_what_is_cut(self) -> None:
        """Say that the files hold more than blocks that count; only the holder of the lock can know."""
        with contextlib.suppress(FileNotFoundError):
            behind = self.keys_file.stat().st_size - self._bytes
            if behind > 0:
                what = f"{behind:,} bytes are damaged, or left by a killed run; their rows are asked again"
                say(f"{self.keys_file}: {what}")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock_file.parent.mkdir(parents=True, exist_ok=True)
        new = not self._lock_file.exists()
        with self._lock_file.open("a+b") as handle:
            with contextlib.suppress(ImportError):  # no fcntl on Windows: there the checksums alone stand guard
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        if new:
            fsync_dir(self._lock_file.parent)


def _append(file: Path, at: int, content: bytes) -> None:
    """Write at a position, cut what stands behind, and flush to the disk."""
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as handle:
        if os.fstat(handle.fileno()).st_size < at:
            raise LimbeckError("removed or cut while it was in use", where=file, fix="run again")
        handle.truncate(at)
        handle.seek(at)
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())


def _digest(keys: bytes, answers: bytes) -> bytes:
    state = hashlib.blake2b(keys, digest_size=8)
    state.update(answers)
    return state.digest()
