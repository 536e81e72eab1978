"""A small multi-layer perceptron over a table row with numeric embeddings (Gorishniy et al. 2022, §3.2).

Each number passes a few learned ramps of its own before the shared layers: a network of plain scaled numbers learns
smooth functions only, and tables are full of steps.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.table.encode import TableInput
from limbeck.networks.base import Network
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "mlp"``."""

    embedding: int = Field(default=8, ge=1, le=64, description="ramps of each number, and width of a category")
    hidden: int = Field(default=64, ge=2, le=1024)
    layers: int = Field(default=2, ge=1, le=6)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Mlp(Network):
    """Ramps of numbers, flags of what is missing, vectors of categories, then hidden layers."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"hidden": 8, "embedding": 2}
    encoders = ("table",)
    fixed = ("numbers", "missing", "categories")

    def __init__(self, options: Any, encoder: TableInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        numbers, width = encoder.size, options.embedding
        # An array without columns is no input of the exported graph either.
        self.arrays = ("numbers", "missing") * bool(numbers) + ("categories",) * bool(encoder.categorical)
        self.slopes = nn.Parameter(torch.randn(numbers, width))
        self.shifts = nn.Parameter(torch.randn(numbers, width))
        # Ones that repeat each number for its ramps. Exact, and the exported graph takes two thirds of the time that it
        # takes with products of [B, F, 1] and [F, width], which onnxruntime goes through in steps of a few numbers.
        self.register_buffer("spread", torch.eye(numbers).repeat_interleave(width, dim=1), persistent=False)
        self.tables = nn.ModuleList(nn.Embedding(encoder.settings.categories + 1, width) for _ in encoder.categorical)
        inside = numbers * (width + 2) + width * len(self.tables)
        layers: list[nn.Module] = []
        for _ in range(options.layers):
            layers += [nn.Linear(inside, options.hidden), nn.ReLU(), nn.Dropout(options.dropout)]
            inside = options.hidden
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(inside, classes)

    def features(self, *arrays: Tensor) -> Tensor:
        """Map numbers and missing float [B, F] and categories int64 [B, G] to features float [B, hidden]."""
        given = dict(zip(self.arrays, arrays, strict=True))
        parts = []
        if "numbers" in given:
            numbers, missing = given["numbers"], given["missing"]
            with torch.autocast(numbers.device.type, enabled=False):  # half precision would round what is repeated
                ramps = torch.relu((numbers @ self.spread) * self.slopes.flatten() + self.shifts.flatten())
                parts += [ramps * ((1.0 - missing) @ self.spread), numbers, missing]
        parts += [table(given["categories"][:, at]) for at, table in enumerate(self.tables)]
        return self.body(torch.cat(parts, dim=1))
