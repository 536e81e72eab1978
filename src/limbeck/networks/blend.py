"""Several small networks that answer together: a weighted mean of their calibrated log-probabilities.

The logarithmic opinion pool (Genest and Zidek 1986, section 3) of networks that read the same encoded rows. Its members
are trained one by one, see `limbeck.training.blend`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.base import Network
from limbeck.recipe import Section

NAME = "blend"


class Member(Section):
    """A member of a blend: its weight, and the keys by which its recipe differs from that of the blend."""

    name: str = Field(min_length=1)
    weight: float = Field(gt=0, le=1)
    student: dict[str, Any]
    objective: dict[str, Any] = Field(default={})
    training: dict[str, Any] = Field(default={})


class Options(Section):
    """Keys of ``[student]`` for ``network = "blend"``."""

    members: list[Member] = Field(min_length=2, max_length=16, description="networks that read the same input")


class Blend(Network):
    """Members side by side, each with its temperature."""

    Options = Options
    encoders = ("table", "ngrams", "signal", "image", "characters", "words", "wordpiece")
    temperatures: Tensor
    weights: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        from limbeck.networks import NETWORKS  # which lists this class too

        made = []
        for member in options.members:
            kind = NETWORKS[member.student["network"]]
            own = {key: value for key, value in member.student.items() if key not in ("network", "init")}
            made.append(kind(kind.parse(own), encoder, classes))
        self.head = nn.Identity()
        self.take_over(made, [1.0] * len(made))

    def take_over(self, members: Sequence[Network], temperatures: Sequence[float]) -> None:
        """Answer with these networks, whose logits are divided by the temperatures."""
        weights = torch.tensor([one.weight for one in self.options.members], dtype=torch.float32)
        self.members = nn.ModuleList(members)
        self.register_buffer("temperatures", torch.tensor(temperatures, dtype=torch.float32))
        self.register_buffer("weights", weights / weights.sum())
        self.arrays = tuple(dict.fromkeys(name for one in members for name in one.arrays))
        self.fixed = tuple(dict.fromkeys(name for one in members for name in one.fixed))
        self.operators = {domain: version for one in members for domain, version in one.operators.items()}

    def features(self, *arrays: Tensor) -> Tensor:
        """Return the weighted log-probabilities of the members, float [B, C]."""
        given = dict(zip(self.arrays, arrays, strict=True))
        told = [
            torch.log_softmax(one(*(given[name] for name in one.arrays)) / self.temperatures[at], dim=1)
            * self.weights[at]
            for at, one in enumerate(self.members)
        ]
        return torch.stack(told).sum(dim=0)
