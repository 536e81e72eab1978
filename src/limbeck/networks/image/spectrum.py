"""The log-spectrum of a picture inside the graph, a network that sees nothing else, and its place in another student.

A photo of a photo has been through a lens, a print or a screen, and a lens once more; what that does to the spectrum
does not depend on whose face it is (Li et al. 2004, "Live face detection based on the analysis of Fourier spectra").
The discrete Fourier transform is two products with constant matrices, so it is exported like any linear layer, and
costs less than one convolution. No window is laid over the picture: what its opposite edges differ by is part of it.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.base import Network
from limbeck.networks.image.base import PictureNetwork, pixels_of
from limbeck.recipe import Section

_FLOOR = 0.1  # added to the power before its logarithm; a picture of n x n has spread 1 and so a mean power of n x n
_BATCH = 64  # pictures looked at together before the first step
_LEVELS = (
    255.0 * _FLOOR**0.5
)  # of a picture that keeps its contrast, so that the floor is one of its 255 levels, squared
_FLAT = 0.02  # added to a picture's spread (1 is from black to white), so that noise in a flat one stays small


class Options(Section):
    """Keys of ``[student]`` for ``network = "spectrum"``."""

    rows: int = Field(default=16, ge=2, le=256, description="bands from top to bottom, frequency 0 in the middle")
    columns: int = Field(default=8, ge=2, le=128, description="bands from frequency 0 to the highest")
    contrast: bool = Field(default=True, description="bring every picture to the same contrast first")
    colours: int = Field(default=0, ge=0, le=64, description="bins of a histogram of each colour beside the bands")
    hidden: int = Field(default=64, ge=0, le=1024, description="width of the hidden layer; 0: linear in the bands")
    dropout: float = Field(default=0.5, ge=0, lt=1)


class Light(nn.Module):
    """What the network gets as it was before the convention: light from 0, black, to 1, white."""

    scale: Tensor
    shift: Tensor

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        for name, value in zip(("scale", "shift"), encoder.affine(), strict=True):
            constant(self, name, value[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to light, float32 of the same shape."""
        return (pixels.float() - self.shift) / self.scale


def constant(module: nn.Module, name: str, value: np.ndarray) -> None:
    """Give a module a float32 tensor that is no weight: it is not stored, not rounded, and not averaged."""
    module.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)


class Spectrum(nn.Module):
    """Pixels to the logarithm of their power in bands of frequency.

    Parameters
    ----------
    encoder
        The pictures' input, whose convention says what a normalised number is.
    rows, columns
        Bands; means of the log-power over fields of the half plane of the spectrum that a real picture has.
    contrast
        Bring every picture to the same contrast first.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, encoder: Any, rows: int, columns: int, *, contrast: bool = True) -> None:
        super().__init__()
        size = encoder.size
        self.contrast = contrast
        self.bands = min(rows, size), min(columns, size // 2)
        angle = 2.0 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
        # Frequency 0 in the middle: the rows of the matrix are turned, not the picture of the spectrum.
        turned = np.roll(angle, size // 2, axis=0)
        self.light = Light(encoder)
        constant(self, "cosine", np.cos(turned))
        constant(self, "sine", np.sin(turned))

    def plane(self, pixels: Tensor) -> Tensor:
        """Return the log-power float32 [B, H, H / 2] of pixels float [B, 3, H, H].

        Down it goes from -1/2 to 1/2 cycles a pixel, across from 0 to 1/2. It is that of the mean of the colours,
        brought to mean 0, and with ``contrast`` to spread 1. Without, what a sensor adds has its own strength, which
        does not depend on what it looks at.
        """
        with torch.autocast(pixels.device.type, enabled=False):  # eight bits of mantissa drown what is weak
            grey = self.light(pixels).mean(dim=1)
            grey = grey - grey.mean(dim=(1, 2), keepdim=True)
            if self.contrast:
                grey = grey / (grey.square().mean(dim=(1, 2), keepdim=True).sqrt() + _FLAT)
            else:
                grey = grey * _LEVELS
            return torch.log(self.power(grey) + _FLOOR)

    def power(self, grey: Tensor) -> Tensor:
        """Return the power of the transform, float32 [B, H, H / 2], of pictures float32 [B, H, H]."""
        half = grey.shape[2] // 2
        if not torch.onnx.is_in_onnx_export():  # the same numbers, many times faster for large pictures
            found = torch.fft.rfft2(grey)[:, :, : grey.shape[2] - half]
            return torch.roll(found.real.square() + found.imag.square(), half, dims=1)
        across = self.cosine[half:].T, self.sine[half:].T  # from frequency 0 up
        real, imaginary = grey @ across[0], grey @ across[1]
        power = (self.cosine @ real - self.sine @ imaginary).square()
        return power + (self.cosine @ imaginary + self.sine @ real).square()

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, H] to the means of the log-power in each band, float32 [B, rows * columns]."""
        plane = self.plane(pixels)[:, None]
        return banded(plane, self.bands).flatten(1)


def banded(plane: Tensor, bands: tuple[int, int]) -> Tensor:
    """Return means over equal fields of maps [B, F, H, W], [B, F, *bands]; sides that do not divide are cut at the end.

    Adaptive pooling would do, but is exported only where the sides divide.
    """
    down, across = int(plane.shape[2]) // bands[0], int(plane.shape[3]) // bands[1]
    return nn.functional.avg_pool2d(plane, (down, across))[:, :, : bands[0], : bands[1]]


class Histogram(nn.Module):
    """How much of a picture has each level of each colour, wherever it is; of means over fields of 4 x 4 pixels.

    What is finer is the spectrum's. Bins overlap as triangles do, so that a level between two counts for both.
    """

    levels: Tensor

    def __init__(self, encoder: Any, bins: int) -> None:
        super().__init__()
        self.bins, self.light = bins, Light(encoder)
        constant(self, "levels", np.arange(bins)[None, :, None, None] + 0.5)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to shares of each level, float32 [B, 3 * bins]."""
        with torch.autocast(pixels.device.type, enabled=False):
            means = self.light(nn.functional.avg_pool2d(pixels.float(), 4))
            filled = (means * self.bins).clamp(0.5, self.bins - 0.5)
            found = [torch.relu(1.0 - (filled[:, c : c + 1] - self.levels).abs()).mean(dim=(2, 3)) for c in range(3)]
            return torch.cat(found, dim=1)


class Branch(nn.Module):
    """Band powers on the scale of the training rows, through one hidden layer or as they are."""

    mean: Tensor
    spread: Tensor

    def __init__(self, encoder: Any, options: Options) -> None:
        super().__init__()
        self.reader = encoder
        self.spectrum = Spectrum(encoder, options.rows, options.columns, contrast=options.contrast)
        self.histogram = Histogram(encoder, options.colours) if options.colours else None
        self.blocks = [size for size in (self.spectrum.bands[0] * self.spectrum.bands[1], 3 * options.colours) if size]
        bands = sum(self.blocks)
        self.register_buffer("mean", torch.zeros(bands))
        self.register_buffer("spread", torch.ones(bands))
        # Without a hidden layer these are the features, to which the network that has them applies its own dropout.
        self.dropout = nn.Dropout(options.dropout) if options.hidden else nn.Identity()
        self.hidden = nn.Sequential(nn.Linear(bands, options.hidden), nn.ReLU()) if options.hidden else nn.Identity()
        self.width = options.hidden or bands

    @torch.no_grad()
    def fit_start(self, rows: Any) -> None:
        """Read mean and spread of each number over the training rows; a batch's own would add noise to every answer.

        Bands and colours count alike, however many there are: each block has the same total variance.
        """
        bands = torch.cat([self.seen(pixels) for pixels in pixels_of(self.reader, rows, _BATCH)])
        self.mean.copy_(bands.mean(dim=0))
        even = [(size * len(self.blocks) / sum(self.blocks)) ** 0.5 for size in self.blocks]
        share = torch.cat([torch.full((size,), value) for size, value in zip(self.blocks, even, strict=True)])
        spread = bands.std(dim=0, correction=0)
        self.spread.copy_(torch.where(spread > 1e-3, spread, 1.0) * share)  # what never changed tells nothing

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, H] to features float [B, hidden or bands]."""
        return self.hidden(self.dropout((self.seen(pixels) - self.mean) / self.spread))

    def seen(self, pixels: Tensor) -> Tensor:
        """Return what is read off pixels float [B, 3, H, H]: the bands, then the histograms."""
        bands = self.spectrum(pixels)
        return bands if self.histogram is None else torch.cat((bands, self.histogram(pixels)), dim=1)


class SpectrumNet(PictureNetwork):
    """A picture's spectrum and nothing else: the frequency teacher."""

    Options = Options
    halves: ClassVar[dict[str, float]] = {"hidden": 8}

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.branch = Branch(encoder, options)
        self.dropout = nn.Dropout(options.dropout if options.hidden else 0.0)  # once is enough
        self.head = nn.Linear(self.branch.width, classes)

    def fit_start(self, rows: Any) -> None:
        """Read the scale of the bands."""
        self.branch.fit_start(rows)

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the features as maps of one place, float [B, hidden or bands, 1, 1]."""
        return self.branch(pixels)[:, :, None, None]


class Fused(PictureNetwork):
    """A student of pictures beside the spectrum of its input: the head reads the features of both."""

    def __init__(self, student: PictureNetwork, options: Options, encoder: Any, classes: int) -> None:
        super().__init__(student.options, encoder, classes)
        self.student, self.branch = student, Branch(encoder, options)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(student.width + self.branch.width, classes)
        self.bf16_pays, self.threads = student.bf16_pays, student.threads
        student.head = nn.Identity()  # its place is taken

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the student's maps."""
        return self.student.maps(pixels)

    def pool(self, maps: Tensor) -> Tensor:
        """Return the student's features of its maps."""
        return self.student.pool(maps)

    def features(self, pixels: Tensor) -> Tensor:
        """Return the student's features and the spectrum's, float [B, F + hidden]."""
        return self.joined(self.student.features(pixels), pixels)

    def joined(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Return the student's features float [B, F] with the spectrum's behind them, float [B, F + hidden]."""
        return torch.cat((features, self.dropout(self.branch(pixels)).to(features.dtype)), dim=1)

    def load_start(self, source: str, encoder: Any) -> str:
        """Start the student from given weights."""
        return self.student.load_start(source, encoder)

    def fit_start(self, rows: Any) -> None:
        """Read the scale of the bands, and what the student wants to know."""
        self.student.fit_start(rows)
        self.branch.fit_start(rows)

    def fold(self) -> None:
        """Fold the student."""
        self.student.fold()

    def groups(self, rate: float, decay: float) -> list[dict[str, Any]]:
        """Return the optimizer's groups, the student's own first."""
        own = {id(weight) for weight in self.student.parameters()}
        rest = [weight for weight in self.parameters() if id(weight) not in own and weight.requires_grad]
        matrices, vectors = [w for w in rest if w.ndim > 1], [w for w in rest if w.ndim < 2]
        return [
            *self.student.groups(rate, decay),
            {"params": matrices, "lr": rate, "weight_decay": decay},
            {"params": vectors, "lr": rate, "weight_decay": 0.0},
        ]


def fused(network: Network, encoder: Any, classes: int, options: dict[str, Any]) -> Network:
    """Return a student of pictures with the spectrum of its input beside it, as `SpectrumNet` would read it.

    Raises
    ------
    LimbeckError
        For options that `SpectrumNet` does not have.
    """
    assert isinstance(network, PictureNetwork)  # a recipe with it is one of pictures
    return Fused(network, SpectrumNet.parse(options, "student.spectrum"), encoder, classes)
