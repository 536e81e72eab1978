"""Whether one part of a split knows rows of another: copies, near copies, and groups that stand in both.

A score on rows that the student has seen is no estimate of anything. Exact copies and straddling groups are
refused by default; near copies (Jaccard similarity from 0.8 on) are reported, since whether two news of one
event are "the same" is for the reader to say, and can be dropped with ``data.duplicates = "near"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from limbeck.data.near_duplicates import Ints, exact, near
from limbeck.messages.message import Message, message
from limbeck.messages.words import pairs_named

RANK = {
    "unlabelled": 0,
    "train": 1,
    "valid": 2,
    "test": 3,
}  # rows of a higher part must be news to the lower
_SHOWN = 5
Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Leakage:
    """Rows of valid and test that another part knows: counts, and up to five pairs (row, its counterpart).

    ``near`` does not count exact copies again; rows are indices into the arrays that were compared.
    """

    rows: int
    exact: int
    near: int
    groups: int
    exact_pairs: Pairs = ()
    near_pairs: Pairs = ()
    group_pairs: Pairs = ()

    @property
    def refusable(self) -> bool:
        """Whether a score on this split would be dishonest: exact copies or whole groups straddle it."""
        return bool(self.exact or self.groups)

    def lines(self, names: Sequence[object] | None = None) -> list[Message]:
        """Return one finding per kind of leak; rows are called by ``names`` (numbers, paths) when given."""
        kinds = (
            ("data.exact_leak", self.exact, self.exact_pairs),
            ("data.near_leak", self.near, self.near_pairs),
            ("data.group_leak", self.groups, self.group_pairs),
        )
        found = []
        for code, count, pairs in kinds:
            if count:
                shown = pairs_named([(a, b) if names is None else (names[a], names[b]) for a, b in pairs])
                found.append(message(code, count=count, total=self.rows, share=count / self.rows, rows=shown))
        return found


def leakage(
    keys: Sequence[str],
    split: npt.ArrayLike,
    groups: npt.ArrayLike | None = None,
    *,
    near_groups: Ints | None = None,
) -> Leakage:
    """Compare the parts of a split.

    Parameters
    ----------
    keys
        The cleaned texts, (n,).
    split
        (n,) of "train", "valid", "test", "unlabelled".
    groups
        Group of each row, (n,); a missing group (None, NaN or "") is no group.
    near_groups
        What `duplicates.near` gave for these keys, when that is known already.
    """
    parts = np.asarray(split)
    rank = np.array([RANK[name] for name in parts.tolist()], dtype=np.int64)
    named = np.array([bool(key) for key in keys], dtype=bool)  # empty texts are copies of nothing
    same = _known_elsewhere(exact(keys), rank, named)
    alike = _known_elsewhere(near(keys) if near_groups is None else near_groups, rank, named)
    alike = {row: other for row, other in alike.items() if row not in same}
    shared: dict[int, int] = {}
    if groups is not None:
        values = np.asarray(groups).tolist()
        grouped = np.array([not (value is None or value != value or value == "") for value in values], dtype=bool)
        shared = _known_elsewhere(exact([str(value) for value in values]), rank, grouped)
    return Leakage(
        rows=int(np.count_nonzero(rank >= RANK["valid"])),
        exact=len(same),
        near=len(alike),
        groups=len(shared),
        exact_pairs=_first(same),
        near_pairs=_first(alike),
        group_pairs=_first(shared),
    )


def _known_elsewhere(groups: Ints, rank: Ints, counted: npt.NDArray[np.bool_]) -> dict[int, int]:
    """Return, for each valid or test row whose group has a row of a lower part, one such row."""
    rows = np.flatnonzero(counted)
    order = rows[np.lexsort((rank[rows], groups[rows]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = groups[order][1:] != groups[order][:-1]
    lowest = order[np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))]
    leaks = (rank[order] >= RANK["valid"]) & (rank[lowest] < rank[order])
    return dict(sorted(zip(order[leaks].tolist(), lowest[leaks].tolist(), strict=True)))


def _first(pairs: dict[int, int]) -> Pairs:
    return tuple(list(pairs.items())[:_SHOWN])
