"""Hashed n-grams of characters and words: a bag of features without a dictionary (Weinberger et al. 2009).

Every n-gram of code points is known by a hash, not by its text. A row's weights are ``1 + log(count)``,
scaled to unit length, as in sublinear TF-IDF without the IDF, which the network adds. All of it is array work over the
code points of a whole batch, so it costs less than reading the rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.files import write_text
from limbeck.kinds.stored_files import stored_array
from limbeck.kinds.text.encoding.ragged import Ragged, code_points
from limbeck.kinds.text.encoding.tokens import cut_words
from limbeck.recipe import Input

_bags: ModuleType | None
try:
    _bags = import_module("limbeck.kinds.text.encoding._bags")
except ImportError:  # built without a C compiler
    _bags = None

_PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, vol. 3, 6.4)
_HIGH, _LOW = np.uint64(32), np.uint64(2**32 - 1)
_CHUNK, _LONGEST = 20_000, 4096  # texts counted at once, and how far into each
_WORD = np.uint64(0xA5A5A5A5A5A5A5A5)
_LOGARITHMS = np.log(np.maximum(np.arange(4096), 1))  # of counts
_TYPES = (np.int32, np.int64, np.float32)
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # a multiplier of the SplitMix64 finaliser (Steele et al. 2014)


class Ngrams:
    """Bags of hashed character n-grams, with word n-grams beside them when asked for.

    With ``buckets`` every n-gram shares its bucket with whatever falls there. With ``buckets = 0`` the n-grams that at
    least ``min_count`` training rows hold have a place of their own, known by their 32-bit hash, and all others count
    for nothing: four bytes each in the bundle, and no noise from n-grams never seen before.
    """

    file = "ngrams.txt"
    kept_file = "ngrams.npy"

    def __init__(self, settings: Input, kept: np.ndarray | None = None) -> None:
        self.shortest, self.longest = settings.ngrams
        self.buckets, self.words = settings.buckets, settings.word_ngrams
        self.kept = kept

    @classmethod
    def fit(cls, texts: Iterable[str], settings: Input) -> Ngrams:
        """Without buckets, learn from cleaned training texts which n-grams have a place; with them, nothing."""
        if settings.buckets:
            return cls(settings)
        reader, rows = cls(settings), list(texts)
        hashes, counts = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        for start in range(0, len(rows), _CHUNK):
            keys = reader._keys([text[:_LONGEST] for text in rows[start : start + _CHUNK]])
            fresh, seen = np.unique(np.unique(keys) & _LOW, return_counts=True)
            hashes, place = np.unique(np.concatenate([hashes, fresh]), return_inverse=True)
            counts = np.bincount(place, np.concatenate([counts, seen])).astype(np.int64)
        return cls(settings, hashes[counts >= settings.min_count].astype(np.uint32))

    @classmethod
    def load(cls, settings: Input, folder: Path) -> Ngrams:
        """Read the places from a bundle.

        Raises
        ------
        LimbeckError
            When the file is missing or holds anything but rising 32-bit hashes.
        """
        if settings.buckets:
            return cls(settings)
        file = folder / cls.kept_file
        try:
            kept = stored_array(file)
        except (OSError, ValueError) as error:
            raise LimbeckError("the n-grams cannot be read", where=file) from error
        if kept.dtype != np.uint32 or kept.ndim != 1 or (np.diff(kept.astype(np.int64)) <= 0).any():
            raise LimbeckError("these are no n-grams: rising 32-bit hashes are wanted", where=file)
        return cls(settings, kept)

    def save(self, folder: Path) -> None:
        """Write the places, where there are any, and what a reader of the bundle may want to know."""
        write_text(folder / self.file, self.dumps())
        if self.kept is not None:
            np.save(folder / self.kept_file, self.kept, allow_pickle=False)

    @property
    def size(self) -> int:
        """Number of places, and one for padding."""
        return (self.buckets if self.kept is None else len(self.kept)) + 1

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn texts, each cut to ``max_length`` characters, into weighted bags of ids from 1.

        Where the package was built with a C compiler, ``bags.c`` does it, to the same last bit.
        """
        cut = [text[:max_length] for text in texts]
        if _bags is not None:
            with contextlib.suppress(OverflowError):  # an n-gram is there more often than the table of logarithms goes
                return self._encode_native(cut)
        return self._encode_arrays(cut)

    def _encode_native(self, texts: list[str]) -> Ragged:
        assert _bags is not None
        words = [cut_words(text) for text in texts] if self.words else []
        made = _bags.bags(texts, words, self.shortest, self.longest, self.words, self.buckets, self.kept, _LOGARITHMS)
        ids, bounds, weights = (np.frombuffer(raw, dtype) for raw, dtype in zip(made, _TYPES, strict=True))
        return Ragged(ids, bounds, weights)

    def _encode_arrays(self, texts: list[str]) -> Ragged:
        unique, counts = np.unique(self._keys(texts), return_counts=True)
        owner = (unique >> _HIGH).astype(np.int64)
        if self.kept is None:
            ids = (unique & _LOW).astype(np.int64) + 1
        else:
            hashes = (unique & _LOW).astype(np.uint32)
            ids = np.searchsorted(self.kept, hashes)
            known = ids < len(self.kept)
            known[known] = self.kept[ids[known]] == hashes[known]
            ids, owner, counts = ids[known] + 1, owner[known], counts[known]
        weights = 1.0 + np.log(counts)
        norms = np.sqrt(np.bincount(owner, weights * weights, minlength=len(texts)))
        bounds = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(texts))))).astype(np.int64)
        return Ragged(ids.astype(np.int32), bounds, (weights / norms[owner]).astype(np.float32))

    def _keys(self, texts: Sequence[str]) -> np.ndarray:
        """Return one key per n-gram, uint64: its row in the upper half, its bucket or hash in the lower."""
        # A mark before and after each text makes its first and last characters features of their own.
        codes, offsets = code_points([f"\x02{text}\x03" for text in texts])
        rows = np.repeat(np.arange(len(texts)), np.diff(offsets))
        found = hashed_ngrams(codes, rows, self.shortest, self.longest)
        if self.words:
            words = [cut_words(text) for text in texts]
            owner = np.repeat(np.arange(len(texts)), [len(row) for row in words])
            found += hashed_ngrams(word_codes(words), owner, 1, self.words)
        keys = [
            (owner.astype(np.uint64) << _HIGH) | (hashes % np.uint64(self.buckets) if self.buckets else hashes)
            for owner, hashes in found
        ]
        return np.concatenate(keys)

    def dumps(self) -> str:
        """Return what a reader of the bundle may want to know."""
        words = f" and up to {self.words} words" if self.words else ""
        places = f"hashed into {self.buckets} buckets" if self.kept is None else f"{len(self.kept)} of them known"
        return f"{self.shortest} to {self.longest} characters{words}, {places}\n"


def hashed_ngrams(
    codes: np.ndarray, rows: np.ndarray, shortest: int, longest: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Hash every n-gram that stays inside its row.

    Parameters
    ----------
    codes
        Units (code points, word codes) of all rows, one after the other, [T].
    rows
        The row of each unit, int64 [T], rising.

    Returns
    -------
    list
        For each length from ``shortest`` to ``longest``: (row int64, hash uint64 below 2^32) of every n-gram.
    """
    out = []
    hashed = np.zeros(len(codes), dtype=np.uint64)
    for length in range(1, longest + 1):
        starts = max(len(codes) - length + 1, 0)
        hashed = (hashed[:starts] + codes[length - 1 :][:starts].astype(np.uint64) + np.uint64(1)) * _PRIME
        hashed ^= hashed >> np.uint64(29)
        if length >= shortest:
            inside = rows[:starts] == rows[length - 1 :][:starts]
            mixed = (hashed[inside] + np.uint64(length)) * _MIX
            out.append((rows[:starts][inside], mixed >> np.uint64(32)))
    return out


def word_codes(rows: Sequence[Sequence[str]]) -> np.ndarray:
    """Return one code per word, uint64 [T]: a hash of its characters, apart from every code point."""
    codes, offsets = code_points([word for row in rows for word in row])
    if not len(codes):
        return np.empty(0, dtype=np.uint64)
    # Polynomial hash of each word: characters times powers of an odd number, summed per word, all modulo 2^64.
    lengths = np.diff(offsets)
    place = np.arange(len(codes)) - np.repeat(offsets[:-1], lengths)
    powers = np.cumprod(np.full(int(lengths.max()), _PRIME, dtype=np.uint64))
    terms = (codes.astype(np.uint64) + np.uint64(1)) * powers[place]
    return np.add.reduceat(terms, offsets[:-1]) ^ _WORD
