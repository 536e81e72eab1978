"""Nearest neighbours among remembered patches of normal pictures (PatchCore, Roth et al., CVPR 2022).

A place is described by the encoder's maps averaged over its neighbours, of two scales together (§3.1). A random
projection to `width` numbers keeps distances (Johnson & Lindenstrauss 1984) and makes bank and search small enough for
the graph. Of all patches of training the bank keeps those that a greedy choice of the farthest finds, the coreset
(§3.2, algorithm 1), out of `candidates` drawn at random. A place is as strange as its nearest neighbour is far. The
paper's weight of the picture's score by the density of the bank (eq. 7) is left out: the score is that of all detectors
here.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.kinds.select import batch_of
from limbeck.networks.anomaly.detector import Mapped, PictureDetector, resized
from limbeck.networks.anomaly.frozen_encoder import LAYERS, Encoded, Frozen

_BATCH = 16


class Options(Encoded, Mapped):
    """Keys of ``[student]`` for ``network = "memory"``."""

    width: int = Field(default=128, ge=2, le=2048, description="numbers that describe a place")
    bank: int = Field(default=1000, ge=1, le=100_000, description="places remembered")
    candidates: int = Field(default=20_000, ge=1, description="places drawn from training, of which the bank is chosen")


class Memory(PictureDetector):
    """A bank of normal patches; nothing is trained."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"bank": 50, "width": 16}
    closed_form = True
    bank: Tensor
    projection: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        chosen = options.layers or list(LAYERS[options.encoder][1:])
        self.frozen = Frozen(options.model_copy(update={"layers": chosen}), reader=encoder)
        inside = sum(self.frozen.widths)
        self.watch_whole(inside)
        self.register_buffer("projection", half(torch.randn(options.width, inside) / options.width**0.5))
        self.register_buffer("bank", torch.zeros(options.bank, options.width))

    def seen(self, pixels: Tensor) -> list[Tensor]:
        """Return the encoder's maps, shallow first."""
        return self.frozen(pixels)

    def places(self, seen: list[Tensor]) -> Tensor:
        """Describe each place of the encoder's maps: float [B, width, h, w]."""
        maps = [nn.functional.avg_pool2d(m, 3, stride=1, padding=1) for m in seen]
        joined = torch.cat([resized(m, maps[0].shape[-1]) for m in maps], dim=1)
        return nn.functional.conv2d(joined, self.projection[:, :, None, None])

    def strangeness(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Return the distance to the nearest patch of the bank, float [B, 1, h, w]."""
        found = self.places(seen)
        products = nn.functional.conv2d(found, -2.0 * self.bank[:, :, None, None], self.bank.square().sum(dim=1))
        # The products only say which patch is nearest: a distance taken from them would be all rounding near zero.
        nearest = self.bank[products.argmin(dim=1)].permute(0, 3, 1, 2)
        return (found - nearest).square().sum(dim=1, keepdim=True).sqrt()

    @torch.no_grad()
    def fit_start(self, rows: Any) -> None:
        """Fill the bank from the patches of training rows."""
        super().fit_start(rows)
        self.eval()
        random = np.random.default_rng(0)
        each, kept = -(-self.options.candidates // max(len(rows), 1)), []
        for start in range(0, len(rows), _BATCH):
            part = np.arange(start, min(start + _BATCH, len(rows)))
            given = torch.from_numpy(batch_of(self.reader, rows, part)["pixels"])
            found = self.places(self.seen(given)).flatten(2).transpose(1, 2)
            kept += [places[random.permutation(len(places))[:each]] for places in found]
        patches = torch.cat(kept)
        chosen = patches[coreset(patches, len(self.bank))]
        # A bank with fewer patches than places repeats some, which changes no distance.
        self.bank.copy_(half(chosen[torch.arange(len(self.bank)) % len(chosen)]))

    def load_start(self, source: str, encoder: Any) -> str:
        """Start the frozen encoder from given weights; see `Frozen.load_start`."""
        return self.frozen.load_start(source, encoder)


def half(values: Tensor) -> Tensor:
    """Return float32 values that half precision holds exactly, so that files are half as large."""
    return values.half().float()


def coreset(points: Tensor, count: int) -> Tensor:
    """Return the indices int64 of ``count`` of points float [N, D]: each the farthest from those before it.

    The first is the one nearest the mean. It is at most twice as far from covering all points as the best choice would
    be (Gonzalez 1985).
    """
    squared = points.square().sum(dim=1)

    def away(point: Tensor) -> Tensor:
        return squared - 2.0 * (points @ point) + point.square().sum()

    at = int(away(points.mean(dim=0)).argmin())
    chosen = [at]
    nearest = away(points[at])
    while len(chosen) < min(count, len(points)):
        at = int(nearest.argmax())
        chosen.append(at)
        nearest = torch.minimum(nearest, away(points[at]))
    return torch.tensor(chosen)
