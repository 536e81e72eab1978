"""Residual blocks over time (He et al. 2016; for ECG Hannun et al. 2019): slower, and a teacher."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.signal.base import Norm1d, SignalNetwork, SignalOptions, mean_and_max


class Options(SignalOptions):
    """Keys of ``[student]`` for ``network = "resnet1d"``."""

    width: int = Field(default=48, ge=4, le=512, description="maps of the first blocks; later ones have 2 and 4 times")
    blocks: int = Field(default=2, ge=1, le=8, description="residual blocks of each of the three stages")
    size: int = Field(default=7, ge=3, le=31, description="samples of a convolution, odd")


class Block(nn.Module):
    """Two convolutions over time, and what came in added (He et al. 2016, figure 5, left)."""

    def __init__(self, inside: int, width: int, size: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(inside, width, size, stride=stride, padding=size // 2, bias=False)
        self.conv2 = nn.Conv1d(width, width, size, padding=size // 2, bias=False)
        self.norm1, self.norm2 = Norm1d(width), Norm1d(width)
        self.short: nn.Module | None = None
        if stride > 1 or inside != width:
            self.short = nn.Sequential(nn.Conv1d(inside, width, 1, stride=stride, bias=False), Norm1d(width))

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, F, t] to [B, width, t / stride]."""
        kept = maps if self.short is None else self.short(maps)
        return torch.relu(self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(maps))))) + kept)


class ResNet1d(SignalNetwork):
    """A stem of stride 2 and three stages of blocks, mean and maximum over time."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"width": 8}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        width, size = options.width, options.size // 2 * 2 + 1
        stem = nn.Conv1d(self.inside, width, size, stride=2, padding=size // 2, bias=False)
        self.stem = nn.Sequential(stem, Norm1d(width), nn.ReLU())
        inside, stages = width, []
        for stage in range(3):
            blocks = []
            for at in range(options.blocks):
                blocks.append(Block(inside, width * 2**stage, size, 2 if stage and at == 0 else 1))
                inside = width * 2**stage
            stages.append(nn.Sequential(*blocks))
        self.stages = nn.ModuleList(stages)
        self.join(2 * inside, classes)

    def pooled(self, beats: Tensor) -> Tensor:
        """Map windows float [B, C, T] to mean and maximum of the last maps, float [B, 8 width]."""
        maps = self.stem(beats)
        for stage in self.stages:
            maps = stage(maps)
        return mean_and_max(maps)

    @property
    def layers(self) -> list[nn.Module]:
        """The stem and the stages."""
        return [self.stem, *self.stages]
