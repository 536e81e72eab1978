"""Rows of different lengths in two flat arrays, and their padding into batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
BESIDE = ("offset", "target", "hidden")  # what training gives beside the arrays of rows


@dataclass(frozen=True)
class Ragged:
    """Token ids of N rows: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``.

    Attributes
    ----------
    values
        int32 [T], all rows one after the other.
    offsets
        int64 [N + 1], rising from 0 to T.
    weights
        float32 [T] beside ``values`` for bags of features, None for sequences.
    wide
        The same rows as bags, for students with a wide branch.
    offset
        float32 [N, C], logits that the wide branch gives these rows in training; see `training.fit.wide_branch`.
    target
        float32 [N, C], what teachers say of these rows; see `limbeck.objectives.distil`.
    hidden
        float32 [N, D], a teacher's hidden features of these rows; see `limbeck.objectives.distil_hidden`.
    view
        The same rows changed; see `limbeck.objectives.consistency`.
    """

    values: NDArray[np.int32]
    offsets: Ints
    weights: NDArray[np.float32] | None = None
    wide: Ragged | None = None
    offset: NDArray[np.float32] | None = None
    target: NDArray[np.float32] | None = None
    hidden: NDArray[np.float32] | None = None
    view: Ragged | None = None

    @property
    def padded(self) -> bool:
        """Whether a row is padded to the longest of its batch."""
        return True

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Tokens per row, int64 [N]."""
        return np.diff(self.offsets)

    def row(self, index: int) -> NDArray[np.int32]:
        """Token ids of one row."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def take(self, rows: Ints) -> Ragged:
        """Return the given rows, in the given order, as a new `Ragged`."""
        lengths = self.lengths[rows]
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        where = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        return Ragged(
            self.values[where],
            offsets,
            None if self.weights is None else self.weights[where],
            None if self.wide is None else self.wide.take(rows),
            **taken_beside(self, rows),
        )

    def pad(self, rows: Ints, *, fill: int = 0) -> dict[str, np.ndarray]:
        """Return one batch: ``ids`` int64 [B, L] padded with ``fill`` to its longest row.

        Beside it stands ``lengths`` int64 [B], or for bags ``weights`` float32 [B, L], 0 where padded; then
        ``wide_ids`` and ``wide_weights``, ``offset``, ``target`` and ``hidden``, and the arrays of the view as
        ``view_ids`` and so on, where the rows have them.
        """
        part = self if len(self) == len(rows) == 1 else self.take(rows)
        batch = part._padded(fill)
        if part.wide is not None:
            batch |= {f"wide_{name}": array for name, array in part.wide._padded(0).items()}
        if part.view is not None:
            batch |= {f"view_{name}": array for name, array in part.view._padded(fill).items()}
        return batch | arrays_beside(part, np.arange(len(part)))

    def _padded(self, fill: int) -> dict[str, np.ndarray]:
        lengths = self.lengths
        inside = np.arange(max(int(lengths.max(initial=0)), 1)) < lengths[:, None]
        ids = np.full(inside.shape, fill, dtype=np.int64)
        ids[inside] = self.values
        if self.weights is None:
            return {"ids": ids, "lengths": lengths}
        weights = np.zeros(inside.shape, dtype=np.float32)
        weights[inside] = self.weights
        return {"ids": ids, "weights": weights}


def taken_beside(rows: Any, which: Ints) -> dict[str, Any]:
    """Return ``offset``, ``target``, ``hidden`` and ``view`` of the chosen rows, None for what encoded rows lack."""
    beside = {name: getattr(rows, name) for name in BESIDE}
    chosen: dict[str, Any] = {name: None if array is None else array[which] for name, array in beside.items()}
    return chosen | {"view": None if rows.view is None else rows.view.take(which)}


def arrays_beside(rows: Any, which: Ints) -> dict[str, np.ndarray]:
    """Return by name those of ``offset``, ``target`` and ``hidden`` that encoded rows have, of the chosen rows."""
    return {name: getattr(rows, name)[which] for name in BESIDE if getattr(rows, name) is not None}


def ragged(rows: Sequence[Sequence[int]], max_length: int) -> Ragged:
    """Join rows of token ids, each cut to ``max_length``."""
    cut = [row[:max_length] for row in rows]
    lengths = np.fromiter((len(row) for row in cut), dtype=np.int64, count=len(cut))
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    values = np.fromiter((token for row in cut for token in row), dtype=np.int32, count=int(offsets[-1]))
    return Ragged(values, offsets)


def code_points(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return all code points, uint32 [T], and where each text begins and ends, int64 [N + 1]."""
    lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
    # surrogatepass: a lone surrogate can come out of a JSON escape and must not stop a whole batch.
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return codes, np.concatenate(([0], np.cumsum(lengths)))


def batches(lengths: Ints, *, tokens: int, most: int) -> list[Ints]:
    """Cut rows, sorted by length, into batches of about equal work.

    Parameters
    ----------
    lengths
        int64 [N], the tokens of each row.
    tokens
        Largest padded size (rows times longest) of one batch, unless a single row is longer.
    most
        Largest number of rows in one batch.
    """
    if len(lengths) == 1:  # the usual request to a server: nothing to sort
        return [np.zeros(1, dtype=np.int64)]
    order = np.argsort(lengths, kind="stable")
    out: list[Ints] = []
    start = 0
    while start < len(order):
        # Lengths rise, so the last row of a batch is its longest: grow until rows x longest is too much.
        end = min(start + most, len(order))
        longest = np.maximum(lengths[order[start:end]], 1)
        fits = np.flatnonzero(longest * np.arange(1, end - start + 1) <= tokens)
        end = start + max(int(fits[-1]) + 1 if len(fits) else 1, 1)
        out.append(order[start:end])
        start = end
    return out
