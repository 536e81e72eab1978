"""A small residual network of several scales, for pictures of 32 to 64 pixels.

Each block looks through 3x3 and 5x5 windows side by side (Szegedy et al. 2015, §4), with batch norm (Ioffe and
Szegedy 2015) and a residual connection (He et al. 2016). The head reads every stage, not the last alone (Sermanet and
LeCun 2011, §2.1): a traffic sign is told by its outline and by the fine print inside. With ``local`` it sees the
picture twice, the second time with the light of each place taken out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from limbeck.networks.image.base import Norm, PictureNetwork, through
from limbeck.networks.units import Part, Units, made_by
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "multiscale"``."""

    widths: tuple[int, ...] = Field(default=(32, 64, 128), description="filters of each stage, each on half the grid")
    depth: int = Field(default=1, ge=1, le=8, description="blocks in each stage")
    contrast: bool = Field(default=True, description="bring every picture to the same mean and contrast first")
    local: int = Field(default=0, ge=0, le=32, description="evens the light within so many pixels; 0: not at all")
    grid: int = Field(default=4, ge=1, le=16, description="places a side that the head tells apart; 1: none")
    fused: int = Field(default=128, ge=2, le=1024, description="width of the features")
    dropout: float = Field(default=0.2, ge=0, lt=1)

    @field_validator("widths")
    @classmethod
    def _even(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(value) <= 6 or any(width % 2 or not 2 <= width <= 1024 for width in value):
            raise ValueError("give 1 to 6 even widths of 2 to 1024, one for each stage")
        return value


class Block(nn.Module):
    """Half the filters through 3x3 windows, half through 5x5, mixed by 1x1 and added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(width, width // 2, 3, padding=1, bias=False)
        self.broad = nn.Conv2d(width, width // 2, 5, padding=2, bias=False)
        self.norm = Norm(width)
        self.mix = nn.Conv2d(width, width, 1, bias=False)
        self.mixed = Norm(width)
        nn.init.zeros_(self.mixed.weight)  # a block starts as the identity (Goyal et al. 2017, §5.1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, W, h, w] to the same shape."""
        seen = torch.relu(self.norm(torch.cat((self.narrow(maps), self.broad(maps)), dim=1)))
        return torch.relu(maps + self.mixed(self.mix(seen)))


class Multiscale(PictureNetwork):
    """Stages of half the size each; their maps are brought to the last one's grid, and fused.

    The fused features keep where in the picture a thing was, on a coarse grid: means over the whole picture learn a
    sign's print far more slowly from a few hundred pictures.
    """

    Options = Options
    head: nn.Linear
    halves: ClassVar[dict[str, float]] = {"widths": 4, "fused": 8}
    bf16_pays = True  # 1.7 times faster training steps (batch 32) on a CPU with the instructions

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        least = options.grid * 2 ** len(options.widths)
        self.check_size(encoder, least, "enlarge the pictures, lower student.grid or drop a stage")
        self._build(options, classes)

    def _build(self, options: Any, classes: int) -> None:
        inside = (6 if options.local else 3, *options.widths[:-1])
        self.stages = nn.ModuleList(_stage(a, b, options.depth) for a, b in zip(inside, options.widths, strict=True))
        self.channels = sum(options.widths)
        reduced = max(2, options.fused // 2)
        self.reduce = nn.Conv2d(self.channels, reduced, 1, bias=False)
        self.reduced = Norm(reduced)
        # The fusing layer as a convolution as large as the grid, so that its norm too is one for a lone row.
        self.fuse = nn.Conv2d(reduced, options.fused, options.grid, bias=False)
        self.fused = Norm(options.fused)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.fused, classes)

    def prunable_units(self) -> list[Units]:
        """Return the channels of each stage, and within its blocks those of the narrow and the broad windows."""
        found, widths, before = [], self.options.widths, 0
        for at, width in enumerate(widths):
            stage, half = f"stages.{at}", width // 2
            parts = [*made_by(f"{stage}.0.weight", f"{stage}.1.weight", f"{stage}.1.bias"), *_running(f"{stage}.1")]
            for block in range(4, 4 + self.options.depth):
                name = f"{stage}.{block}"
                parts += [*made_by(f"{name}.mix.weight", f"{name}.mixed.weight", f"{name}.mixed.bias")]
                parts += [*_running(f"{name}.mixed"), Part(f"{name}.narrow.weight", 1), Part(f"{name}.broad.weight", 1)]
                for number, kind in enumerate(("narrow", "broad")):
                    place = (number * half,)
                    own = [*made_by(f"{name}.{kind}.weight"), Part(f"{name}.mix.weight", 1, place)]
                    own += made_by(f"{name}.norm.weight", f"{name}.norm.bias", offsets=place)
                    found.append(Units(f"{name} {kind}", half, (*own, *_running(f"{name}.norm", place))))
            if at + 1 < len(widths):
                parts.append(Part(f"stages.{at + 1}.0.weight", 1))
            parts.append(Part("reduce.weight", 1, (before,)))
            # Two halves, as half of the new width has to be whole.
            found += [Units(f"{stage} {n}", half, tuple(_shifted(parts, n * half))) for n in range(2)]
            before += width
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace all stages by narrower ones; what fuses them keeps its width."""
        widths = tuple(2 * kept[f"stages.{at} 0"] for at in range(len(self.options.widths)))
        self.options = self.options.model_copy(update={"widths": widths})
        self._build(self.options, self.head.out_features)

    def seen(self, pixels: Tensor) -> Tensor:
        """Return pixels float [B, 3, H, W] as the first stage sees them; with ``local`` evened colours behind them."""
        given = _even_contrast(pixels) if self.options.contrast else pixels
        reach = self.options.local
        return torch.cat((given, _local_contrast(pixels, reach)), dim=1) if reach else given

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the maps of all stages, float [B, sum(widths), h, w]; h is H / 2^stages."""
        return through(self.stages, self.seen(pixels))

    def pool(self, maps: Tensor) -> Tensor:
        """Fuse the maps of all stages float [B, sum(widths), h, w] into features float [B, fused]."""
        maps = torch.relu(self.reduced(self.reduce(maps)))
        maps = torch.relu(self.fused(self.fuse(_to_grid(maps, self.options.grid))))
        return self.dropout(maps.flatten(1))


def _running(norm: str, offsets: tuple[int, ...] = (0,)) -> list[Part]:
    return [Part(f"{norm}.{kind}", 0, offsets) for kind in ("running_mean", "running_var")]


def _shifted(parts: Iterable[Part], by: int) -> Iterator[Part]:
    for part in parts:
        yield replace(part, offsets=tuple(offset + by for offset in part.offsets))


def _stage(inside: int, width: int, depth: int) -> nn.Sequential:
    """Return a convolution to the new width, halving by maxima, then blocks."""
    entry = [nn.Conv2d(inside, width, 3, padding=1, bias=False), Norm(width), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*entry, *(Block(width) for _ in range(depth)))


def _even_contrast(pixels: Tensor) -> Tensor:
    """Return each picture [B, 3, H, W] with mean 0 and spread 1 in each colour; nearly flat ones stay nearly flat."""
    centred = pixels - pixels.mean(dim=(2, 3), keepdim=True)
    return centred / (centred.square().mean(dim=(2, 3), keepdim=True) + 1e-4).sqrt()


def _local_contrast(pixels: Tensor, reach: int) -> Tensor:
    """Return each place [B, F, H, W] less the mean around it, over the spread there (Jarrett et al. 2009, §2.1).

    A dark sign before a bright sky is flat when the whole picture sets the scale; here its surroundings do.
    """
    with torch.autocast(pixels.device.type, enabled=False):  # differences of large numbers want all their bits
        centred = pixels.float() - _around(pixels.float(), reach)
        return centred / (_around(centred.square(), reach) + 1e-4).sqrt()


def _around(maps: Tensor, reach: int) -> Tensor:
    """Return means over square windows; down first, then across, which costs less and comes to the same."""
    maps = nn.functional.avg_pool2d(maps, (2 * reach + 1, 1), 1, (reach, 0), count_include_pad=False)
    return nn.functional.avg_pool2d(maps, (1, 2 * reach + 1), 1, (0, reach), count_include_pad=False)


def _to_grid(maps: Tensor, grid: int) -> Tensor:
    """Return means over equal fields [B, F, grid, grid]; fields overlap where the side is no multiple.

    Adaptive pooling would do, but can be exported for multiples only.
    """
    height, width = int(maps.shape[2]), int(maps.shape[3])
    steps = height // grid, width // grid
    sizes = height - (grid - 1) * steps[0], width - (grid - 1) * steps[1]
    return maps if sizes == (1, 1) else nn.functional.avg_pool2d(maps, sizes, steps)
