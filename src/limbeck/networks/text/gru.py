"""A bidirectional GRU over characters or words with attention pooling (Cho et al. 2014; Yang et al. 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from limbeck.kinds.text.encode import TextInput
from limbeck.networks.base import AttentionPool, Network, mask_of
from limbeck.networks.text.embedding import TokenEmbedding
from limbeck.networks.units import Part, Units, made_by
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "gru"``."""

    embedding: int = Field(default=200, ge=4, le=1024)
    bigrams: int = Field(default=0, ge=0, le=2**20, description="hash buckets of a vector for each pair of tokens")
    hidden: int = Field(default=128, ge=4, le=1024)
    layers: int = Field(default=1, ge=1, le=4)
    token_dropout: float = Field(default=0.1, ge=0, lt=1)
    dropout: float = Field(default=0.3, ge=0, lt=1)


class Gru(Network):
    """Embedding, bidirectional GRU, then attention and maximum pooling side by side."""

    Options = Options
    head: nn.Linear
    halves: ClassVar[dict[str, float]] = {"hidden": 8, "embedding": 8}

    def __init__(self, options: Any, encoder: TextInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.embedding = TokenEmbedding(encoder.size, options.embedding, options.token_dropout, options.bigrams)
        self.dropout = nn.Dropout(options.dropout)
        self._build(options, classes)

    def _build(self, options: Any, classes: int) -> None:
        self.gru = nn.GRU(
            self.embedding.width,
            options.hidden,
            options.layers,
            batch_first=True,
            bidirectional=True,
            dropout=options.dropout if options.layers > 1 else 0.0,
        )
        self.pool = AttentionPool(2 * options.hidden)
        self.head = nn.Linear(4 * options.hidden, classes)

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Pool ids int64 [B, L] with lengths int64 [B] into features float [B, 4 * hidden]."""
        # An empty row counts as one padding token: a recurrent layer needs at least one step.
        lengths = lengths.clamp(min=1)
        vectors = self.dropout(self.embedding(ids))
        # Packed, so that the backward direction starts at the last real token whatever the padding.
        packed = pack_padded_sequence(vectors, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=ids.shape[1])
        mask = mask_of(ids, lengths)
        top = states.masked_fill(~mask.unsqueeze(-1), -1e4).amax(dim=1)
        return self.dropout(torch.cat((self.pool(states, mask), top), dim=1))

    def prunable_units(self) -> list[Units]:
        """Return the hidden units of each layer and direction, and those of the attention in two halves."""
        width, layers, found = self.options.hidden, self.options.layers, []
        gates = (0, width, 2 * width)
        for layer in range(layers):
            for way, name in enumerate((f"l{layer}", f"l{layer}_reverse")):
                weights = [f"gru.{kind}_{name}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
                parts = [*made_by(*weights, offsets=gates), Part(f"gru.weight_hh_{name}", 1)]
                if layer + 1 < layers:
                    above = (f"l{layer + 1}", f"l{layer + 1}_reverse")
                    parts += [Part(f"gru.weight_ih_{one}", 1, (way * width,)) for one in above]
                else:
                    parts.append(Part("pool.project.weight", 1, (way * width,)))
                    parts.append(Part("head.weight", 1, (way * width, (2 + way) * width)))
                found.append(Units(name, width, tuple(parts)))
        for half in range(2):
            place = (half * width,)
            parts = [*made_by("pool.project.weight", "pool.project.bias", offsets=place)]
            found.append(Units(f"attention {half}", width, (*parts, Part("pool.query.weight", 1, place))))
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace the recurrent layers, the attention and the head by narrower ones."""
        self.options = self.options.model_copy(update={"hidden": kept["l0"]})
        self._build(self.options, self.head.out_features)

    def load_start(self, source: str, encoder: TextInput) -> str:
        """Start the embedding from pre-trained vectors."""
        return self.embedding.load(Path(source), encoder)
