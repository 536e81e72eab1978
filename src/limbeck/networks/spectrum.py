"""The log-spectrum of a picture inside the graph, a network that sees nothing else, and its place in another student.

A photo of a photo has been through a lens, a print or a screen, and a lens once more; what that does to the spectrum
does not depend on whose face it is (Li et al. 2004, "Live face detection based on the analysis of Fourier spectra").
The discrete Fourier transform is two products with constant matrices, so it is exported like any linear layer, and
costs less than one convolution. No window is laid over the picture: what its opposite edges differ by is part of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.networks.base import Network
from limbeck.networks.pictures import Norm, PictureNetwork
from limbeck.recipe import Section

_FLOOR = 0.1  # added to the power before its logarithm; a picture of n x n has spread 1 and so a mean power of n x n
_FLAT = 0.02  # added to a picture's spread (1 is from black to white), so that noise in a flat one stays small


class Options(Section):
    """Keys of ``[student]`` for ``network = "spectrum"``."""

    rows: int = Field(default=16, ge=2, le=256, description="bands from top to bottom, frequency 0 in the middle")
    columns: int = Field(default=8, ge=2, le=128, description="bands from frequency 0 to the highest")
    hidden: int = Field(default=64, ge=2, le=1024)
    dropout: float = Field(default=0.5, ge=0, lt=1)


class Spectrum(nn.Module):
    """Pixels to the logarithm of their power in bands of frequency.

    Parameters
    ----------
    encoder
        The pictures' input, whose convention says what a normalised number is.
    rows, columns
        Bands; means of the log-power over fields of the half plane of the spectrum that a real picture has.
    """

    cosine: Tensor
    sine: Tensor
    scale: Tensor
    shift: Tensor

    def __init__(self, encoder: Any, rows: int, columns: int) -> None:
        super().__init__()
        size = encoder.size
        self.bands = min(rows, size), min(columns, size // 2)
        angle = 2.0 * np.pi * np.outer(np.arange(size), np.arange(size)) / size
        # Frequency 0 in the middle: the rows of the matrix are turned, not the picture of the spectrum.
        turned = np.roll(angle, size // 2, axis=0)
        scale, shift = encoder.affine()
        # Constants, not weights: they are not stored, not rounded, and not averaged.
        for name, value in (
            ("cosine", np.cos(turned)), ("sine", np.sin(turned)),
            ("scale", scale[:, None, None]), ("shift", shift[:, None, None]),
        ):  # fmt: skip
            self.register_buffer(name, torch.tensor(value, dtype=torch.float32), persistent=False)

    def plane(self, pixels: Tensor) -> Tensor:
        """Return the log-power float32 [B, H, H / 2] of pixels float [B, 3, H, H].

        Down it goes from -1/2 to 1/2 cycles a pixel, across from 0 to 1/2. It is that of the mean of the colours,
        brought to mean 0 and spread 1.
        """
        with torch.autocast(pixels.device.type, enabled=False):  # eight bits of mantissa drown what is weak
            grey = ((pixels.float() - self.shift) / self.scale).mean(dim=1)
            grey = grey - grey.mean(dim=(1, 2), keepdim=True)
            grey = grey / (grey.square().mean(dim=(1, 2), keepdim=True).sqrt() + _FLAT)
            half = grey.shape[2] // 2
            across = self.cosine[half:].T, self.sine[half:].T  # from frequency 0 up
            real, imaginary = grey @ across[0], grey @ across[1]
            power = (self.cosine @ real - self.sine @ imaginary).square()
            power = power + (self.cosine @ imaginary + self.sine @ real).square()
            return torch.log(power + _FLOOR)

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


class Branch(nn.Module):
    """Band powers, brought to one scale over the batch, through one hidden layer."""

    def __init__(self, encoder: Any, options: Options) -> None:
        super().__init__()
        self.spectrum = Spectrum(encoder, options.rows, options.columns)
        width = self.spectrum.bands[0] * self.spectrum.bands[1]
        self.norm = Norm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.hidden = nn.Linear(width, options.hidden)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, H] to features float [B, hidden]."""
        found = self.norm(self.spectrum(pixels)[:, :, None, None]).flatten(1)
        return torch.relu(self.hidden(self.dropout(found)))


class SpectrumNet(PictureNetwork):
    """A picture's spectrum and nothing else: the frequency teacher."""

    Options = Options

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.branch = Branch(encoder, options)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(options.hidden, classes)

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the features as maps of one place, float [B, hidden, 1, 1]."""
        return self.branch(pixels)[:, :, None, None]


class Fused(PictureNetwork):
    """A student of pictures beside the spectrum of its input: the head reads the features of both."""

    def __init__(self, student: PictureNetwork, options: Options, encoder: Any, classes: int) -> None:
        super().__init__(student.options, encoder, classes)
        self.student, self.branch = student, Branch(encoder, options)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(student.width + options.hidden, classes)
        self.bf16_pays, self.threads = student.bf16_pays, student.threads
        student.head = nn.Identity()  # its place is taken

    def maps(self, pixels: Tensor) -> Tensor:
        """Return the student's maps."""
        return self.student.maps(pixels)

    def pool(self, maps: Tensor) -> Tensor:
        """Return the student's features of its maps."""
        return self.student.pool(maps)

    def joined(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Return the student's features float [B, F] with the spectrum's behind them, float [B, F + hidden]."""
        return torch.cat((features, self.dropout(self.branch(pixels)).to(features.dtype)), dim=1)

    def load_start(self, source: str, encoder: Any) -> str:
        """Start the student from given weights."""
        return self.student.load_start(source, encoder)

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


def fused(network: Network, encoder: Any, classes: int) -> Network:
    """Return a student of pictures with the spectrum of its input beside it, as `SpectrumNet` would read it."""
    assert isinstance(network, PictureNetwork)  # the recipe allows it for pictures only
    return Fused(network, Options(), encoder, classes)
