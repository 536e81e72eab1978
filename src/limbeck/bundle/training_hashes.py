"""``seen.npy``: which rows a bundle's model was trained on and chosen by, as hashes.

Who later takes the bundle as a teacher can then see whether it was trained on the very rows that are to evaluate its
student. A hash is the first 32 bits of BLAKE2b over the row as the model reads it: four bytes a row, no text.

Hashes collide. Of n rows that were never seen, ``n M / 2**32`` are expected to share a hash with one of M seen rows by
chance: of 10,000 test rows 0.23 for M = 100,000 and 2.3 for a million. `expected_by_chance` says how many, so that a
check can take them off. Whoever holds a text can test whether it was seen; ``export.seen = false`` leaves the file out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.near_duplicates import Ints, exact
from limbeck.data.row_identity import apart, unlike
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.stored_files import stored_array
from limbeck.recipe import Input, Task

FILE = "seen.npy"
Hashes = NDArray[np.uint32]


def row_keys(texts: Sequence[str], task: Task, reader: Input) -> list[str]:
    """Return what tells rows apart: the cleaned text, or a table's joined cells, as `limbeck.data` gives them."""
    return kind_of(task).copies.keys(pl.DataFrame(), texts, reader.clean)[1]


def frame_keys(frame: pl.DataFrame, task: Task, reader: Input) -> list[str]:
    """Return what tells the rows of a frame apart; of examined pictures and signals a hash of the content."""
    kind = kind_of(task)
    return kind.copies.keys(frame, kind.names(frame, task), reader.clean)[1]


def copies_in(frame: pl.DataFrame, task: Task, reader: Input) -> Ints:
    """Return one number for rows of a frame that are exact copies of each other, int64 [N]."""
    keys = frame_keys(frame, task, reader)
    return apart(exact(keys), kind_of(task).copies.told(frame, keys, task))


def telling_keys(frame: pl.DataFrame, task: Task, reader: Input) -> list[str]:
    """Return what tells the rows of a frame apart, "" where content tells no row: see `limbeck.data.row_identity`."""
    keys = frame_keys(frame, task, reader)
    return unlike(keys, kind_of(task).copies.told(frame, keys, task))


def hashes_of(keys: Iterable[str]) -> Hashes:
    """Return the hash of each key, uint32 [N]."""
    digests = [hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=4).digest() for key in keys]
    return np.frombuffer(b"".join(digests), dtype="<u4").astype(np.uint32)


def expected_by_chance(rows: int, seen: int) -> float:
    """Return how many of ``rows`` unseen rows share a hash with ``seen`` others by chance."""
    return rows * seen / 2**32


def learned_from(folder: Path, keys: Sequence[str]) -> tuple[int, float] | None:
    """Return how many of these rows a bundle learned from, and how many would seem so by chance; None if none can tell.

    Raises
    ------
    LimbeckError
        When the bundle's hashes cannot be read.
    """
    found = seen_mask(folder, keys)
    return None if found is None else (int(found[0].sum()), found[1])


def seen_mask(folder: Path, keys: Sequence[str]) -> tuple[NDArray[np.bool_], float] | None:
    """Return which rows a bundle learned from, bool [N], and how many seem so by chance; None if nothing can tell.

    A row whose key is "" is none of them.

    Raises
    ------
    LimbeckError
        When the bundle's hashes cannot be read.
    """
    seen = read_seen(folder)
    if seen is None:
        return None
    named = np.array([bool(key) for key in keys], dtype=bool)
    mask = np.isin(hashes_of(keys), seen) & named
    return mask, expected_by_chance(int(named.sum()), len(seen))


def beyond_chance(count: int, chance: float) -> bool:
    """Return whether so many rows are more than three deviations above what chance gives."""
    return bool(count > chance + 3 * chance**0.5)


def surely_learned(folder: Path, keys: Sequence[str]) -> int:
    """Return `learned_from`'s count; 0 where chance explains it or nothing can tell.

    Raises
    ------
    LimbeckError
        When the bundle's hashes cannot be read.
    """
    found = learned_from(folder, keys)
    return found[0] if found is not None and beyond_chance(*found) else 0


def write_seen(folder: Path, keys: Iterable[str]) -> None:
    """Write the sorted, distinct hashes of these keys, empty ones left out, into a bundle's folder."""
    hashes = np.unique(hashes_of(key for key in keys if key))
    np.save(folder / FILE, hashes, allow_pickle=False)


def add_seen(folder: Path, keys: Iterable[str]) -> None:
    """Add the hashes of these keys to those of a bundle's folder; nothing happens where it has none."""
    if (known := read_seen(folder)) is not None:
        np.save(folder / FILE, np.union1d(known, hashes_of(key for key in keys if key)), allow_pickle=False)


def read_seen(folder: Path) -> Hashes | None:
    """Return the hashes of a bundle, uint32 rising, or None where it has none.

    Raises
    ------
    LimbeckError
        When the file holds anything else.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        hashes = stored_array(file)
    except (OSError, ValueError) as error:
        raise LimbeckError("the hashes of seen rows cannot be read", where=file) from error
    if hashes.dtype != np.uint32 or hashes.ndim != 1 or (np.diff(hashes.astype(np.int64)) <= 0).any():
        raise LimbeckError("these are no hashes of seen rows: rising 32-bit numbers are wanted", where=file)
    return np.asarray(hashes, dtype=np.uint32)
