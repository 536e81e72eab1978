"""What every student is: a module that turns a batch of arrays into pooled features and logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.networks.units import Units
from limbeck.recipe import Section


class Network(nn.Module):
    """Base of all students.

    A subclass sets ``Options`` (its own keys of ``[student]``), ``arrays`` (the batch arrays it takes, in the
    order of its ``features`` arguments) and ``encoders`` (those it can read), and implements ``features``.
    ``self.head`` maps features to logits, so that objectives can reach both.
    """

    Options: ClassVar[type[Section]] = Section
    arrays: tuple[str, ...] = ("ids", "lengths")
    encoders: ClassVar[tuple[str, ...]] = ("characters", "words", "wordpiece")
    bf16_pays: bool = False
    threads: int = 1  # torch threads that pay on a CPU; small layers lose more to the hand-over than they win; 0 is all
    head: nn.Module
    fixed: tuple[str, ...] = ()  # arrays [B, F] whose width is not the length of a text
    operators: dict[str, int] = {}  # noqa: RUF012 - replaced, never changed: sets of operators beside ONNX's own, with their versions
    halves: ClassVar[Mapping[str, float]] = {}  # options that a smaller variant halves -> the least value of each
    training_arrays: tuple[str, ...] | None = None  # where training takes other arrays than answering

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__()
        self.options = options

    @classmethod
    def parse(cls, raw: dict[str, Any], where: str = "student") -> Any:
        """Check the network's own keys of the table ``where``; unknown ones are errors with the nearest known."""
        try:
            return cls.Options.model_validate(raw)
        except ValidationError as error:
            first = error.errors()[0]
            key = str(first["loc"][0]) if first["loc"] else ""
            if first["type"] == "extra_forbidden":
                shared = ["network", "init", "wide", "spectrum"] if where == "student" else []
                hint = did_you_mean(key, [*cls.Options.model_fields, *shared])
                raise LimbeckError(f"unknown key '{where}.{key}'", where="recipe", fix=hint) from error
            message = first["msg"].removeprefix("Value error, ")
            raise LimbeckError(f"{where}.{key}: {message} (given: {first['input']!r})", where="recipe") from error

    @classmethod
    def smaller(cls, options: Any) -> dict[str, Any]:
        """Return the options by which a network of half the width differs; empty where it would be too small."""
        found: dict[str, Any] = {}
        for name, least in cls.halves.items():
            value = getattr(options, name)
            halved = [_half(one) for one in value] if isinstance(value, tuple) else _half(value)
            if (min(halved) if isinstance(halved, list) else halved) >= least:
                found[name] = halved
        return found

    def prunable_units(self) -> list[Units]:
        """Return the groups of units that can be cut out, in a network that can be pruned."""
        return []

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace the layers by new ones that have so many units of each group; `load_state_dict` fills them."""
        raise LimbeckError(f"{type(self).__name__} cannot be pruned")

    def features(self, *arrays: Tensor) -> Tensor:
        """Return pooled features, float [B, F]."""
        raise LimbeckError(f"{type(self).__name__} has no features")

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return logits, float [B, C]."""
        return self.head(self.features(*arrays))

    @property
    def width(self) -> int:
        """Width F of the pooled features; 0 where they are the logits themselves."""
        return int(getattr(self.head, "in_features", 0))

    def load_start(self, source: str, encoder: Any) -> str:
        """Start from given weights; returns a line that says what was taken."""
        raise LimbeckError(f"the network {type(self).__name__.lower()!r} cannot start from weights", where=source)

    def start_from(self, weights: dict[str, Tensor]) -> None:
        """Begin from the finished weights of a network of the same shape, once `fit_start` has read the rows."""
        self.load_state_dict(weights)

    def fit_start(self, rows: Any) -> None:
        """Read what the network wants to know of the training rows before the first step (nothing, as a rule)."""

    def independent(self) -> None:
        """Give every class a logit of its own before training: labels that do not exclude each other (most have)."""

    def fold(self) -> None:
        """Merge what only training needs into the weights, once, before evaluation and export."""

    def groups(self, rate: float, decay: float) -> list[dict[str, Any]]:
        """Return the optimizer's parameter groups: no weight decay on biases, norms and embeddings."""
        tables = {id(m.weight) for m in self.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
        plain = [p for p in self.parameters() if p.requires_grad and (p.ndim < 2 or id(p) in tables)]
        decayed = [p for p in self.parameters() if p.requires_grad and p.ndim >= 2 and id(p) not in tables]
        return [
            {"params": decayed, "lr": rate, "weight_decay": decay},
            {"params": plain, "lr": rate, "weight_decay": 0.0},
        ]


def _half(value: float) -> float:
    """Return half of a width, of a whole number an even one."""
    return value / 2 if isinstance(value, float) else value // 4 * 2


def mask_of(ids: Tensor, lengths: Tensor) -> Tensor:
    """Return a boolean mask [B, L], true where a token stands."""
    return torch.arange(ids.shape[1], device=ids.device)[None, :] < lengths[:, None]


class AttentionPool(nn.Module):
    """Additive attention over time with one learned query (Yang et al. 2016, eq. 5-7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width)
        self.query = nn.Linear(width, 1, bias=False)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Pool states [B, L, F] into [B, F]; masked places get no weight."""
        scores = self.query(torch.tanh(self.project(states))).squeeze(-1)
        weights = torch.softmax(scores.masked_fill(~mask, -1e4), dim=1)
        return torch.einsum("bl,blf->bf", weights, states)
