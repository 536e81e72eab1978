"""An autoencoder of table rows: what a narrow middle cannot rebuild is strange (Hawkins et al., DaWaK 2002)."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.encode import TableInput
from limbeck.networks.anomaly.detector import Detector
from limbeck.recipe import Section

_FAR = 5.0  # quartiles from the median: numbers beyond count as that far, or one cell would be all of the loss


class Options(Section):
    """Keys of ``[student]`` for ``network = "autoencoder"``."""

    hidden: int = Field(default=64, ge=2, le=1024)
    middle: int = Field(default=4, ge=1, le=256, description="width of the narrow middle")
    embedding: int = Field(default=8, ge=1, le=64, description="width of a category")


class Autoencoder(Detector):
    """Numbers, flags of what is missing, and categories through a narrow middle and back."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"hidden": 8}
    encoders = ("anomaly-table",)

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        numbers, buckets = encoder.size, encoder.settings.categories + 1
        self.arrays = ("numbers", "missing") * bool(numbers) + ("categories",) * bool(encoder.categorical)
        self.tables = nn.ModuleList(nn.Embedding(buckets, options.embedding) for _ in encoder.categorical)
        inside = 2 * numbers + options.embedding * len(self.tables)
        self.down = nn.Sequential(
            nn.Linear(inside, options.hidden), nn.ReLU(), nn.Linear(options.hidden, options.middle)
        )
        self.up = nn.Sequential(nn.Linear(options.middle, options.hidden), nn.ReLU())
        self.numbers = nn.Linear(options.hidden, 2 * numbers)
        self.categories = nn.ModuleList(nn.Linear(options.hidden, buckets) for _ in encoder.categorical)

    def errors(self, *arrays: Tensor) -> Tensor:
        """Return how badly each row is rebuilt, float [B]: squared error of numbers plus log losses, by column."""
        given = dict(zip(self.arrays, arrays, strict=True))
        parts = []
        if "numbers" in given:
            numbers, missing = given["numbers"].clamp(-_FAR, _FAR), given["missing"]
            parts += [numbers, missing]
        parts += [table(given["categories"][:, at]) for at, table in enumerate(self.tables)]
        state = self.up(self.down(torch.cat(parts, dim=1)))
        found = []
        if "numbers" in given:
            rebuilt, gone = self.numbers(state).chunk(2, dim=1)
            found += [(rebuilt - numbers).square() * (1.0 - missing), _log_loss(gone, missing)]
        for at, layer in enumerate(self.categories):
            logs = torch.log_softmax(layer(state), dim=1)
            found.append(-logs.gather(1, given["categories"][:, at : at + 1]))
        return torch.cat(found, dim=1).mean(dim=1)

    def statistics(self, *arrays: Tensor) -> Tensor:
        """Return `errors` as the one statistic, float [B, 1]."""
        return self.errors(*arrays)[:, None]


def _log_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Return the binary cross-entropy of each cell, in a form that every graph can hold."""
    return nn.functional.softplus(-logits.abs()) + logits.clamp(min=0.0) - logits * truth
