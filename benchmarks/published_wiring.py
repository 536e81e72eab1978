"""The published wiring of Fourier supervision, kept to be measured and tested against; the product has no use for it.

A branch of its own foretells the spectrum of the *input* from the input. It shares no weight with the student.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from limbeck.networks import Network
from limbeck.networks.image.base import Norm
from limbeck.networks.image.spectrum import Spectrum
from limbeck.objectives import Loss, Step
from limbeck.objectives.fourier import BANDS
from limbeck.recipe import Objective


class PublishedWiring(Loss):
    """Mean squared error between a small convolutional branch over the pixels and their band powers."""

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        self.spectrum = Spectrum(encoder, *BANDS)
        bands = self.spectrum.bands[0] * self.spectrum.bands[1]
        self.standard = Norm(bands, affine=False)
        self.branch = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
            nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(256, bands),
        )  # fmt: skip

    def forward(self, step: Step) -> Tensor:
        """Mean over rows and bands."""
        pixels = step.arrays["pixels"]
        wanted = self.standard(self.spectrum(pixels)[:, :, None, None]).flatten(1)
        return nn.functional.mse_loss(self.branch(pixels), wanted)
