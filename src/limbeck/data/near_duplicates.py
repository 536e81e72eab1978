"""Which rows are copies of each other: exact, or near by the Jaccard similarity of their character trigrams.

Near copies are found as in A. Broder, "On the resemblance and containment of documents" (1997): the smallest
of a random hash over a set's members is equal for two sets with a probability that is their Jaccard
similarity. 126 such minima, banded so that a pair at the threshold is missed less than once in a hundred
times (locality-sensitive hashing: Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", ch. 3), give
candidates; each candidate pair is then measured exactly, so that a merge never rests on chance. Three code
points fit in 63 bits: no shingle collides.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_SHINGLE = 3
_HASHES = 126
_BATCH = 1 << 20  # characters, or shingles of pairs, in the arrays at a time
_NEIGHBOURS = 4  # each text of a bucket is measured against the next few: chains join the rest


def exact(keys: Sequence[Hashable]) -> Ints:
    """Return a group id per row, int64 (n,), equal for equal keys, counted from 0 in order of first appearance."""
    ids: dict[Hashable, int] = {}
    return np.array([ids.setdefault(key, len(ids)) for key in keys], dtype=np.int64)


def near(texts: Sequence[str], *, threshold: float = 0.8) -> Ints:
    """Return a group id per row, int64 (n,), joining texts whose trigram sets have Jaccard similarity >=
    threshold.

    Groups are the connected components of such pairs: every member has a near copy in its group, though two
    members need not be near copies of each other. A text under three characters is one shingle. The same
    texts give the same groups on every machine. Ids count from 0 in order of first appearance.
    """
    if not 0 < threshold <= 1:
        raise ValueError("the threshold is above 0 and at most 1")
    same = exact(texts)
    distinct = [texts[row] for row in np.unique(same, return_index=True)[1]]
    pairs = _candidates(distinct, threshold)
    return _components(len(distinct), pairs[_jaccard(distinct, pairs) >= threshold - 1e-12])[same]


def join(first: Ints, second: Ints) -> Ints:
    """Return the groups of rows connected through either grouping, int64 (n,)."""
    one = np.unique(first, return_inverse=True)[1]
    other = np.unique(second, return_inverse=True)[1] + len(one)
    rows = np.arange(len(one))
    links = np.stack([np.concatenate([one, other]), np.concatenate([rows, rows]) + 2 * len(one)], axis=1)
    return exact(_components(3 * len(one), links)[2 * len(one) :].tolist())


def conflicts(groups: Ints, labels: npt.ArrayLike) -> Ints:
    """Return the rows, int64 and ascending, whose group has more than one label; label -1 is none."""
    values = np.asarray(labels)
    rows = np.flatnonzero(values != -1) if values.dtype.kind in "if" else np.arange(len(values))
    codes = np.unique(values[rows], return_inverse=True)[1]
    low = np.full(int(groups.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1)
    np.minimum.at(low, groups[rows], codes)
    np.maximum.at(high, groups[rows], codes)
    mixed: Ints = rows[(low != high)[groups[rows]]].astype(np.int64)
    return mixed


def _shingles(texts: Sequence[str]) -> tuple[Words, Ints]:
    """Return the trigrams of all texts, uint64 (sum of counts,), and where each text's begin, int64 (n,)."""
    padded = [text if len(text) >= _SHINGLE else text.ljust(_SHINGLE, "\0") for text in texts]
    lengths = np.fromiter(map(len, padded), np.int64, len(padded))
    codes = np.frombuffer("".join(padded).encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    packed = (codes[:-2] << np.uint64(42)) | (codes[1:-1] << np.uint64(21)) | codes[2:]
    ends = np.cumsum(lengths)
    inside = np.ones(len(codes), dtype=bool)
    inside[ends - 1] = inside[ends - 2] = False  # a trigram that begins there runs into the next text
    counts = lengths - (_SHINGLE - 1)
    return packed[inside[:-2]], np.cumsum(counts) - counts


def _batches(sizes: Ints) -> Iterator[slice]:
    """Cut consecutive items into runs of about `_BATCH` in total size."""
    ends = np.cumsum(sizes)
    start = 0
    while start < len(sizes):
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BATCH, side="right")))
        yield slice(start, stop)
        start = stop


def _signatures(texts: Sequence[str]) -> npt.NDArray[np.uint32]:
    """Return the minima of each hash over each text's trigrams, uint32 (hashes, n)."""
    random = np.random.default_rng(1997)
    factors = random.integers(1, 2**63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    offsets = random.integers(0, 2**63, _HASHES, dtype=np.uint64)
    signatures = np.empty((_HASHES, len(texts)), dtype=np.uint32)
    for part in _batches(np.fromiter(map(len, texts), np.int64, len(texts))):
        words, starts = _shingles(texts[part])
        # splitmix64 (Steele, Lea & Flood 2014): trigrams differ in few bits, multiply-shift wants them
        # spread.
        words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        words ^= words >> np.uint64(31)
        for k in range(_HASHES):
            hashed = ((words * factors[k] + offsets[k]) >> np.uint64(32)).astype(np.uint32)
            signatures[k, part] = np.minimum.reduceat(hashed, starts)
    return signatures


def _candidates(texts: Sequence[str], threshold: float) -> Ints:
    """Return pairs of texts, int64 (m, 2), that share a whole band of minima."""
    if len(texts) < 2:
        return np.empty((0, 2), dtype=np.int64)
    signatures = _signatures(texts)
    # The longest band that still misses a pair at the threshold less than once in a hundred times.
    lengths = [r for r in range(1, 43) if (1 - threshold**r) ** (_HASHES // r) <= 0.01]
    length = max(lengths, default=1)
    codes = set()
    for band in range(_HASHES // length):
        key = np.zeros(len(texts), dtype=np.uint64)
        for row in signatures[band * length : (band + 1) * length]:
            key = (key ^ row) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        order = np.argsort(key, kind="stable")
        for step in range(1, _NEIGHBOURS + 1):
            here, there = order[:-step], order[step:]
            hit = key[here] == key[there]
            codes.update((here[hit] * len(texts) + there[hit]).tolist())
    pairs = np.array(sorted(codes), dtype=np.int64)
    return np.stack([pairs // len(texts), pairs % len(texts)], axis=1)


def _jaccard(texts: Sequence[str], pairs: Ints) -> npt.NDArray[np.float64]:
    """Return the exact Jaccard similarity of the trigram sets of each pair, float64 (m,)."""
    similarity = np.zeros(len(pairs))
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    for part in _batches(lengths[pairs].sum(axis=1)):
        rows, places = np.unique(pairs[part], return_inverse=True)
        words, starts = _shingles([texts[row] for row in rows])
        owners = np.repeat(np.arange(len(rows)), np.diff(np.append(starts, len(words))))
        words = np.unique(words, return_inverse=True)[1].astype(np.uint64)
        width = np.uint64(words.max() + 1)
        members = np.unique(owners.astype(np.uint64) * width + words)  # each text's set, in order of texts
        edges = np.searchsorted(members // width, np.arange(len(rows) + 1, dtype=np.uint64))
        members = members % width
        places = places.reshape(-1, 2)
        sizes = np.diff(edges)[places]  # (pairs, 2)
        # Both sets of every pair, tagged with the pair: a member that occurs twice is shared.
        flat, counts = places.ravel(), sizes.ravel()
        takes = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(edges[flat], counts)
        tags = np.repeat(np.arange(len(flat)) // 2, counts)
        tagged = np.sort(tags.astype(np.uint64) * width + members[takes])
        shared = tagged[1:][tagged[1:] == tagged[:-1]] // width
        both = np.bincount(shared.astype(np.int64), minlength=len(places))
        similarity[part] = both / (sizes.sum(axis=1) - both)
    return similarity


def _components(count: int, pairs: Ints) -> Ints:
    """Return the component of each of ``count`` nodes, int64, in order of first appearance (union-find)."""
    parent = list(range(count))

    def root(node: int) -> int:
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for one, other in pairs.tolist():
        first, second = sorted((root(one), root(other)))
        parent[second] = first
    return exact([root(node) for node in range(count)])
