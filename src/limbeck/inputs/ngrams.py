"""Hashed n-grams of characters and words: a bag of features with no vocabulary to store (Weinberger et al. 2009).

Every n-gram of code points is hashed into one of ``buckets`` ids. A row's weights are ``1 + log(count)``,
scaled to unit length, as in sublinear TF-IDF without the IDF, which the network adds. All of it is array work over the
code points of a whole batch, so it costs less than reading the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from limbeck.inputs.encoders import code_points, cut_words
from limbeck.inputs.ragged import Ragged
from limbeck.recipe import Input

_PRIME = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio: Fibonacci hashing (Knuth, vol. 3, 6.4)
_WORD = np.uint64(0xA5A5A5A5A5A5A5A5)
_MIX = np.uint64(0xBF58476D1CE4E5B9)  # a multiplier of the SplitMix64 finaliser (Steele et al. 2014)


class Ngrams:
    """Bags of hashed character n-grams, with word n-grams beside them when asked for."""

    file = "ngrams.txt"

    def __init__(self, settings: Input) -> None:
        self.shortest, self.longest = settings.ngrams
        self.buckets, self.words = settings.buckets, settings.word_ngrams

    @classmethod
    def fit(cls, texts: Iterable[str], settings: Input) -> Ngrams:
        """There is nothing to learn: the hash is the vocabulary."""
        del texts
        return cls(settings)

    @classmethod
    def loads(cls, text: str, settings: Input) -> Ngrams:
        """There is nothing to read."""
        del text
        return cls(settings)

    @property
    def size(self) -> int:
        """Number of buckets, and one for padding."""
        return self.buckets + 1

    def encode(self, texts: Sequence[str], max_length: int) -> Ragged:
        """Turn texts, each cut to ``max_length`` characters, into weighted bags of ids 1 to ``buckets``."""
        cut = [text[:max_length] for text in texts]
        # A mark before and after each text makes its first and last characters features of their own.
        codes, offsets = code_points([f"\x02{text}\x03" for text in cut])
        rows = np.repeat(np.arange(len(texts)), np.diff(offsets))
        found = hashed_ngrams(codes, rows, self.shortest, self.longest)
        if self.words:
            words = [cut_words(text) for text in cut]
            owner = np.repeat(np.arange(len(texts)), [len(row) for row in words])
            found += hashed_ngrams(word_codes(words), owner, 1, self.words)
        buckets = np.int64(self.buckets)
        keys = [owner * buckets + (hashes % np.uint64(self.buckets)).astype(np.int64) for owner, hashes in found]
        unique, counts = np.unique(np.concatenate(keys), return_counts=True)
        owner = unique // buckets
        weights = 1.0 + np.log(counts)
        norms = np.sqrt(np.bincount(owner, weights * weights, minlength=len(texts)))
        bounds = np.concatenate(([0], np.cumsum(np.bincount(owner, minlength=len(texts))))).astype(np.int64)
        return Ragged((unique % buckets + 1).astype(np.int32), bounds, (weights / norms[owner]).astype(np.float32))

    def dumps(self) -> str:
        """Return what a reader of the bundle may want to know."""
        words = f" and up to {self.words} words" if self.words else ""
        return f"{self.shortest} to {self.longest} characters{words}, hashed into {self.buckets} buckets\n"


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
