"""What every detector of anomalies is: a network that learns normal rows only and gives each row a score.

Scores of different detectors live on different scales, and a score that only the trainer can read is of no use. So the
scale is part of the network, as buffers that `settle` fits once on valid rows, and goes through the same export as the
weights: the graph's answer *is* the trained answer. The logit of an anomaly is ``asinh((score - cut) / spread)``: zero
at the cut, linear near it, and logarithmic far from it, so that no score, however large, is rounded to a probability of
one (a logistic curve would put all clear anomalies level). It ranks rows, and says on which side of the cut they are;
it is no frequency, which normal rows alone cannot teach.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks.anomaly.mahalanobis import Whole
from limbeck.networks.base import Network
from limbeck.networks.image.base import pixels_of
from limbeck.recipe import Section

_BATCH = 16  # pictures looked at together before the first step
GRID = 4  # pixels of the input for one place of a map, each way
_LEAST = 1e-6  # a spread below that is none: all rows are alike
# In shares of the median: what is divided by a smaller spread is rounding, which an exported graph does otherwise.
STEADY = 2e-3


class Detector(Network):
    """Base of all detectors: a subclass implements ``statistics``.

    ``closed_form`` detectors learn by `fit_start` alone, from the rows as they are; the others by steps.
    """

    closed_form: ClassVar[bool] = False
    middle: Tensor
    spreads: Tensor
    cut: Tensor
    spread: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        if classes != 2:
            raise LimbeckError("a detector tells normal from anomaly, two classes", where="recipe")
        self.count = len(self.shares)  # statistics of a row
        self.register_buffer("middle", torch.zeros(self.count))
        self.register_buffer("spreads", torch.ones(self.count))
        self.register_buffer("cut", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))

    @property
    def shares(self) -> tuple[float, ...]:
        """Weight of each statistic in the score."""
        return (1.0,)

    @property
    def remark(self) -> str:
        """What has to be said of what `fit_start` chose; nothing as a rule."""
        return ""

    def statistics(self, *arrays: Tensor) -> Tensor:
        """Return float [B, S]: of each row what its score is made of, larger for stranger rows."""
        raise LimbeckError(f"{type(self).__name__} has no statistics")

    def scored(self, statistics: Tensor) -> Tensor:
        """Return scores float [B] of statistics float [B, S], each in spreads from the middle of normal rows."""
        weights = torch.tensor(self.shares, dtype=statistics.dtype, device=statistics.device)
        return ((statistics - self.middle) / self.spreads * weights).sum(dim=1)

    def logits(self, scores: Tensor) -> Tensor:
        """Return float [B, 2], normal and anomaly, of scores float [B]."""
        far = (scores - self.cut) / self.spread
        far = torch.sign(far) * torch.log(far.abs() + torch.sqrt(far.square() + 1.0))  # asinh, as ONNX can trace it
        return torch.stack((-0.5 * far, 0.5 * far), dim=1)

    def forward(self, *arrays: Tensor) -> Tensor:
        """Return logits, float [B, 2]."""
        return self.logits(self.scored(self.statistics(*arrays)))

    @torch.no_grad()
    def settle_statistics(self, statistics: np.ndarray) -> np.ndarray:
        """Fit the scale of each statistic to those of normal rows, float [N, S]; return the scores float [N]."""
        middle, spreads = robust(statistics)
        self.middle.copy_(torch.from_numpy(middle))
        self.spreads.copy_(torch.from_numpy(spreads))
        return self.scored(torch.from_numpy(statistics).float()).numpy()

    @torch.no_grad()
    def settle_cut(self, cut: float, spread: float) -> None:
        """Set the score that parts normal from anomaly, and the spread of normal scores."""
        self.cut.fill_(cut)
        self.spread.fill_(max(spread, _LEAST))


def robust(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and spread float32 [S] of float [N, S]: 1.4826 times the median deviation (Rousseeuw & Croux 1993).

    A spread of zero, as of fewer than two rows, becomes the standard deviation, and where that is none too, one; it is
    never less than `STEADY` of the median.
    """
    middle = np.median(values, axis=0)
    spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
    plain = values.std(axis=0)
    spread = np.where(spread > _LEAST * np.abs(middle), spread, np.where(plain > 0, plain, 1.0))
    spread = np.maximum(spread, STEADY * np.abs(middle))
    return middle.astype(np.float32), np.maximum(spread, _LEAST).astype(np.float32)


class Mapped(Section):
    """Keys of ``[student]`` that all detectors of pictures know."""

    smooth: float = Field(default=4.0, ge=0, le=64, description="sigma of the Gaussian over the map, input pixels")
    largest: float = Field(
        default=0.5, ge=0, le=1, description="part of the map's largest value in the score; the rest is its mean"
    )
    margin: float = Field(
        default=0.0, ge=0, le=0.4, description="share of each side that the map's part of the score leaves out"
    )


class PictureDetector(Detector):
    """Base of the detectors of pictures: a subclass implements ``strangeness``, a map over the picture."""

    Options = Mapped
    arrays = ("pixels",)
    encoders = ("anomaly-image",)
    whole: Whole | None
    low: Tensor
    high: Tensor
    kernel: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.side = math.ceil((encoder.size if encoder is not None else 64) / GRID)
        sigma = options.smooth / GRID
        reach = min(math.ceil(3 * sigma), self.side - 1)
        places = torch.arange(-reach, reach + 1).float()
        kernel = torch.exp(-0.5 * (places / max(sigma, 1e-3)) ** 2)
        self.register_buffer("kernel", kernel / kernel.sum())
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.ones(()))
        self.reader, self.whole = encoder, None

    def watch_whole(self, width: int) -> None:
        """Look at the picture as a whole too, by ``width`` pooled features, where the options give that a share."""
        self.whole = Whole(width) if self.options.whole else None

    @property
    def shares(self) -> tuple[float, ...]:
        """Weights of the map's largest value, of its mean, and of the picture as a whole."""
        whole = float(getattr(self.options, "whole", 0.0))
        largest, mean = self.options.largest * (1.0 - whole), (1.0 - self.options.largest) * (1.0 - whole)
        return (largest, mean, whole) if whole else (largest, mean)

    def seen(self, pixels: Tensor) -> list[Tensor]:
        """Return what a frozen encoder sees in pixels float [B, 3, H, W]: maps float [B, F, h, w]; none without one."""
        return []

    def strangeness(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Map pixels float [B, 3, H, W], and what is seen in them, to how strange each place is, float [B, 1, h, w]."""
        raise LimbeckError(f"{type(self).__name__} has no map")

    @torch.no_grad()
    def fit_start(self, rows: Any) -> None:
        """Learn what normal pictures are like as a whole, if that counts."""
        if self.whole is None:
            return
        self.eval()
        batches = pixels_of(self.reader, rows, _BATCH)
        self.whole.fit(np.concatenate([self.whole.features(self.seen(pixels)).numpy() for pixels in batches]))

    def smoothed(self, pixels: Tensor, seen: list[Tensor]) -> Tensor:
        """Return the map on the grid of a quarter of the input, smoothed, float [B, side, side]."""
        maps = resized(self.strangeness(pixels, seen), self.side)
        reach = len(self.kernel) // 2
        if reach:
            maps = nn.functional.pad(maps, (reach,) * 4, mode="reflect")
            maps = nn.functional.conv2d(maps, self.kernel[None, None, None, :])
            maps = nn.functional.conv2d(maps, self.kernel[None, None, :, None])
        return maps[:, 0]

    def looked(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the map float [B, h, w], and statistics float [B, S]: its largest value, its mean, the distance."""
        seen = self.seen(pixels)
        maps = self.smoothed(pixels, seen)
        edge = round(self.options.margin * self.side)
        inner = maps[:, edge : self.side - edge, edge : self.side - edge]
        found = [inner.amax(dim=(1, 2)), inner.mean(dim=(1, 2))]
        found += [] if self.whole is None else [self.whole(seen)]
        return maps, torch.stack(found, dim=1)

    def statistics(self, *arrays: Tensor) -> Tensor:
        """Return float [B, S]; see `looked`."""
        return self.looked(*arrays)[1]

    def scores_with_map(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits float [B, 2] and the map float [B, h, w], 0 at what is usual, 1 at what few normals reach."""
        maps, statistics = self.looked(pixels)
        return self.logits(self.scored(statistics)), (maps - self.low) / (self.high - self.low)

    @torch.no_grad()
    def settle_map(self, low: float, high: float) -> None:
        """Set the values of the map that become 0 and 1."""
        self.low.fill_(low)
        self.high.fill_(max(high, low + _LEAST, low + STEADY * abs(low)))


def resized(maps: Tensor, side: int) -> Tensor:
    """Return maps [B, F, h, w] on a grid of ``side`` by ``side``, bilinear."""
    side = int(side)  # traced it would be worked out anew for every batch; pictures of a bundle have one size
    return nn.functional.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False)
