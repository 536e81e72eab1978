"""Fourier supervision: the student's own feature maps foretell the log-spectrum of the picture they were made from.

The idea is that of auxiliary frequency supervision for face liveness (MiniFASNet, Yu et al. 2020). What matters is
where the branch hangs. A branch that looks at the spectrum of the *input* shares no weight with the student: its loss
falls, and the student stays what it was, bit for bit. Here the branch reads the student's last maps, so that its
gradient goes through every convolution. It is one of three ways in which the spectrum can reach a student:

- ``features``, this loss: a head that is dropped at export, so that it costs nothing afterwards;
- ``teacher``: the network "spectrum" trained first and distilled, ``source = "trained:spectrum"``;
- ``input``: the spectrum beside the student's features, ``student.spectrum = true``, to be computed in serving too.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks import Network
from limbeck.networks.image.base import Norm, PictureNetwork
from limbeck.networks.image.spectrum import Spectrum
from limbeck.objectives.base import Loss, Step
from limbeck.recipe import Objective

BANDS = (16, 8)  # of the spectrum's half plane, as the network "spectrum" reads it


class Fourier(Loss):
    """Mean squared error between a linear map of the maps' means and energies and the band powers of the input.

    The energy of a filter's map is the power that the filter lets through (Parseval), so this is what maps can be
    expected to tell of a spectrum. Band powers are standardised over the batch: 1 is what their mean alone would give.
    """

    def __init__(self, objective: Objective, network: Network, encoder: Any, classes: tuple[str, ...]) -> None:
        super().__init__(objective, network, encoder, classes)
        if not isinstance(network, PictureNetwork):
            what = "the loss 'fourier' needs a student of pictures"
            raise LimbeckError(what, where="recipe", fix="set task.kind = 'image', or take it out of objective.losses")
        self.spectrum = Spectrum(encoder, *BANDS)
        bands = self.spectrum.bands[0] * self.spectrum.bands[1]
        self.standard = Norm(bands, affine=False)
        self.head = nn.Linear(2 * filters_of(network, encoder.size), bands)

    def forward(self, step: Step) -> Tensor:
        """Mean over rows and bands; a lone row is standardised by the running figures."""
        maps = step.maps.float()
        energies = torch.cat((maps.mean(dim=(2, 3)), (maps.square().mean(dim=(2, 3)) + 1e-6).sqrt()), dim=1)
        wanted = self.standard(self.spectrum(step.arrays["pixels"])[:, :, None, None]).flatten(1)
        return nn.functional.mse_loss(self.head(energies), wanted)


@torch.no_grad()
def filters_of(network: PictureNetwork, size: int) -> int:
    """Return how many last feature maps a student has, by looking at a blank picture."""
    was = network.training
    weight = next(network.parameters())
    found = network.eval().maps(torch.zeros(1, 3, size, size, device=weight.device, dtype=weight.dtype)).shape[1]
    network.train(was)
    return int(found)
