"""ResNet-18 and ResNet-50 (He et al. 2016, table 1), which may start from ImageNet weights."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.image.base import Norm, PictureNetwork, read_state, take
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "resnet18"`` and ``"resnet50"``."""

    dropout: float = Field(default=0.0, ge=0, lt=1)


def _windows(inside: int, width: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inside, width, size, stride=stride, padding=size // 2, bias=False)


class _Residual(nn.Module):
    """What comes in, brought to the new shape where it changes, plus what the branch adds."""

    downsample: nn.Module | None

    @abstractmethod
    def branch(self, maps: Tensor) -> Tensor:
        """Return what the block adds, of the new shape."""

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, F, h, w] to [B, expansion * width, h / stride, w / stride]."""
        kept = maps if self.downsample is None else self.downsample(maps)
        return torch.relu(self.branch(maps) + kept)


class Basic(_Residual):
    """Two 3x3 convolutions (He et al. 2016, figure 5, left)."""

    expansion = 1

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _windows(inside, width, 3, stride), Norm(width)
        self.conv2, self.bn2 = _windows(width, width, 3), Norm(width)
        self.downsample = _shortcut(inside, width, stride)

    def branch(self, maps: Tensor) -> Tensor:
        """Return what the block adds."""
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(maps)))))


class Bottleneck(_Residual):
    """1x1, 3x3 and 1x1 convolutions (He et al. 2016, figure 5, right).

    The 3x3 one strides, not the first as in the paper: so the weights that are handed round were trained.
    """

    expansion = 4

    def __init__(self, inside: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _windows(inside, width, 1), Norm(width)
        self.conv2, self.bn2 = _windows(width, width, 3, stride), Norm(width)
        self.conv3, self.bn3 = _windows(width, 4 * width, 1), Norm(4 * width)
        self.downsample = _shortcut(inside, 4 * width, stride)

    def branch(self, maps: Tensor) -> Tensor:
        """Return what the block adds."""
        maps = torch.relu(self.bn1(self.conv1(maps)))
        return self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(maps)))))


def _shortcut(inside: int, width: int, stride: int) -> nn.Module | None:
    """Return the projection of a block that changes the shape (He et al. 2016, §3.3, option B), else None."""
    if stride == 1 and inside == width:
        return None
    return nn.Sequential(_windows(inside, width, 1, stride), Norm(width))


class ResNet18(PictureNetwork):
    """Four layers of residual blocks over a stem of stride 4; the modules bear torchvision's names.

    The grid of the last maps is 1/32 of the picture: below 64 pixels nothing of the layout is left.
    """

    Options = Options
    block: ClassVar[type[Basic] | type[Bottleneck]] = Basic
    counts: ClassVar[tuple[int, ...]] = (2, 2, 2, 2)

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.conv1, self.bn1 = _windows(3, 64, 7, 2), Norm(64)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inside = 64
        for number, count in enumerate(self.counts):
            width, blocks = 64 * 2**number, []
            for at in range(count):
                blocks.append(self.block(inside, width, 2 if number and at == 0 else 1))
                inside = width * self.block.expansion
            setattr(self, f"layer{number + 1}", nn.Sequential(*blocks))
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(inside, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the last layer's maps, float [B, F, H / 32, W / 32]."""
        maps = self.maxpool(torch.relu(self.bn1(self.conv1(pixels))))
        return self.layer4(self.layer3(self.layer2(self.layer1(maps))))

    def load_start(self, source: str, encoder: Any) -> str:
        """Start from a file with torchvision's names (``layer1.0.conv1.weight``, ``fc.weight``)."""
        given = read_state(source)
        return take(self, {re.sub(r"^fc\.", "head.", name): value for name, value in given.items()}, source)


class ResNet50(ResNet18):
    """The same with bottlenecks, of which there are more."""

    block = Bottleneck
    counts = (3, 4, 6, 3)
