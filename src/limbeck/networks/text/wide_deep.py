"""Wide and deep (Cheng et al. 2016): a linear n-gram model, and any network that learns what it misses.

The wide branch is fitted first, alone, and stays as it is; see `limbeck.training.fit.wide_branch`. In training the
network is given the wide logits of rows that the wide branch had not seen, so it learns to correct real mistakes, not
to agree with a memory. The student answers with the sum of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.networks.base import Network
from limbeck.networks.text.ngram import Ngram, Options
from limbeck.networks.units import Units


class WideNetwork(Network):
    """A deep network and a frozen linear one side by side."""

    def __init__(self, deep: Network, encoder: TextInput, classes: int, idf: float) -> None:
        super().__init__(deep.options, encoder, classes)
        assert encoder.wide is not None
        self.deep = deep
        self.wide = Ngram(Options(idf=idf), TextInput(encoder.settings, encoder.wide), classes)
        for weight in self.wide.parameters():
            weight.requires_grad_(False)
        self.head = deep.head
        # The classes' attributes of the deep network, for this pair.
        self.arrays = (*deep.arrays, "wide_ids", "wide_weights")
        self.training_arrays = (*deep.arrays, "offset")
        self.bf16_pays, self.threads = deep.bf16_pays, deep.threads

    def features(self, *arrays: Tensor) -> Tensor:
        """Return the deep network's pooled features."""
        return self.deep.features(*arrays[: len(self.deep.arrays)])

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return logits: the deep ones, and the wide ones or, in training, the offset given for them."""
        own = len(self.deep.arrays)
        logits = self.deep(*arrays[:own])
        return logits + (arrays[own] if self.training else self.wide(*arrays[own:]))

    def prunable_units(self) -> list[Units]:
        """Return the units of the deep network, whose head stands twice among the weights."""
        found = []
        for group in self.deep.prunable_units():
            deep = [replace(part, name=f"deep.{part.name}") for part in group.parts]
            again = [replace(part, makes=False) for part in group.parts if part.name.startswith("head.")]
            found.append(replace(group, parts=(*deep, *again)))
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Narrow the deep network."""
        self.deep.keep_units(kept)
        self.head, self.options = self.deep.head, self.deep.options

    def load_start(self, source: str, encoder: TextInput) -> str:
        """Start the deep network from given weights."""
        return self.deep.load_start(source, encoder)

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin from the weights of the deep network; the wide one is fitted on these rows already."""
        self.deep.start_from({name[5:]: value for name, value in weights.items() if name.startswith("deep.")})

    def fit_start(self, rows: Ragged) -> None:
        """Let the deep network read the training rows; the wide one has."""
        self.deep.fit_start(rows)

    def fold(self) -> None:
        """Fold the deep network; the wide one was folded when it was fitted."""
        self.deep.fold()

    def groups(self, rate: float, decay: float) -> list[dict[str, Any]]:
        """Return the deep network's groups: the wide one does not train."""
        return self.deep.groups(rate, decay)

    @torch.no_grad()
    def set_wide(self, weights: Tensor, bias: Tensor) -> None:
        """Take over a fitted linear model: weights float [buckets + 1, 1 or C] and bias float [1 or C]."""
        self.wide.table.weight.copy_(weights)
        self.wide.bias.copy_(bias)
        self.wide.fold()
