"""Convolutions of several widths with maximum pooling over time (Kim 2014)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.text.encode import TextInput
from limbeck.networks.base import Network, mask_of
from limbeck.networks.text.embedding import TokenEmbedding
from limbeck.networks.units import Part, Units, made_by
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "textcnn"``."""

    embedding: int = Field(default=200, ge=4, le=1024)
    bigrams: int = Field(default=0, ge=0, le=2**20, description="hash buckets of a vector for each pair of tokens")
    widths: tuple[int, ...] = (1, 2, 3, 4)
    filters: int = Field(default=100, ge=1, le=1024)
    token_dropout: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.5, ge=0, lt=1)


class TextCnn(Network):
    """Embedding, parallel convolutions, the maximum of each filter over time."""

    Options = Options
    head: nn.Linear
    halves: ClassVar[dict[str, float]] = {"filters": 8, "embedding": 8}

    def __init__(self, options: Any, encoder: TextInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.embedding = TokenEmbedding(encoder.size, options.embedding, options.token_dropout, options.bigrams)
        self.widest = max(options.widths)
        self.dropout = nn.Dropout(options.dropout)
        self._build(options, classes)

    def _build(self, options: Any, classes: int) -> None:
        self.convolutions = nn.ModuleList(
            nn.Conv1d(self.embedding.width, options.filters, width) for width in options.widths
        )
        self.head = nn.Linear(options.filters * len(options.widths), classes)

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Pool ids int64 [B, L] with lengths int64 [B] into features float [B, filters * len(widths)]."""
        vectors = self.embedding(ids) * mask_of(ids, lengths).unsqueeze(-1)
        # Zeros after the last token let every filter slide off the end. How far it may slide must not depend on
        # the padding of the batch, so that a row gets the same answer in any batch: windows count up to there.
        vectors = nn.functional.pad(vectors.transpose(1, 2), (0, self.widest - 1))
        tops = []
        for convolution in self.convolutions:
            windows = convolution(vectors)[:, :, : ids.shape[1]]
            starts = torch.arange(windows.shape[2], device=ids.device)[None, :] < lengths.clamp(min=1)[:, None]
            tops.append(windows.masked_fill(~starts.unsqueeze(1), -1e4).amax(dim=2))
        return self.dropout(torch.relu(torch.cat(tops, dim=1)))

    def prunable_units(self) -> list[Units]:
        """Return the filters of each width."""
        found, count = [], self.options.filters
        for at in range(len(self.options.widths)):
            made = made_by(f"convolutions.{at}.weight", f"convolutions.{at}.bias")
            found.append(Units(f"filters {at}", count, (*made, Part("head.weight", 1, (at * count,)))))
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace the convolutions and the head by narrower ones."""
        self.options = self.options.model_copy(update={"filters": kept["filters 0"]})
        self._build(self.options, self.head.out_features)

    def load_start(self, source: str, encoder: TextInput) -> str:
        """Start the embedding from pre-trained vectors."""
        return self.embedding.load(Path(source), encoder)
