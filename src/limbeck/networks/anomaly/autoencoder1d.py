"""An autoencoder of signals: a window and its rhythm through a narrow middle, and what that cannot rebuild.

Thill et al. 2021 ("Temporal convolutional autoencoder for unsupervised anomaly detection in time series") score signals
so. Here the window's shape and its rhythm are rebuilt apart and scored apart: a premature beat of usual shape is
strange in its rhythm alone, which a mean over all numbers would drown.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.signal.encode import SignalInput
from limbeck.networks.anomaly.detector import Detector
from limbeck.networks.signal.base import Norm1d, halving
from limbeck.recipe import Section

_HALVINGS = 3
_LEAST = 1e-4  # of an error, before its logarithm: below that rows are rebuilt as well as can be told


class Options(Section):
    """Keys of ``[student]`` for ``network = "autoencoder1d"``."""

    width: int = Field(default=24, ge=2, le=512, description="maps of the first convolution; the others have twice")
    middle: int = Field(default=4, ge=1, le=512, description="width of the narrow middle of the window")
    branch: int = Field(default=1, ge=1, le=64, description="width of the narrow middle of rhythm, and of features")
    beside: float = Field(
        default=0.5, ge=0, le=1, description="part of rhythm and features in the score; the rest is the window's"
    )


class Autoencoder1d(Detector):
    """Three convolutions of stride 2 to a narrow middle and back; rhythm and features through one of their own."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"width": 4}
    encoders = ("anomaly-signal",)

    def __init__(self, options: Any, encoder: SignalInput, classes: int) -> None:
        rhythm, features = encoder.numbers
        self.widths = {name: count for name, count in (("rhythm", rhythm), ("features", features)) if count}
        self.beside_share = options.beside if self.widths else 0.0
        super().__init__(options, encoder, classes)
        self.arrays = ("beats", *self.widths)
        width, self.samples = options.width, encoder.shape[1]
        sizes = [self.samples]
        for _ in range(_HALVINGS):
            sizes.append((sizes[-1] + 1) // 2)
        self.sizes, self.wide = sizes, 2 * width
        down = (halving(encoder.channels, width, 7), halving(width, 2 * width, 5), halving(2 * width, 2 * width, 5))
        self.down = nn.Sequential(*down, nn.Flatten(), nn.Linear(2 * width * sizes[-1], options.middle))
        self.back = nn.Linear(options.middle, 2 * width * sizes[-1])
        self.up = nn.ModuleList((_same(2 * width, 2 * width), _same(2 * width, width)))
        self.last = nn.Conv1d(width, encoder.channels, 7, padding=3)
        self.beside = nn.ModuleDict({name: _narrow(count, options.branch) for name, count in self.widths.items()})

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights of the window, and of rhythm and features where the recipe has them."""
        each = self.beside_share / max(len(self.widths), 1)
        return (1.0 - self.beside_share, *(each for _ in self.widths))

    def rebuilt(self, beats: Tensor) -> Tensor:
        """Return windows float [B, C, T] as the narrow middle knows them, float [B, C, T]."""
        maps = torch.relu(self.back(self.down(beats))).unflatten(1, (self.wide, self.sizes[-1]))
        for at, layer in enumerate(self.up):
            maps = layer(nn.functional.interpolate(maps, size=self.sizes[-2 - at], mode="nearest"))
        return torch.as_tensor(self.last(nn.functional.interpolate(maps, size=self.samples, mode="nearest")))

    def parts(self, *arrays: Tensor) -> Tensor:
        """Return mean squared errors float [B, S] of the window, and of rhythm and features where there are any."""
        given = dict(zip(self.arrays, arrays, strict=True))
        beats = given["beats"]
        found = [(self.rebuilt(beats) - beats).square().mean(dim=(1, 2))]
        found += [(layer(given[name]) - given[name]).square().mean(dim=1) for name, layer in self.beside.items()]
        return torch.stack(found, dim=1)

    def errors(self, *arrays: Tensor) -> Tensor:
        """Return the loss of each row, float [B]: the sum of `parts`."""
        return self.parts(*arrays).sum(dim=1)

    def statistics(self, *arrays: Tensor) -> Tensor:
        """Return the logarithms of `parts`, float [B, S]: one very noisy part must not drown the other."""
        return torch.log(self.parts(*arrays) + _LEAST)


def _same(inside: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Conv1d(inside, width, 5, padding=2, bias=False), Norm1d(width), nn.ReLU())


def _narrow(numbers: int, middle: int) -> nn.Module:
    wide = 4 * middle
    down = (nn.Linear(numbers, wide), nn.ReLU(), nn.Linear(wide, middle))
    return nn.Sequential(*down, nn.Linear(middle, wide), nn.ReLU(), nn.Linear(wide, numbers))
