"""Convolutions that find waves, and an LSTM that reads their order (Oh et al. 2018; Hochreiter and Schmidhuber 1997).

Three convolutions halve the time each, so that the LSTM, which goes step by step, has an eighth of the samples to read.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.signal.base import SignalNetwork, SignalOptions, halving, mean_and_max


class Options(SignalOptions):
    """Keys of ``[student]`` for ``network = "cnn-lstm"``."""

    width: int = Field(default=32, ge=4, le=512, description="maps of the first two convolutions; the third has twice")
    hidden: int = Field(default=48, ge=4, le=512, description="width of the LSTM, each way")


class CnnLstm(SignalNetwork):
    """Convolutions of 7, 5 and 5 samples and stride 2, a bidirectional LSTM, mean and maximum over time."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"width": 8, "hidden": 8}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        width = options.width
        self.conv1 = halving(self.inside, width, 7)
        self.conv2 = halving(width, width, 5)
        self.conv3 = halving(width, 2 * width, 5)
        self.lstm = nn.LSTM(2 * width, options.hidden, batch_first=True, bidirectional=True)
        self.join(4 * options.hidden, classes)

    def pooled(self, beats: Tensor) -> Tensor:
        """Map windows float [B, C, T] to mean and maximum of the LSTM's states, float [B, 4 hidden]."""
        maps = self.conv3(self.conv2(self.conv1(beats)))
        states, _ = self.lstm(maps.transpose(1, 2))
        return mean_and_max(states.transpose(1, 2))

    @property
    def layers(self) -> list[nn.Module]:
        """The three convolutions and the LSTM."""
        return [self.conv1, self.conv2, self.conv3, self.lstm]
