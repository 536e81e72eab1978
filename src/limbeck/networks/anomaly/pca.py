"""Principal components of normal pictures: what they cannot rebuild is strange (Jolliffe 2002, §10.1).

The plainest detector there is, and the one that any other has to beat. Pictures are made grey and small first.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from limbeck.networks.anomaly.detector import Mapped, PictureDetector, resized
from limbeck.networks.anomaly.patchcore import half
from limbeck.networks.image.base import pixels_of

_BATCH = 64


class Options(Mapped):
    """Keys of ``[student]`` for ``network = "pca"``."""

    components: int = Field(default=32, ge=1, le=512)
    grain: int = Field(default=32, ge=4, le=128, description="side in pixels at which pictures are compared")


class Pca(PictureDetector):
    """Mean picture and components; nothing is trained."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"components": 4}
    closed_form = True
    mean: Tensor
    components: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.register_buffer("mean", torch.zeros(options.grain**2))
        self.register_buffer("components", torch.zeros(options.components, options.grain**2))

    def small(self, pixels: Tensor) -> Tensor:
        """Return pixels float [B, 3, H, W] as small grey pictures, float [B, grain * grain]."""
        return resized(pixels.mean(dim=1, keepdim=True), self.options.grain).flatten(1)

    def strangeness(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Return the absolute error of the rebuilt picture, float [B, 1, grain, grain]."""
        centred = self.small(pixels) - self.mean
        rebuilt = (centred @ self.components.T) @ self.components
        return (centred - rebuilt).abs().unflatten(1, (1, self.options.grain, self.options.grain))

    @torch.no_grad()
    def fit_start(self, rows: Any) -> None:
        """Find mean and components of the training rows."""
        pictures = torch.cat([self.small(pixels) for pixels in pixels_of(self.reader, rows, _BATCH)])
        self.mean.copy_(pictures.mean(dim=0))
        _, _, found = torch.linalg.svd(pictures - self.mean, full_matrices=False)
        self.components.zero_()
        kept = found[: min(self.options.components, len(pictures) - 1)]
        self.components[: len(kept)] = half(kept)
