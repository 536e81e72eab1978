"""Nearest neighbour on the series themselves: the class of the training window with the highest correlation.

On series that are centred and scaled, the nearest by correlation is the nearest by Euclidean distance, the oldest
baseline of the UCR archive (Dau et al. 2019). Nothing is trained.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor

from limbeck.networks.base import Network
from limbeck.networks.signal.base import arrays_of
from limbeck.networks.signal.nearest_neighbor import Nearest
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "nearest"``."""

    bank: int = Field(default=1000, ge=2, le=100_000, description="rows that it remembers at most")


class NearestSeries(Network):
    """Centred windows, compared with those of the training rows; rhythm and features are not looked at."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"bank": 50}
    encoders = ("signal",)
    fixed = ("rhythm", "features")

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.arrays = arrays_of(encoder)
        self.head = Nearest(encoder.channels * encoder.shape[1], classes)

    def features(self, beats: Tensor, *beside: Tensor) -> Tensor:
        """Return windows float [B, C, T] less the mean of each channel, float [B, C T]."""
        return (beats - beats.mean(dim=2, keepdim=True)).flatten(1)
