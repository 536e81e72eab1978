"""A linear model of a table row: scaled numbers, what is missing, and a flag for each frequent category.

It is solved at once, as a logistic regression: see `limbeck.training.fit.linear_solvers`.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.dense import Dense
from limbeck.kinds.table.encode import TableInput
from limbeck.networks.base import Network
from limbeck.networks.table.columns import Flags, arrays_of, by_name, scaled_once
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "linear"``."""

    penalty: float = Field(default=0.0, ge=0, description="1 / C of the L2 penalty; 0: chosen by cross-validation")


class Linear(Network):
    """Numbers, what is missing, and flags of categories, each standardised, to logits."""

    Options = Options
    encoders = ("table",)
    fixed = ("numbers", "missing", "categories")
    head: nn.Linear
    once: Tensor
    centre: Tensor
    scale: Tensor

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.arrays = arrays_of(encoder)
        self.classes = classes
        self.register_buffer("once", scaled_once(encoder))
        self._sized(0)

    def _sized(self, flags: int) -> None:
        self.flags = Flags(flags)
        width = 2 * len(self.once) + flags
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        with warnings.catch_warnings():
            # A table of categories alone has no feature before they are counted, and torch warns of weights of no size.
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")
            self.head = nn.Linear(width, self.classes)

    def fit_start(self, rows: Dense) -> None:
        """Read frequent categories, means and spreads off the training rows; a feature that never varies is dropped."""
        found = Flags(0)
        found.fit(rows)
        self._sized(len(found.code))
        self.flags.column, self.flags.code = found.column, found.code
        given = rows.pad(torch.arange(len(rows)).numpy())
        plain = self._columns(*(torch.from_numpy(given[name]) for name in self.arrays)).double()
        spread = plain.std(dim=0, unbiased=False)
        self.centre.copy_(plain.mean(dim=0))
        self.scale.copy_(torch.where(spread > 1e-9, 1.0 / spread.clamp_min(1e-9), 0.0))

    def _columns(self, *arrays: Tensor) -> Tensor:
        given = by_name(self.arrays, arrays)
        parts = [given[name][:, self.once] for name in ("numbers", "missing") if name in given]
        if "categories" in given:
            parts.append(self.flags(given["categories"]))
        return torch.cat(parts, dim=1)

    def features(self, *arrays: Tensor) -> Tensor:
        """Return standardised features float [B, F] of numbers and missing float and categories int64."""
        return (self._columns(*arrays) - self.centre) * self.scale
