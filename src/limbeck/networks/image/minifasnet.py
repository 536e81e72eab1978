"""A liveness net of under half a million parameters, in the manner of MiniFASNet (Yu et al. 2020).

The idea: a face network's inverted bottlenecks (Sandler et al. 2018; Chen et al. 2018) pruned until little more than
texture can be kept, with squeeze-and-excitation (Hu et al. 2018) to choose channels. Written from that idea; the
layers are not those of a published checkpoint, and none can be loaded.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.image.base import Norm, PictureNetwork
from limbeck.recipe import Section

# Of each stage: filters, filters inside a bottleneck, bottlenecks with a residual connection. Each halves the grid.
_STAGES = ((64, 104, 3), (96, 160, 4), (128, 208, 2))
_STEM, _LAST = 32, 256


class Options(Section):
    """Keys of ``[student]`` for ``network = "minifas"``."""

    width: float = Field(default=1.0, ge=0.125, le=2, description="factor on all filters; 1 is under 0.5 M weights")
    dropout: float = Field(default=0.2, ge=0, lt=1)


def _layer(inside: int, width: int, size: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inside, width, size, stride=stride, padding=size // 2, groups=groups, bias=False)
    return [convolution, Norm(width)]


class Excite(nn.Module):
    """Scale each channel by what the means of all say (Hu et al. 2018, eq. 2-4)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, max(4, width // 8), 1)
        self.expand = nn.Conv2d(max(4, width // 8), width, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, F, h, w] to the same shape."""
        means = nn.functional.adaptive_avg_pool2d(maps, 1)
        return maps * torch.sigmoid(self.expand(torch.relu(self.squeeze(means))))


class Bottleneck(nn.Module):
    """Widen by 1x1, look by 3x3 in each channel alone, narrow by 1x1, linearly (Sandler et al. 2018, §3.3)."""

    def __init__(self, inside: int, wide: int, width: int, stride: int) -> None:
        super().__init__()
        self.added = stride == 1 and inside == width
        self.body = nn.Sequential(
            *_layer(inside, wide, 1), nn.PReLU(wide),
            *_layer(wide, wide, 3, stride, groups=wide), nn.PReLU(wide),
            *_layer(wide, width, 1), Excite(width),
        )  # fmt: skip

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, F, h, w] to [B, width, h / stride, w / stride]."""
        return maps + self.body(maps) if self.added else self.body(maps)


class MiniFas(PictureNetwork):
    """A stem of stride 2, three stages of bottlenecks of stride 2 each, a last 1x1 convolution.

    The published net ends in a convolution of the grid's own size; means let it take pictures of any size.
    """

    Options = Options
    halves: ClassVar[dict[str, float]] = {"width": 0.125}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)

        def scaled(filters: int) -> int:
            return max(8, round(filters * options.width / 8) * 8)  # whole vector registers

        inside = scaled(_STEM)
        layers = [*_layer(3, inside, 3, 2), nn.PReLU(inside), *_layer(inside, inside, 3, groups=inside)]
        layers.append(nn.PReLU(inside))
        for filters, wide, count in _STAGES:
            width = scaled(filters)
            layers.append(Bottleneck(inside, scaled(wide), width, stride=2))
            layers += [Bottleneck(width, scaled(wide), width, stride=1) for _ in range(count)]
            inside = width
        layers += [*_layer(inside, scaled(_LAST), 1), nn.PReLU(scaled(_LAST))]
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(scaled(_LAST), classes)

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the last maps, float [B, F, H / 16, W / 16]."""
        return self.trunk(pixels)
