"""Units of a network that can be cut out as a whole: hidden units, channels, attention heads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """Where units stand in one dimension of a weight: unit k takes ``size`` places from ``offset + k * size`` on.

    Attributes
    ----------
    name
        Of the weight in the state of the network.
    offsets
        One for each time that the units stand there: a GRU has three gates in one matrix.
    makes
        Whether these numbers compute the unit; others read it.
    """

    name: str
    dim: int = 0
    offsets: tuple[int, ...] = (0,)
    size: int = 1
    makes: bool = False

    def places(self, units: Tensor) -> Tensor:
        """Return the places of units int64 [K], int64 [offsets, K, size]."""
        starts = torch.tensor(self.offsets)[:, None, None] + units[None, :, None] * self.size
        return starts + torch.arange(self.size)


@dataclass(frozen=True)
class Units:
    """A group of ``count`` units that are weighed against each other."""

    name: str
    count: int
    parts: tuple[Part, ...]

    def kept(self, share: float) -> int:
        """Return how many units are left when a share of them is cut out, at least one."""
        return max(1, round(self.count * (1.0 - share)))


def made_by(*names: str, offsets: tuple[int, ...] = (0,), size: int = 1) -> Iterator[Part]:
    """Yield a part for the rows of each weight that compute a unit."""
    for name in names:
        yield Part(name, 0, offsets, size, makes=True)


def without(state: Mapping[str, Tensor], groups: Sequence[Units], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of a network without the units that are not ``kept``: name of a group -> int64 [K]."""
    gone: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        lost = torch.ones(group.count, dtype=torch.bool)
        lost[kept[group.name]] = False
        for part in group.parts:
            mask = gone.setdefault((part.name, part.dim), torch.zeros(state[part.name].shape[part.dim], dtype=bool))
            mask[part.places(torch.nonzero(lost)[:, 0]).flatten()] = True
    cut = dict(state)
    for (name, dim), mask in gone.items():
        places = torch.nonzero(~mask)[:, 0].to(cut[name].device)
        cut[name] = cut[name].index_select(dim, places).clone()
    return cut
