"""MiniRocket: fixed random-convolution features and a linear head (Dempster, Schmidt and Webb, KDD 2021).

84 kernels of nine weights, three of them 2 and six of them -1, are applied at exponentially spaced dilations. A feature
is the share of one kernel's outputs that lie above one bias (PPV, proportion of positive values). The biases are
quantiles of the outputs on training rows. Only the head is fitted, in closed form: see
`limbeck.training.fit.ridge_head`.

Samples are rounded to integers, 1,024 to a standard deviation. Sums of integers below 2^24 are exact in single
precision, in any order, and so are the comparisons: torch and onnxruntime count the same outputs.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks.base import Network
from limbeck.networks.signal.base import arrays_of
from limbeck.recipe import Section

LENGTH = 9  # weights of a kernel
KERNELS = 84  # ways to choose the three weights that are 2
GOLDEN = (np.sqrt(5) + 1) / 2  # its multiples, modulo 1, are the low-discrepancy quantiles of the paper
GRID = 1024.0  # integers to a standard deviation of the training rows
LARGEST = 2.0**17  # 12 (sum of a kernel's absolute weights) * 9 channels * 2^17 < 2^24
_DILATIONS = 32  # most dilations of a kernel, as in the paper
_CHANNELS = 9  # most channels that one kernel reads, as in the multivariate variant of the paper's code


class Options(Section):
    """Keys of ``[student]`` for ``network = "minirocket"``."""

    features: int = Field(default=9996, ge=KERNELS, le=50_000, description="PPV features, rounded down to 84 a step")
    rows: int = Field(default=4000, ge=10, le=20_000, description="labelled rows that the head is fitted on at most")


class MiniRocket(Network):
    """PPV features of fixed convolutions; rhythm and further features of the recipe stand beside them.

    Attributes
    ----------
    dilations
        Dilation -> features that each kernel has at it.
    """

    Options = Options
    halves: ClassVar[dict[str, float]] = {"features": 168}
    encoders = ("signal",)
    fixed = ("rhythm", "features")
    head: nn.Linear
    factor: Tensor
    centre: Tensor

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        channels, samples = encoder.channels, encoder.shape[1]
        if samples < LENGTH:
            what = f"windows of {samples} samples are shorter than a kernel of {LENGTH}"
            fix = "raise input.signal.rate, before or after"
            raise LimbeckError(f"the network 'minirocket': {what}", where="recipe", fix=fix)
        self.arrays = arrays_of(encoder)
        self.dilations = dilations(samples, options.features // KERNELS)
        self.register_buffer("factor", torch.ones(1, channels, 1))
        for at, count in enumerate(self.dilations.values()):
            for first in (0, 1):  # kernels with an even number, and the others: one of the two is padded
                self.register_buffer(f"kernels{at}_{first}", torch.zeros(KERNELS // 2, channels, LENGTH))
                self.register_buffer(f"biases{at}_{first}", torch.zeros(KERNELS // 2, count, 1))
        width = KERNELS * sum(self.dilations.values()) + sum(encoder.numbers)
        self.register_buffer("centre", torch.zeros(width))
        self.head = nn.Linear(width, classes)

    @torch.no_grad()
    def fit_start(self, rows: Any) -> None:
        """Choose the channels of each kernel, and the biases: quantiles of its output on one training row each.

        Channels that are constant in all rows are left out. Draws depend on the number of rows alone.
        """
        beats = torch.from_numpy(rows.beats)
        spread = beats.double().std(dim=(0, 2), unbiased=False).float()
        live = np.flatnonzero((spread > 0).numpy())
        self.factor.copy_(torch.where(spread > 0, GRID / spread, torch.zeros(()))[None, :, None])
        random, number = np.random.default_rng(len(beats)), 1
        for at, (dilation, count) in enumerate(self.dilations.items()):
            reads = torch.from_numpy(_channels(len(spread), live, random))
            chosen = self._integers(beats[torch.from_numpy(random.integers(len(beats), size=KERNELS))])
            shares = (np.arange(number, number + KERNELS * count) * GOLDEN % 1).reshape(KERNELS, count)
            number += KERNELS * count
            for first in (0, 1):
                weights = kernels()[first::2, None, :] * reads[first::2, :, None]
                getattr(self, f"kernels{at}_{first}").copy_(weights)
                windows, padding = chosen[first::2].flatten(0, 1)[None], padding_of(first, at, dilation)
                outputs = nn.functional.conv1d(
                    windows, weights, padding=padding, dilation=dilation, groups=len(weights)
                )
                quantiles = _quantiles(outputs[0].double().numpy(), shares[first::2])
                getattr(self, f"biases{at}_{first}").copy_(torch.from_numpy(quantiles).floor().unsqueeze(2))

    def features(self, *arrays: Tensor) -> Tensor:
        """Map windows float [B, C, T], rhythm and features to float [B, F], less the mean on training rows."""
        given = dict(zip(self.arrays, arrays, strict=True))
        beats = self._integers(given.pop("beats"))
        parts = []
        for at, dilation in enumerate(self.dilations):
            for first in (0, 1):
                weights, biases = getattr(self, f"kernels{at}_{first}"), getattr(self, f"biases{at}_{first}")
                padding = padding_of(first, at, dilation)
                outputs = nn.functional.conv1d(beats, weights, padding=padding, dilation=dilation)
                parts.append((outputs.unsqueeze(2) > biases).to(beats.dtype).mean(dim=3).flatten(1))
        return torch.cat([*parts, *given.values()], dim=1) - self.centre

    def _integers(self, beats: Tensor) -> Tensor:
        return torch.round(beats * self.factor).clamp(-LARGEST, LARGEST)


def kernels() -> Tensor:
    """Return the 84 kernels, float [84, 9]: -1 everywhere but for three places with 2, in the order of the places."""
    found = torch.full((KERNELS, LENGTH), -1.0)
    for row, places in enumerate(combinations(range(LENGTH), 3)):
        found[row, list(places)] = 2.0
    return found


def dilations(samples: int, count: int) -> dict[int, int]:
    """Return dilation -> features of each kernel, ``count`` in all, for windows of ``samples``; paper, section 3.1.

    Exponents are evenly spaced up to the widest kernel that the window holds. What rounding leaves over goes to the
    smallest dilations.
    """
    steps = min(count, _DILATIONS)
    exponents = np.linspace(0, np.log2((samples - 1) / (LENGTH - 1)), steps) if samples > LENGTH else np.zeros(steps)
    sizes, times = np.unique((2**exponents + 1e-9).astype(np.int64), return_counts=True)
    shares = times * count // steps
    for at in range(count - int(shares.sum())):
        shares[at % len(shares)] += 1
    return {int(size): int(share) for size, share in zip(sizes, shares, strict=True)}


def padding_of(kernel: int, dilation_index: int, dilation: int) -> int:
    """Return the zeros at each end: every other kernel has them, in turn from dilation to dilation."""
    return (LENGTH - 1) * dilation // 2 if (kernel + dilation_index) % 2 == 0 else 0


def _quantiles(values: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return the quantiles float64 [K, Q] of each row of values [K, T], at shares [K, Q] of their own, interpolated."""
    ordered, places = np.sort(values, axis=1), shares * (values.shape[1] - 1)
    below = places.astype(np.int64)
    above = np.minimum(below + 1, values.shape[1] - 1)
    low, high = (np.take_along_axis(ordered, at, axis=1) for at in (below, above))
    return np.asarray(low + (high - low) * (places - below))


def _channels(count: int, live: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return which of ``count`` channels each kernel reads, float32 [84, C], drawn from those that vary."""
    reads = np.zeros((KERNELS, count), dtype=np.float32)
    if not len(live):
        return reads
    most = np.log2(min(len(live), _CHANNELS) + 1)
    for kernel in range(KERNELS):
        size = max(1, min(int(2 ** random.uniform(0, most)), len(live)))
        reads[kernel, random.permutation(live)[:size]] = 1.0
    return reads
