"""A table row as one vector of numbers, for networks that take nothing else: trees and linear models."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput

MOST_CODES = 32  # flags of a column of categories at most: those of its most frequent values


class Flags(nn.Module):
    """One flag for each frequent value of each column of categories.

    Attributes
    ----------
    column, code
        int64 [K], which column and which of its hashed values each flag is about.
    """

    column: Tensor
    code: Tensor

    def __init__(self, count: int) -> None:
        super().__init__()
        self.register_buffer("column", torch.zeros(count, dtype=torch.int64))
        self.register_buffer("code", torch.zeros(count, dtype=torch.int64))

    def fit(self, rows: Dense) -> None:
        """Take the most frequent values of N encoded rows; what one row alone has is left out where it can be."""
        pairs = [
            (at, int(code))
            for at in range(rows.categories.shape[1])
            for code in _frequent(torch.from_numpy(rows.categories[:, at]))
        ]
        self.column = torch.tensor([at for at, _ in pairs], dtype=torch.int64)
        self.code = torch.tensor([code for _, code in pairs], dtype=torch.int64)

    def forward(self, categories: Tensor) -> Tensor:
        """Return flags float [B, K] of categories int64 [B, G]."""
        return (categories[:, self.column] == self.code).to(torch.float32)


def _frequent(codes: Tensor) -> list[int]:
    values, counts = torch.unique(codes[codes > 0], return_counts=True)
    order = torch.argsort(counts, descending=True, stable=True)[:MOST_CODES]
    often = [int(values[at]) for at in order if counts[at] > 1]
    return sorted(often or [int(values[at]) for at in order])


def arrays_of(encoder: TableInput) -> tuple[str, ...]:
    """Return the names of a batch's arrays; one without columns is no input of the exported graph."""
    return ("numbers", "missing") * bool(encoder.size) + ("categories",) * bool(encoder.categorical)


def scaled_once(encoder: TableInput) -> Tensor:
    """Return the places int64 [F] of numbers that are scaled by median and quartiles, or at all in one way only.

    With ``input.scaling = "both"`` each number comes twice; what splits at a threshold or is linear needs it once.
    """
    names = [column.name for column in encoder.numeric]
    once = [
        at for at, column in enumerate(encoder.numeric)
        if not (column.knots and at and names[at - 1] == column.name and column.kind in ("number", "date"))
    ]  # fmt: skip
    return torch.tensor(once, dtype=torch.int64)


def by_name(names: Sequence[str], arrays: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return the arrays of a batch by their names."""
    return dict(zip(names, arrays, strict=True))
