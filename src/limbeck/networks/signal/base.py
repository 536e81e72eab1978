"""What students of signals share: the trunk over the samples, the branches beside it, and how a trunk is handed on."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks.base import Network
from limbeck.networks.image.base import read_state, take
from limbeck.networks.signal.nearest_neighbor import Nearest
from limbeck.recipe import Section


class SignalOptions(Section):
    """Keys of ``[student]`` that all networks of signals have."""

    mix: int = Field(default=64, ge=4, le=1024, description="width of the layer that joins trunk and branches")
    branch: int = Field(default=32, ge=2, le=512, description="width of the rhythm's and of the features' branch")
    dropout: float = Field(default=0.3, ge=0, lt=1)
    nearest: int = Field(
        default=0, ge=0, description="the convolution, from 1, by whose maps training rows are compared; 0 is a head"
    )
    bank: int = Field(default=1000, ge=2, le=100_000, description="rows that nearest remembers at most")


class Norm1d(nn.BatchNorm1d):
    """Batch norm that gives a batch of one row the running figures, as `limbeck.networks.image.base.Norm` does."""

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise float [B, F] or [B, F, t] by channel."""
        if self.training and maps.shape[0] == 1:
            mean, variance = self.running_mean, self.running_var
            return nn.functional.batch_norm(maps, mean, variance, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(maps)


class SignalNetwork(Network):
    """Base of the students of signals: a subclass builds its trunk, implements ``pooled`` and ends with ``join``.

    The rhythm and the features, where the recipe wants them, pass a layer each; trunk and branches are joined by one
    more, and the head tells the classes.
    """

    encoders = ("signal",)
    fixed = ("rhythm", "features")

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        self.inside, self.samples = encoder.channels, encoder.shape[1]
        self.rhythm_width, self.features_width = encoder.numbers
        self.frozen: list[nn.Module] = []  # layers of a given trunk that do not learn yet
        self.arrays = arrays_of(encoder)

    def join(self, width: int, classes: int) -> None:
        """Build what follows a trunk of ``width`` pooled maps."""
        options = self.options
        self.rhythm = _branch(self.rhythm_width, options) if self.rhythm_width else None
        self.beside = _branch(self.features_width, options) if self.features_width else None
        branches = sum(branch is not None for branch in (self.rhythm, self.beside))
        self.dropout = nn.Dropout(options.dropout)
        joined = nn.Linear(width + branches * options.branch, options.mix)
        self.mix = nn.Sequential(joined, nn.ReLU(), nn.Dropout(options.dropout))
        self.head = Nearest(self._placed_width(), classes) if options.nearest else nn.Linear(options.mix, classes)

    def _placed_width(self) -> int:
        layers = self.layers[: self.options.nearest]
        if len(layers) < self.options.nearest or any(isinstance(layer, nn.LSTM) for layer in layers):
            most = sum(not isinstance(layer, nn.LSTM) for layer in self.layers)
            what = f"student.nearest is {self.options.nearest}, and the trunk has {most} convolutions"
            raise LimbeckError(what, where="recipe", fix=f"name one from 1 to {most}")
        with torch.no_grad():
            return int(self.placed(torch.zeros(2, self.inside, self.samples)).shape[1])

    def placed(self, beats: Tensor) -> Tensor:
        """Map windows float [B, C, T] to the maps of the convolution ``nearest``, place by place, float [B, F t]."""
        for layer in self.layers[: self.options.nearest]:
            beats = layer(beats)
        return beats.flatten(1)

    def pooled(self, beats: Tensor) -> Tensor:
        """Map windows float [B, C, T] to pooled maps, float [B, F]."""
        raise LimbeckError(f"{type(self).__name__} has no trunk")

    @property
    def layers(self) -> list[nn.Module]:
        """The trunk's layers, first to last, for thawing one by one."""
        raise LimbeckError(f"{type(self).__name__} has no layers")

    def features(self, *arrays: Tensor) -> Tensor:
        """Join trunk and branches, float [B, mix]; with ``nearest`` the maps of one layer, see `placed`."""
        given = dict(zip(self.arrays, arrays, strict=True))
        if self.options.nearest:
            return self.placed(given["beats"])
        parts = [self.dropout(self.pooled(given["beats"]))]
        if self.rhythm is not None:
            parts.append(self.rhythm(given["rhythm"]))
        if self.beside is not None:
            parts.append(self.beside(given["features"]))
        return self.mix(torch.cat(parts, dim=1))

    def train(self, mode: bool = True) -> SignalNetwork:
        """Switch to training; frozen layers stay as in answering, running means and all."""
        super().train(mode)
        for layer in self.frozen:
            layer.eval()
        return self

    def load_start(self, source: str, encoder: Any) -> str:
        """Start from the ``weights.safetensors`` of a bundle with the same network and input; the head may differ."""
        try:
            return take(self, read_state(source), source)
        except LimbeckError as error:
            fix = "give [student] and [input.signal] as they are in the recipe.toml beside those weights"
            raise LimbeckError(error.what, where=error.where, fix=error.fix or fix) from error


def arrays_of(encoder: Any) -> tuple[str, ...]:
    """Return the arrays of a batch that an encoder of signals makes: those that have columns."""
    rhythm, features = encoder.numbers
    return ("beats", *(["rhythm"] if rhythm else []), *(["features"] if features else []))


def _branch(width: int, options: Any) -> nn.Module:
    return nn.Sequential(Norm1d(width), nn.Linear(width, options.branch), nn.ReLU(), nn.Dropout(options.dropout))


def mean_and_max(maps: Tensor) -> Tensor:
    """Return mean and maximum of maps [B, F, t] over time, [B, 2 F]."""
    return torch.cat((maps.mean(dim=2), maps.amax(dim=2)), dim=1)


def halving(inside: int, width: int, size: int) -> nn.Module:
    """Return a convolution of stride 2 with its norm: windows float [B, inside, t] become [B, width, (t + 1) // 2]."""
    convolution = nn.Conv1d(inside, width, size, stride=2, padding=size // 2, bias=False)
    return nn.Sequential(convolution, Norm1d(width), nn.ReLU())
