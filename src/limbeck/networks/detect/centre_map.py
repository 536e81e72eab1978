"""A small detector of one map: each class has a heat map of centres, each cell the distances to the four sides.

After CenterNet (Zhou et al. 2019, https://arxiv.org/abs/1904.07850) and TTFNet (Liu et al. 2020,
https://arxiv.org/abs/1909.00700), with plain 3x3 convolutions: strides down to 32, a top-down path that adds what is
coarse to what is fine (Lin et al. 2017), and one map of stride 4, on which an object of 8 pixels still covers two
cells. A peak is a cell that no neighbour exceeds, so that no suppression has to follow.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from limbeck.errors import LimbeckError
from limbeck.networks.base import Network
from limbeck.recipe import Section

STRIDE = 4  # pixels of a cell
PRIOR = 0.01  # score of a cell before the first step (Lin et al. 2017b, §4.1)
_FIRST = 4.0  # cells to each side before the first step
_FARTHEST = 6.5  # natural logarithm of the most cells to a side


class CentreMap(Network):
    """The detector of this module.

    ``features`` are not pooled: a detector answers a map, see `dense`, and ``forward`` decodes it.
    """

    class Options(Section):
        """Keys of ``[student]``."""

        width: int = Field(default=32, ge=8, le=256, description="channels of the stride-4 maps; others follow")
        depth: int = Field(default=1, ge=1, le=4, description="residual blocks at strides 8, 16 and 32")
        top: int = Field(default=100, ge=1, le=1000, description="boxes of a picture at most")

    arrays = ("pixels",)
    training_arrays = ("pixels", "heat", "sides", "share")
    encoders: ClassVar[tuple[str, ...]] = ("detect-image",)
    bf16_pays = True
    threads = 0

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        one = options.width
        widths = (one // 2, one, one * 3 // 2, one * 5 // 2, one * 7 // 2)
        self.stem = nn.Sequential(Conv(3, widths[0], 2), Conv(widths[0], widths[1], 2), Conv(widths[1], widths[1]))
        self.down = nn.ModuleList(
            nn.Sequential(
                Conv(before, after, 2), *(Residual(after) for _ in range(options.depth + (place == len(widths) - 3)))
            )
            for place, (before, after) in enumerate(pairwise(widths[1:]))
        )
        fused = [widths[1], widths[2], widths[2]]  # at strides 4, 8 and 16
        self.across = nn.ModuleList(
            Conv(before, after, kernel=1) for before, after in zip(widths[1:-1], fused, strict=True)
        )
        self.up = nn.ModuleList(
            Conv(before, after, kernel=1) for before, after in zip([*fused[1:], widths[-1]], fused, strict=True)
        )
        self.smooth = nn.ModuleList(Conv(width, width) for width in fused)
        self.joint = Conv(fused[0], one * 3 // 2)
        self.heat = nn.Conv2d(one * 3 // 2, classes, 1)
        self.sides = nn.Conv2d(one * 3 // 2, 4, 1)
        nn.init.normal_(self.heat.weight, std=0.01)
        nn.init.constant_(self.heat.bias, -math.log(1 / PRIOR - 1))
        nn.init.normal_(self.sides.weight, std=0.01)
        nn.init.constant_(self.sides.bias, math.log(_FIRST))

    def dense(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map pixels float [B, 3, H, W] to heat logits [B, C, H/4, W/4] and distances [B, 4, H/4, W/4] in cells.

        Distances are those from the middle of a cell to the left, upper, right and lower side of the box.
        """
        fine = [self.stem(pixels - 0.45)]
        for stage in self.down:
            fine.append(stage(fine[-1]))
        coarse = fine.pop()
        for at in (2, 1, 0):
            coarse = nn.functional.interpolate(self.up[at](coarse), scale_factor=2.0, mode="nearest")
            coarse = self.smooth[at](coarse + self.across[at](fine[at]))
        joint = self.joint(coarse)
        return self.heat(joint), torch.exp(self.sides(joint).clamp(-3.0, _FARTHEST))

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return the boxes of pixels float [B, 3, H, W]: float [B, K, 6], see `decoded`."""
        heat, sides = self.dense(arrays[0])
        return decoded(torch.sigmoid(heat), sides, self.options.top)

    @property
    def width(self) -> int:
        """Channels of the last shared map."""
        return int(self.heat.in_channels)

    def fold(self) -> None:
        """Merge batch norms into the convolutions before them."""
        for module in self.modules():
            if isinstance(module, Conv) and module.norm is not None:
                module.conv = fuse_conv_bn_eval(module.conv.eval(), module.norm.eval())
                module.norm = None

    @torch.no_grad()
    def take_folded(self, given: dict[str, Tensor]) -> None:
        """Copy weights as `fold` leaves them, so that the network answers like the folded one.

        Raises
        ------
        KeyError, RuntimeError
            Where some are missing, or have another shape.
        """
        for name, module in self.named_modules():
            if isinstance(module, Conv) and module.norm is not None:
                module.conv.weight.copy_(given[f"{name}.conv.weight"])
                module.norm.reset_parameters()
                module.norm.bias.copy_(given[f"{name}.conv.bias"])
            elif isinstance(module, nn.Conv2d) and f"{name}.bias" in given and module.bias is not None:
                module.weight.copy_(given[f"{name}.weight"])
                module.bias.copy_(given[f"{name}.bias"])

    def load_start(self, source: str, encoder: Any) -> str:
        """Refuse weights of others: this network has none that are published."""
        raise LimbeckError("centre-map starts at random or from a bundle of ours", where=source, fix="bundle:…")


def decoded(heat: Tensor, sides: Tensor, top: int) -> Tensor:
    """Return the K highest peaks as boxes, float [B, K, 6]: x0, y0, x1, y1 in pixels of the input, score, class.

    Only operators whose result for a picture does not depend on the pictures beside it: MaxPool, TopK, Gather.

    Parameters
    ----------
    heat, sides
        Scores [B, C, h, w] of 0 to 1; distances [B, 4, h, w] in cells.
    """
    rows, columns = heat.shape[2], heat.shape[3]
    peaks = heat * (heat == nn.functional.max_pool2d(heat, 3, 1, 1)).to(heat.dtype)
    scores, places = torch.topk(peaks.flatten(1), min(top, heat.shape[1] * rows * columns))
    cells = places % (rows * columns)
    kind = torch.div(places, rows * columns, rounding_mode="floor").to(heat.dtype)
    left, up, right, down = (torch.gather(plane, 1, cells) for plane in sides.flatten(2).unbind(1))
    x = (cells % columns).to(heat.dtype) + 0.5
    y = torch.div(cells, columns, rounding_mode="floor").to(heat.dtype) + 0.5
    edges = torch.stack((x - left, y - up, x + right, y + down), dim=2) * STRIDE
    return torch.cat((edges, scores.unsqueeze(2), kind.unsqueeze(2)), dim=2)


class Residual(nn.Module):
    """Two 3x3 convolutions beside a way around them (He et al. 2016)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Conv(width, width), Conv(width, width, relu=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Pass maps float [B, F, h, w]."""
        return nn.functional.relu(maps + self.second(self.first(maps)))


class Conv(nn.Module):
    """A convolution with batch norm, until `CentreMap.fold` merges it, and with ReLU unless told otherwise."""

    norm: nn.BatchNorm2d | None

    def __init__(self, before: int, after: int, stride: int = 1, kernel: int = 3, *, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        self.norm, self.relu = nn.BatchNorm2d(after), relu

    def forward(self, maps: Tensor) -> Tensor:
        """Pass maps float [B, F, h, w]."""
        maps = self.conv(maps)
        if self.norm is not None:
            maps = self.norm(maps)
        return nn.functional.relu(maps, inplace=True) if self.relu else maps
