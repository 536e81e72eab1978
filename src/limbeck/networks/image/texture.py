"""A shallow network of grain: what a picture's surface is like, wherever it is and whatever it shows.

Three convolutions see windows of at most seventeen pixels, and the head reads the mean of every map of every layer.
Nothing says where in the picture a thing was, no window is as large as a face, and by default no colour is seen and
every picture has the same mean and contrast. So it can hardly learn the room or the person, which a deeper network
learns first when rows come from few sessions. Orderless pooling of filters tells textures (Cimpoi et al. 2015, "Deep
filter banks for texture recognition and segmentation").
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from limbeck.networks.image.base import Norm, PictureNetwork, pooled, through
from limbeck.recipe import Section


class Options(Section):
    """Keys of ``[student]`` for ``network = "texture"``."""

    widths: tuple[int, ...] = Field(default=(24, 48, 64), description="filters of each layer, each on half the grid")
    grey: bool = Field(default=True, description="see the mean of the colours alone")
    contrast: bool = Field(default=True, description="bring every picture to the same light and contrast first")
    window: Literal[3, 5] = Field(default=5, description="side of the first layer's filters, in pixels")
    dropout: float = Field(default=0.2, ge=0, lt=1)

    @field_validator("widths")
    @classmethod
    def _few(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if not 1 <= len(value) <= 5 or any(not 1 <= width <= 1024 for width in value):
            raise ValueError("give 1 to 5 widths of 1 to 1024, one for each layer")
        return value


class Texture(PictureNetwork):
    """Convolutions of stride 2, the first of ``window`` and the others of 3x3; means of all their maps."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"widths": 4}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.check_size(encoder, 8 * 2 ** len(options.widths), "enlarge the pictures or drop a layer")
        inside = (1 if options.grey else 3, *options.widths[:-1])
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, size, stride=2, padding=size // 2, bias=False), Norm(b), nn.ReLU()
            )
            for a, b, size in zip(inside, options.widths, (options.window, 3, 3, 3, 3), strict=False)
        )  # fmt: skip
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(sum(options.widths), classes)

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the maps of all layers, float [B, sum(widths), h, w]; h is H / 2^layers."""
        return through(self.layers, self.seen(pixels))

    def seen(self, pixels: Tensor) -> Tensor:
        """Return pixels float [B, 3, H, W] as the first layer sees them: grey or not, float [B, 1 or 3, h, w].

        With ``contrast`` they have mean 0 and spread 1; a nearly flat picture stays so. Sides that do not halve as
        often as there are layers are cut at the end.
        """
        step = 2 ** len(self.layers)
        height, width = int(pixels.shape[2]) // step * step, int(pixels.shape[3]) // step * step
        with torch.autocast(pixels.device.type, enabled=False):  # differences of large numbers want all their bits
            given = pixels.float()
            if (height, width) != tuple(map(int, pixels.shape[2:])):  # else a cut would stand in the graph for nothing
                given = given[:, :, :height, :width]
            given = given.mean(dim=1, keepdim=True) if self.options.grey else given
            if not self.options.contrast:
                return given
            centred = given - given.mean(dim=(2, 3), keepdim=True)
            return centred / (centred.square().mean(dim=(1, 2, 3), keepdim=True) + 1e-4).sqrt()

    def features(self, pixels: Tensor) -> Tensor:
        """Pool pixels float [B, 3, H, W] into features, float [B, sum(widths)]: the mean of every map of every layer.

        They are the means of `maps`, as means over equal fields leave a map's mean as it is, without joining the maps.
        """
        maps, found = self.seen(pixels), []
        for layer in self.layers:
            maps = layer(maps)
            found.append(pooled(maps))
        return self.joined(self.dropout(torch.cat(found, dim=1)), pixels)

    def pool(self, maps: Tensor) -> Tensor:
        """Return the mean of every map [B, F, h, w], [B, F]."""
        return self.dropout(pooled(maps))
