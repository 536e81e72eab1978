"""What a picture looks like without a trained network: gradients, small patches, colours and grain, and a linear head.

Histograms of oriented gradients (Dalal and Triggs 2005), normalised by their four neighbourhoods as in Felzenszwalb et
al. 2010, section 6; responses of filters that are K-means centres of whitened patches of the training pictures (Coates,
Ng and Lee 2011); a thumbnail, colour histograms and the log-spectrum. Only the head is fitted, in closed form, see
`limbeck.training.fit.ridge_head`. From a few hundred pictures that is as a rule as good as a network trained from
nothing, in a fraction of the time.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.image.base import PictureNetwork, pixels_of
from limbeck.networks.image.spectrum import Histogram, Light, Spectrum, banded
from limbeck.recipe import Section

_COLOURS, _ROWS, _COLUMNS, _THUMBNAIL = 8, 16, 8, 16  # bins of a colour; bands of the spectrum; side of the thumbnail
_NARROW = 0.7  # cosine of the angle to an orientation from which on a gradient votes for it
_LARGEST = 0.4  # of a normalised histogram
_FAINT = 0.02  # gradient in light of 0 to 1 under which a neighbourhood counts as flat
_SOFT = 0.0015  # variance of light added to that of a patch
_WHITE = 0.1  # added to the variances before whitening, as in the paper
_SURE = 0.5  # response from which on a patch has a filter's form
_DRAWN, _EACH, _PICTURES, _STEPS = 20_000, 100, 2_000, 10  # most patches, for a filter, of pictures; K-means
_POOLED = 3  # fields a side in which responses are averaged


class Options(Section):
    """Keys of ``[student]`` for ``network = "descriptors"``."""

    cells: int = Field(default=8, ge=2, le=32, description="cells a side with a histogram of gradients each")
    orientations: int = Field(default=9, ge=4, le=18, description="orientations of half a turn")
    filters: int = Field(default=256, ge=0, le=2048, description="patch filters learned by K-means; 0: none")
    window: int = Field(default=8, ge=3, le=16, description="side of a patch, in pixels")
    rows: int = Field(default=2500, ge=10, le=20_000, description="labelled rows that the head is fitted on at most")


class Gradients(nn.Module):
    """Pixels to normalised histograms of oriented gradients on a grid of cells."""

    def __init__(self, encoder: Any, cells: int, orientations: int) -> None:
        super().__init__()
        self.light, self.cells, self.half = Light(encoder), cells, orientations
        angles = [step * math.pi / orientations for step in range(2 * orientations)]
        self.directions = [(math.cos(angle), math.sin(angle)) for angle in angles]

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to float [B, 3 * orientations * cells * cells].

        A place votes by the colour that changes most there. Two thirds of the histograms tell a rise from a fall, as
        for bright signs on dark walls; one third does not.
        """
        light = self.light(pixels)
        across = nn.functional.pad(light[:, :, :, 2:] - light[:, :, :, :-2], (1, 1, 0, 0))
        down = nn.functional.pad(light[:, :, 2:] - light[:, :, :-2], (0, 0, 1, 1))
        least = _NARROW * (across.square() + down.square() + 1e-6).sqrt()
        votes = [torch.relu(across * x + down * y - least).amax(dim=1) for x, y in self.directions]
        signed = banded(torch.stack(votes, dim=1) / (1.0 - _NARROW), (self.cells, self.cells))
        unsigned = signed[:, : self.half] + signed[:, self.half :]
        found = torch.cat((signed, unsigned), dim=1)
        energy = 4.0 * nn.functional.avg_pool2d(unsigned.square().sum(dim=1, keepdim=True), 2, 1)
        around = nn.functional.pad(energy, (1, 1, 1, 1), mode="replicate").sqrt() + _FAINT
        normed = [
            (found / around[:, :, y : y + self.cells, x : x + self.cells]).clamp(max=_LARGEST)
            for y in (0, 1) for x in (0, 1)
        ]  # fmt: skip
        return torch.stack(normed).mean(dim=0).flatten(1)


class Patches(nn.Module):
    """Pixels to mean responses of learned filters in a few fields of the picture."""

    weight: Tensor
    offset: Tensor

    def __init__(self, encoder: Any, filters: int, window: int) -> None:
        super().__init__()
        self.reader, self.light, self.window = encoder, Light(encoder), window
        self.step = max(1, encoder.size // 32)  # the grid of places stays as fine as that of 32 pixels
        self.register_buffer("weight", torch.zeros(filters, 3, window, window))
        self.register_buffer("offset", torch.zeros(1, filters, 1, 1))

    @torch.no_grad()
    def fit(self, rows: Any) -> None:
        """Learn the filters from patches of N encoded rows; draws depend on their number alone."""
        random = np.random.default_rng(len(rows))
        patches = self._drawn(rows, random)
        mean = patches.mean(axis=0)
        values, vectors = np.linalg.eigh(np.cov(patches.T))
        white = (vectors / np.sqrt(values + _WHITE)) @ vectors.T
        centres = spherical_means((patches - mean) @ white, len(self.weight), random)
        weight = centres @ white
        self.offset.copy_(torch.from_numpy(weight @ mean)[None, :, None, None])
        weight -= weight.mean(axis=1, keepdims=True)  # a patch counts less its mean
        self.weight.copy_(torch.from_numpy(weight.reshape(self.weight.shape)))

    def _drawn(self, rows: Any, random: np.random.Generator) -> NDArray[np.float64]:
        """Return patches float64 [M, 3 * window * window] of random places, with mean 0 and spread near 1."""
        pictures = random.permutation(len(rows))[:_PICTURES]
        wanted = min(_DRAWN, _EACH * len(self.weight))
        each = -(-wanted // len(pictures))
        found = []
        for pixels in pixels_of(self.reader, rows.take(np.sort(pictures)), 64):
            light = self.light(pixels).numpy()
            windows = np.lib.stride_tricks.sliding_window_view(light, (self.window, self.window), axis=(2, 3))
            y, x = (random.integers(side, size=(len(light), each)) for side in windows.shape[2:4])
            found.append(windows[np.arange(len(light))[:, None], :, y, x].reshape(len(light) * each, -1))
        patches = np.concatenate(found)[:wanted].astype(np.float64)
        patches -= patches.mean(axis=1, keepdims=True)
        return patches / np.sqrt(patches.var(axis=1, keepdims=True) + _SOFT)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to float [B, filters * 9]."""
        light = self.light(pixels)
        places = nn.functional.conv2d(light, self.weight, stride=self.step)
        mean = nn.functional.avg_pool2d(light.mean(dim=1, keepdim=True), self.window, self.step)
        square = nn.functional.avg_pool2d(light.square().mean(dim=1, keepdim=True), self.window, self.step)
        spread = (torch.relu(square - mean.square()) + _SOFT).sqrt()
        return banded(torch.relu(places / spread - self.offset - _SURE), (_POOLED, _POOLED)).flatten(1)


def spherical_means(points: NDArray[np.float64], count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return ``count`` unit vectors [K, D] as centres of points [N, D] by their dot product (Coates et al. 2011).

    One that no point is nearest to stays the random direction that it began as.
    """
    centres = random.normal(size=(count, points.shape[1]))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    for _ in range(_STEPS):
        products = points @ centres.T
        nearest = products.argmax(axis=1)
        order = np.argsort(nearest, kind="stable")
        chosen, first = np.unique(nearest[order], return_index=True)
        pulled = points[order] * products[order, nearest[order]][:, None]
        sums = np.add.reduceat(pulled, first, axis=0)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        centres[chosen] = np.where(norms > 1e-6, sums / np.maximum(norms, 1e-6), centres[chosen])
    return centres


class Descriptors(PictureNetwork):
    """Fixed descriptors of a picture, less their means on the training rows, and a linear head."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"filters": 16}
    head: nn.Linear
    centre: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.check_size(encoder, max(24, 2 * options.cells, 2 * options.window), "enlarge the pictures")
        self.light = Light(encoder)
        self.gradients = Gradients(encoder, options.cells, options.orientations)
        self.patches = Patches(encoder, options.filters, options.window) if options.filters else None
        self.colours = Histogram(encoder, _COLOURS)
        self.spectrum = Spectrum(encoder, _ROWS, _COLUMNS)
        width = 3 * options.orientations * options.cells**2 + _POOLED**2 * options.filters
        width += 3 * _COLOURS + self.spectrum.bands[0] * self.spectrum.bands[1] + _THUMBNAIL**2
        self.register_buffer("centre", torch.zeros(width))
        self.head = nn.Linear(width, classes)

    def fit_start(self, rows: Any) -> None:
        """Learn the patch filters from the training rows."""
        if self.patches is not None:
            self.patches.fit(rows)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the descriptors float [B, F] of pixels float [B, 3, H, W], less their means on training rows."""
        grey = self.light(pixels).mean(dim=1, keepdim=True)
        small = banded(grey, (_THUMBNAIL, _THUMBNAIL)).flatten(1)
        small = small - small.mean(dim=1, keepdim=True)
        small = small / (small.square().mean(dim=1, keepdim=True).sqrt() + _FAINT)  # light is in the colours
        parts = [small, self.colours(pixels), self.spectrum(pixels), self.gradients(pixels)]
        if self.patches is not None:
            parts.append(self.patches(pixels))
        return torch.cat(parts, dim=1) - self.centre
