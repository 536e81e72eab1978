"""Where in a text each n-gram of a bag stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.text.encoding.ngrams import Ngrams, hashed_ngrams, word_codes
from limbeck.kinds.text.encoding.ragged import code_points
from limbeck.kinds.text.encoding.tokens import cut_words

Ints = NDArray[np.int64]


def gram_places(grams: Ngrams, text: str) -> tuple[Ints, Ints, Ints]:
    """Return id, first character and the character behind the last, int64 [T] each, of every n-gram of a text.

    Ids are those of `Ngrams.encode` for the text as it is given here; n-grams without a place are left out.
    """
    codes, _ = code_points([f"\x02{text}\x03"])
    starts = np.arange(len(codes)) - 1  # the mark before the text is no character of it
    found = [_placed(grams, codes, starts, starts + 1, grams.shortest, grams.longest)]
    if grams.words:
        words = cut_words(text)
        begins, ends, at = [], [], 0
        for word in words:
            at = max(text.find(word, at), at)  # a lone surrogate was written "?", and is not found
            begins.append(at)
            at += len(word)
            ends.append(at)
        places = np.array(begins, dtype=np.int64), np.array(ends, dtype=np.int64)
        found.append(_placed(grams, word_codes([words]), *places, 1, grams.words))
    ids, first, behind = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return ids, first.clip(0, len(text)), behind.clip(0, len(text))


def _placed(
    grams: Ngrams, codes: np.ndarray, starts: Ints, ends: Ints, shortest: int, longest: int
) -> tuple[Ints, Ints, Ints]:
    hashes = hashed_ngrams(codes, np.zeros(len(codes), dtype=np.int64), shortest, longest)
    ids, first, behind = [], [], []
    for length, (_, values) in enumerate(hashes, shortest):
        count = len(values)
        ids.append(_ids(grams, values))
        first.append(starts[:count])
        behind.append(ends[length - 1 :][:count])
    joined = np.concatenate(ids), np.concatenate(first), np.concatenate(behind)
    known = joined[0] > 0
    return joined[0][known], joined[1][known], joined[2][known]


def _ids(grams: Ngrams, hashes: np.ndarray) -> Ints:
    """Return the ids of hashes, 0 for those without a place."""
    if grams.kept is None:
        return (hashes % np.uint64(grams.buckets)).astype(np.int64) + 1
    wanted = hashes.astype(np.uint32)
    ids = np.minimum(np.searchsorted(grams.kept, wanted), max(len(grams.kept) - 1, 0))
    known = grams.kept[ids] == wanted if len(grams.kept) else np.zeros(len(wanted), dtype=bool)
    return np.where(known, ids + 1, 0).astype(np.int64)
