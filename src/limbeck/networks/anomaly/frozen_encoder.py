"""The frozen encoder of a detector: maps of several stages of a network that is not trained further.

What an encoder learned on other pictures says what is there; a detector learns which of it is normal here (Deng & Li
2022, §3.1; Roth et al. 2022, §3.1). The shallow stages see texture, the deep ones shape. The deepest stage is left out,
as in both papers: it speaks of the classes that the encoder was trained for.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.networks.image.base import PictureNetwork, read_state
from limbeck.networks.image.resnet import ResNet18, ResNet50
from limbeck.networks.image.squeezenet import SqueezeNet
from limbeck.recipe import Section

MOST_REMEMBERED = 2**30  # bytes
Encoder = Literal["squeezenet1_0", "squeezenet1_1", "resnet18", "resnet50"]
# Of each stride the module whose maps are the last at that stride.
LAYERS: dict[str, tuple[str, ...]] = {
    "squeezenet1_0": ("fire4", "fire8", "fire9"),
    "squeezenet1_1": ("fire3", "fire5", "fire9"),
    "resnet18": ("layer1", "layer2", "layer3"),
    "resnet50": ("layer1", "layer2", "layer3"),
}


class Encoded(Section):
    """Keys of ``[student]`` that all detectors with a frozen encoder know."""

    encoder: Encoder = Field(default="squeezenet1_1", description="the network whose maps are looked at")
    layers: list[str] = Field(default=[], description="its modules, shallow to deep; by default the network's choice")
    self_train: int = Field(
        default=0, ge=0, le=1000, description="epochs in which an encoder without weights learns from the rows first"
    )
    whole: float = Field(
        default=0.0, ge=0, le=1, description="part of the distance of the picture as a whole in the score"
    )


class Frozen(nn.Module):
    """Maps pixels to the maps of the chosen modules of an encoder; its weights get no gradient.

    ``learned`` makes it a student of such an encoder instead, which does. ``reader`` is what makes its pixels: where
    they are grey, the exported graph convolves one channel of three; see `convolved_grey`.

    Raises
    ------
    LimbeckError
        For a module that the encoder does not have, or modules that are not named from shallow to deep.
    """

    def __init__(self, options: Encoded, *, learned: bool = False, reader: Any = None) -> None:
        super().__init__()
        self.grey = reader if reader is not None and reader.settings.colour == "grey" else None
        self.kind, self.learned, self.given = options.encoder, learned, False
        self._memory: dict[bytes, list[Tensor]] | None = None
        self._room = 0
        self.net = self._fresh()
        self.net.head = self.net.dropout = nn.Identity()
        known = self.net.names if isinstance(self.net, SqueezeNet) else ["layer1", "layer2", "layer3", "layer4"]
        self.layers = tuple(options.layers) or LAYERS[options.encoder]
        for name in self.layers:
            if name not in known or self.layers.count(name) > 1:
                what = f"student.layers: {name!r} is no module of {options.encoder}, or is named twice"
                raise LimbeckError(what, where="recipe", fix=did_you_mean(name, known))
        if [name for name in known if name in self.layers] != list(self.layers):
            raise LimbeckError("student.layers are not from shallow to deep", where="recipe", fix="sort them")
        self._cut(known)
        for weight in self.parameters():
            weight.requires_grad_(learned)

    def _fresh(self) -> PictureNetwork:
        if self.kind.startswith("squeezenet"):
            version = self.kind.removeprefix("squeezenet").replace("_", ".")
            return SqueezeNet(SqueezeNet.parse({"version": version}), None, 2)
        kind = ResNet18 if self.kind == "resnet18" else ResNet50
        return kind(kind.parse({}), None, 2)

    def _cut(self, known: list[str]) -> None:
        """Leave out what lies behind the last chosen module: nothing asks for it."""
        last = known.index(self.layers[-1]) + 1
        if isinstance(self.net, SqueezeNet):
            self.net.trunk, self.net.names = self.net.trunk[:last], known[:last]
        else:
            for name in known[last:]:
                setattr(self.net, name, nn.Identity())

    def load_start(self, source: str, encoder: Any) -> str:
        """Take the weights of the encoder from a file; returns a line that says what was taken."""
        fresh = self._fresh()
        line = fresh.load_start(source, encoder).split(";")[0]
        own = set(self.net.state_dict())
        self.net.load_state_dict({name: value for name, value in fresh.state_dict().items() if name in own})
        self.given = True
        wanted = "caffe" if "conv1.weight" in read_state(source) and self.kind.startswith("squeeze") else "imagenet"
        if encoder is not None and encoder.settings.convention != wanted:
            line += f'; these weights were most likely trained with input.convention = "{wanted}"'
        return line

    def train(self, mode: bool = True) -> Frozen:
        """Stay in answering: running figures of norms are the encoder's own."""
        return super().train(mode and self.learned)

    def forward(self, pixels: Tensor) -> list[Tensor]:
        """Map pixels float [B, 3, H, W] to a list of maps float [B, F, h, w], one for each module, shallow first."""
        if self.learned:
            return self._maps(pixels)
        with torch.no_grad():
            return self._maps(pixels) if self._memory is None else self._recalled(pixels, self._memory)

    @contextlib.contextmanager
    def remembering(self, most: int = MOST_REMEMBERED) -> Iterator[None]:
        """Keep the maps of the pictures seen in here, up to ``most`` bytes, and give them when they come again.

        They are kept in half precision, and given so the first time too: whether a picture is remembered changes no
        number, so that a resumed run is the same.
        """
        self._memory, self._room = {}, most
        try:
            yield
        finally:
            self._memory = None

    def _recalled(self, pixels: Tensor, memory: dict[bytes, list[Tensor]]) -> list[Tensor]:
        keys = [hashlib.blake2b(one.cpu().numpy().tobytes(), digest_size=16).digest() for one in pixels]
        new = [at for at, key in enumerate(keys) if key not in memory]
        if new:
            # One by one, as what stands beside a picture in a batch may move its maps by a rounding.
            found = {keys[at]: [maps[0].half() for maps in self._maps(pixels[at : at + 1])] for at in new}
            size = sum(maps.nbytes for maps in found[keys[new[0]]])
            for key, maps in found.items():
                if self._room >= size:
                    memory[key], self._room = maps, self._room - size
        else:
            found = {}
        rows = [memory[key] if key in memory else found[key] for key in keys]
        return [torch.stack(scale).float() for scale in zip(*rows, strict=True)]

    def _maps(self, pixels: Tensor) -> list[Tensor]:
        found: list[Tensor] = []
        for name, module in self._steps():
            if self.grey is not None and torch.onnx.is_in_onnx_export() and one_is_enough(module):
                pixels = convolved_grey(module, pixels, self.grey)
            else:
                pixels = module(pixels)
            if name in self.layers:
                found.append(pixels)
            if len(found) == len(self.layers):
                break
        return found

    def _steps(self) -> list[tuple[str, nn.Module]]:
        if isinstance(self.net, SqueezeNet):
            return list(zip(self.net.names, self.net.trunk, strict=True))
        stem = nn.Sequential(self.net.conv1, self.net.bn1, nn.ReLU(), self.net.maxpool)
        return [("stem", stem), *((name, getattr(self.net, name)) for name in ("layer1", "layer2", "layer3", "layer4"))]

    @property
    def widths(self) -> list[int]:
        """Number of maps of each chosen module."""
        side = 64
        with torch.no_grad():
            return [maps.shape[1] for maps in self._maps(torch.zeros(1, 3, side, side))]


def one_is_enough(module: nn.Module) -> bool:
    """Whether a module is the first convolution, and has no windows that hang over the edge: zeros are no grey."""
    return isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.padding == (0, 0)


def convolved_grey(first: nn.Conv2d, pixels: Tensor, reader: Any) -> Tensor:
    """Return ``first(pixels)`` of grey pictures, float [B, 3, H, W], read off their first channel: a third of the work.

    The channels hold one picture, each on a scale of its own (`ImageInput.affine`), so that each is the first one times
    a number and plus one.
    """
    scale, shift = reader.affine()
    weight = first.weight.detach().double().numpy()
    times = scale / scale[0]
    plus = (weight * (shift - times * shift[0])[:, None, None]).sum(axis=(1, 2, 3))
    bias = plus if first.bias is None else plus + first.bias.detach().double().numpy()
    alone = (weight * times[:, None, None]).sum(axis=1, keepdims=True)
    given = [torch.from_numpy(array.astype(np.float32)) for array in (alone, bias)]
    return nn.functional.conv2d(pixels[:, :1], *given, stride=first.stride)
