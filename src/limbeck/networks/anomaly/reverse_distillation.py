"""Reverse distillation: a student decodes what a frozen encoder saw, through a bottleneck (Deng & Li, CVPR 2022).

The decoder has only ever rebuilt normal pictures. What is strange does not fit through the bottleneck, so there the
rebuilt maps point elsewhere than the encoder's: the map is one minus their cosine (eq. 1), summed over the scales (eq.
3). The bottleneck joins the scales (MFF) and halves the grid once more (OCE, §3.3); the decoder mirrors the encoder's
grids. It is thinner than the paper's, `width` maps at most inside, as befits a student that is to run on one core; a
last 1x1 convolution brings each scale to the encoder's width.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.anomaly.detector import Mapped, PictureDetector, resized
from limbeck.networks.anomaly.frozen_encoder import Encoded, Frozen
from limbeck.networks.image.base import Norm


class Options(Encoded, Mapped):
    """Keys of ``[student]`` for ``network = "reverse-distillation"``."""

    width: int = Field(default=64, ge=4, le=1024, description="most maps inside bottleneck and decoder")
    combine: Literal["sum", "product"] = Field(default="sum", description="how the maps of the scales are joined")


def convolved(inside: int, width: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    """Return a convolution with norm and rectifier."""
    layer = nn.Conv2d(inside, width, size, stride=stride, padding=size // 2, bias=False)
    return nn.Sequential(layer, Norm(width), nn.ReLU())


class Bottleneck(nn.Module):
    """Maps of all scales to one embedding on half the deepest grid (Deng & Li 2022, figure 4)."""

    def __init__(self, widths: list[int], width: int) -> None:
        super().__init__()
        deepest = len(widths) - 1
        self.down = nn.ModuleList(
            nn.Sequential(
                convolved(inside, width, 1),
                *(convolved(width, width, 3, 2) for _ in range(deepest - at)),
            )
            for at, inside in enumerate(widths)
        )
        self.fuse = convolved(width * len(widths), width, 1)
        self.embed = nn.Sequential(convolved(width, width, 3, 2), convolved(width, width))

    def forward(self, maps: list[Tensor]) -> Tensor:
        """Return the embedding float [B, width, h, w]."""
        side = maps[-1].shape[-1]
        scales = [resized(down(given), side) for down, given in zip(self.down, maps, strict=True)]
        return self.embed(self.fuse(torch.cat(scales, dim=1)))


class Up(nn.Module):
    """To a finer grid, then a residual block."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.first, self.second = convolved(inside, width), nn.Sequential(*list(convolved(width, width))[:2])
        self.short = nn.Conv2d(inside, width, 1, bias=False)

    def forward(self, maps: Tensor, side: int) -> Tensor:
        """Map float [B, F, h, w] to [B, width, side, side]."""
        maps = resized(maps, side)
        return torch.relu(self.second(self.first(maps)) + self.short(maps))


class ReverseDistillation(PictureDetector):
    """Frozen encoder, one-class bottleneck, mirrored decoder."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"width": 8}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.frozen = Frozen(options, reader=encoder)
        widths = self.frozen.widths
        self.watch_whole(sum(widths))
        inner = [min(width, options.width) for width in widths]
        self.bottleneck = Bottleneck(widths, options.width)
        befores = [*inner[1:], options.width]
        self.ups = nn.ModuleList(Up(before, width) for before, width in zip(befores, inner, strict=True))
        self.outs = nn.ModuleList(nn.Conv2d(own, width, 1) for own, width in zip(inner, widths, strict=True))

    def seen(self, pixels: Tensor) -> list[Tensor]:
        """Return the encoder's maps, shallow first."""
        return self.frozen(pixels)

    def states(self, seen: list[Tensor]) -> list[Tensor]:
        """Return of the encoder's maps what the decoder makes of each scale, float [B, width, h, w], shallow first."""
        state, found = self.bottleneck(seen), []
        for up, maps in reversed(list(zip(self.ups, seen, strict=True))):
            state = up(state, maps.shape[-1])
            found.append(state)
        return found[::-1]

    def pairs(self, pixels: Tensor, seen: list[Tensor] | None = None) -> list[tuple[Tensor, Tensor]]:
        """Return for each scale the encoder's maps and the decoder's, each float [B, F, h, w], shallow first."""
        seen = self.frozen(pixels) if seen is None else seen
        rebuilt = [out(state) for out, state in zip(self.outs, self.states(seen), strict=True)]
        return list(zip(seen, rebuilt, strict=True))

    def strangeness(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Return the joined maps of one minus the cosine, float [B, 1, side, side]."""
        if torch.onnx.is_in_onnx_export():
            found = [1.0 - cosine_in_graph(*each) for each in zip(seen, self.states(seen), self.outs, strict=True)]
        else:
            found = [apart(*pair) for pair in self.pairs(pixels, seen)]
        return joined(found, self.side, self.options.combine)

    def load_start(self, source: str, encoder: Any) -> str:
        """Start the frozen encoder from given weights; see `Frozen.load_start`."""
        return self.frozen.load_start(source, encoder)


def apart(one: Tensor, other: Tensor) -> Tensor:
    """Return one minus the cosine of maps float [B, F, h, w] at each place, float [B, 1, h, w]."""
    return 1.0 - nn.functional.cosine_similarity(one, other, dim=1)[:, None]


def cosine_in_graph(maps: Tensor, state: Tensor, out: nn.Conv2d) -> Tensor:
    """Return the cosine of ``maps`` and ``out(state)`` at each place, float [B, 1, h, w], as the exported graph has it.

    With out(s) = W s + c, the product m · (W s + c) is (Wᵀm) · s + m · c, and the squared length of W s + c is
    (WᵀW s + 2 Wᵀc) · s + c · c. So nothing of the encoder's width has to be rebuilt or multiplied, and sums over
    channels are 1x1 convolutions, which onnxruntime does in its own layout of memory. Equal but for rounding.
    """
    weight, bias = (given.detach().double().numpy() for given in (out.weight[:, :, 0, 0], out.bias))

    def fixed(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array.astype(np.float32))

    def one_by_one(given: Tensor, matrix: np.ndarray, plus: np.ndarray | None = None) -> Tensor:
        wide = fixed(matrix)[:, :, None, None]
        return nn.functional.conv2d(given, wide, None if plus is None else fixed(plus))

    width, inside = weight.shape
    product = one_by_one(one_by_one(maps, weight.T) * state, np.ones((1, inside)))
    product = product + one_by_one(maps, bias[None])
    length = one_by_one(state, weight.T @ weight, 2.0 * bias @ weight) * state
    length = one_by_one(length, np.ones((1, inside)), np.array([bias @ bias]))
    own = one_by_one(maps * maps, np.ones((1, width)))
    return product * torch.rsqrt(torch.clamp(own * length, min=1e-16))


def joined(found: list[Tensor], side: int, combine: str) -> Tensor:
    """Return one map float [B, 1, side, side] of those of several scales, each float [B, 1, h, w]: sum or product."""
    stacked = torch.stack([resized(maps, side) for maps in found])
    return stacked.prod(dim=0) if combine == "product" else stacked.sum(dim=0)
