"""ALBERT (Lan et al. 2020): fine-tuned from a Hugging Face directory or id, or built small from scratch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError, first_line
from limbeck.files import need_regular
from limbeck.hugging_face import misfit, quiet
from limbeck.kinds.text.encode import TextInput
from limbeck.networks.base import AttentionPool, Network, mask_of
from limbeck.networks.units import Part, Units, made_by
from limbeck.recipe import Section

_LINEAR = ("weight", "bias")


class Options(Section):
    """Keys of ``[student]`` for ``network = "albert"``; the sizes count only when it starts from scratch."""

    embedding: int = Field(default=128, ge=4, le=1024)
    hidden: int = Field(default=312, ge=4, le=4096)
    layers: int = Field(default=4, ge=1, le=48)
    heads: int = Field(default=12, ge=1, le=64)
    intermediate: int = Field(default=1248, ge=4, le=16384)
    pooling: Literal["first", "mean", "attention"] = "first"
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Albert(Network):
    """The ALBERT encoder with first-token, mean or attention pooling.

    First-token pooling keeps the published head (a dense layer and tanh over the first token), so that a
    fine-tuned `AlbertForSequenceClassification` keeps its answers.
    """

    Options = Options
    encoders = ("wordpiece",)
    bf16_pays = True
    threads = 0

    def __init__(self, options: Any, encoder: TextInput, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.albert = self._fresh(options, encoder)
        width = self.albert.config.hidden_size
        self.pool = AttentionPool(width) if options.pooling == "attention" else None
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(width, classes)

    @staticmethod
    def _fresh(options: Any, encoder: TextInput) -> nn.Module:
        from transformers import AlbertConfig, AlbertModel

        if options.hidden % options.heads:
            what = f"student.hidden = {options.hidden} cannot be shared by student.heads = {options.heads}"
            raise LimbeckError(what, where="recipe", fix="choose a multiple")

        config = AlbertConfig(
            vocab_size=encoder.size,
            embedding_size=options.embedding,
            hidden_size=options.hidden,
            num_hidden_layers=options.layers,
            num_attention_heads=options.heads,
            intermediate_size=options.intermediate,
            max_position_embeddings=max(512, encoder.settings.max_length),
            hidden_dropout_prob=options.dropout,
            attention_probs_dropout_prob=options.dropout,
            pad_token_id=encoder.pad,
            # Eager attention trained 3 times faster than the fused kernel in bf16 on a CPU.
            attn_implementation="eager",
        )
        return AlbertModel(config)

    def tokens(self, ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last hidden states float [B, L, hidden] and the mask bool [B, L] of real tokens."""
        mask = mask_of(ids, lengths.clamp(min=1))
        # A float mask [B, 1, 1, L] goes straight to the encoder, past the mask factory, which cannot be traced.
        bias = torch.zeros(mask.shape, dtype=torch.float32, device=ids.device).masked_fill(~mask, -1e4)
        states = self.albert.encoder(self.albert.embeddings(ids), attention_mask=bias[:, None, None, :])
        return states.last_hidden_state, mask

    def features(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Pool ids int64 [B, L] with lengths int64 [B] into features float [B, hidden]."""
        states, mask = self.tokens(ids, lengths)
        if self.pool is not None:
            pooled = self.pool(states, mask)
        elif self.options.pooling == "mean":
            pooled = (states * mask.unsqueeze(-1)).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        else:
            pooled = self.albert.pooler_activation(self.albert.pooler(states[:, 0]))
        return self.dropout(pooled)

    def prunable_units(self) -> list[Units]:
        """Return the attention heads and the feed-forward units of each set of shared layers."""
        found, config = [], self.albert.config
        size = config.hidden_size // config.num_attention_heads
        for name, layer in self._layers():
            made = [f"{name}.attention.{part}.{kind}" for part in ("query", "key", "value") for kind in _LINEAR]
            heads = layer.attention.query.out_features // size
            parts = (*made_by(*made, size=size), Part(f"{name}.attention.dense.weight", 1, size=size))
            found.append(Units(f"{name} heads", heads, parts))
            wide = (*made_by(f"{name}.ffn.weight", f"{name}.ffn.bias"), Part(f"{name}.ffn_output.weight", 1))
            found.append(Units(f"{name} feed-forward", layer.ffn.out_features, wide))
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace the layers of attention and feed-forward by narrower ones."""
        config = self.albert.config
        size = config.hidden_size // config.num_attention_heads
        for name, layer in self._layers():
            inside, wide = kept[f"{name} heads"] * size, kept[f"{name} feed-forward"]
            for part in ("query", "key", "value"):
                setattr(layer.attention, part, nn.Linear(config.hidden_size, inside))
            layer.attention.dense = nn.Linear(inside, config.hidden_size)
            layer.attention.num_attention_heads, layer.attention.all_head_size = kept[f"{name} heads"], inside
            layer.ffn = nn.Linear(config.hidden_size, wide)
            layer.ffn_output = nn.Linear(wide, config.hidden_size)

    def _layers(self) -> Iterator[tuple[str, Any]]:
        for at, group in enumerate(self.albert.encoder.albert_layer_groups):
            for number, layer in enumerate(group.albert_layers):
                yield f"albert.encoder.albert_layer_groups.{at}.albert_layers.{number}", layer

    def load_start(self, source: str, encoder: TextInput) -> str:
        """Start from a Hugging Face directory or id: the trunk, and the head where it has as many classes.

        The sizes are then those of the given model; a head of another shape starts at random.
        """
        from transformers import AlbertForSequenceClassification

        classes = self.head.out_features
        need_regular(Path(source))
        try:
            with quiet():  # it reports a fresh head as if something were wrong
                whole = AlbertForSequenceClassification.from_pretrained(
                    source,
                    num_labels=classes,
                    ignore_mismatched_sizes=True,
                    attn_implementation="eager",
                    dtype=torch.float32,
                    trust_remote_code=False,
                )
        except Exception as error:  # a missing file, a truncated one, no network: each has its own exception type
            reason = first_line(error)
            raise LimbeckError(f"no ALBERT can be loaded: {reason}", where=source) from error
        config = whole.config
        if what := misfit(encoder.size, 0, config.vocab_size):
            raise LimbeckError(what, where=source, fix="give the tokenizer that belongs to the model")
        if encoder.settings.max_length > config.max_position_embeddings:
            what = (
                f"input.max_length is {encoder.settings.max_length}, the model ends at {config.max_position_embeddings}"
            )
            raise LimbeckError(what, where=source, fix="lower input.max_length")
        self.albert, self.head = whole.albert, whole.classifier
        if self.pool is not None:
            self.pool = AttentionPool(config.hidden_size)
        return f"started from {source} ({sum(p.numel() for p in self.albert.parameters()):,} weights)"
