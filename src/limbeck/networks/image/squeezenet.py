"""SqueezeNet 1.0 and 1.1 (Iandola et al. 2016, table 1), which may start from ImageNet weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from limbeck.errors import LimbeckError
from limbeck.networks.image.base import PictureNetwork, read_state, take
from limbeck.networks.units import Part, Units, made_by
from limbeck.recipe import Section

# Filters of fire2 to fire9: squeeze, and each of the two expansions. Both versions have them.
_FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
# Filters and window of the first convolution, and the modules after which the grid is halved (1 is the convolution).
_VERSIONS: dict[str, tuple[int, int, tuple[int, ...]]] = {"1.0": (96, 7, (1, 4, 8)), "1.1": (64, 3, (1, 3, 5))}


class Options(Section):
    """Keys of ``[student]`` for ``network = "squeezenet"``."""

    version: Literal["1.0", "1.1"] = "1.1"
    upto: Literal["fire2", "fire3", "fire4", "fire5", "fire6", "fire7", "fire8", "fire9"] = Field(
        default="fire9", description="the last module of the trunk; an earlier one sees finer grain and costs less"
    )
    dropout: float = Field(default=0.5, ge=0, lt=1)


class Fire(nn.Module):
    """Squeeze by 1x1, expand by 1x1 and by 3x3 (Iandola et al. 2016, §3.2); the 1x1 maps come first."""

    def __init__(self, inside: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inside, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        """Map float [B, F, h, w] to [B, 2 * expand, h, w]."""
        small = torch.relu(self.squeeze(maps))
        # Each rectified by itself, which onnxruntime does within the convolution.
        return torch.cat((torch.relu(self.expand1x1(small)), torch.relu(self.expand3x3(small))), dim=1)


class SqueezeNet(PictureNetwork):
    """The published trunk to ``upto``, then a linear head over the means of its maps.

    The published head is a 1x1 convolution whose rectified maps are averaged. Averaging first leaves the rectifier
    out, so that the head is a function of the pooled features, as every student's is.
    """

    Options = Options
    head: nn.Linear

    def __init__(self, options: Any, encoder: Any, classes: int) -> None:
        super().__init__(options, encoder, classes)
        width, window, halved = _VERSIONS[options.version]
        last = int(options.upto.removeprefix("fire"))
        pools = sum(at < last for at in halved)
        self.check_size(encoder, 2 * (2**pools - 1) + window, "enlarge the pictures or lower student.upto")
        layers: list[nn.Module] = [nn.Conv2d(3, width, window, stride=2), nn.ReLU()]
        self.names = ["conv1", "relu"]  # of the trunk's modules, as the paper numbers them
        for number in range(1, last + 1):
            if number > 1:
                squeeze, expand = _FIRES[number]
                layers.append(Fire(width, squeeze, expand))
                self.names.append(f"fire{number}")
                width = 2 * expand
            if number in halved and number < last:
                # Windows may hang over the edge: so the weights were trained, by Caffe and by torchvision alike.
                layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
                self.names.append("pool")
        self.trunk = nn.Sequential(*layers)
        self.dropout = nn.Dropout(options.dropout)
        self.head = nn.Linear(width, classes)
        for module in self.trunk.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight)  # there is no norm that would fix another scale
                nn.init.zeros_(module.bias)

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the last module's maps, float [B, F, h, w]; h is about H / 16."""
        return self.trunk(pixels)

    def prunable_units(self) -> list[Units]:
        """Return the channels of the first convolution, and of each module those that squeeze and that expand."""
        fires = {at: module for at, module in enumerate(self.trunk) if isinstance(module, Fire)}
        places = list(fires)
        after = dict(zip([0, *places], [f"trunk.{at}.squeeze.weight" for at in places], strict=False))
        reader = after.get(0, "head.weight")
        first = (*made_by("trunk.0.weight", "trunk.0.bias"), Part(reader, 1))
        found = [Units("first", self.trunk[0].out_channels, first)]
        for at, fire in fires.items():
            name, reader, expand = f"trunk.{at}", after.get(at, "head.weight"), fire.expand1x1.out_channels
            read = [Part(f"{name}.{kind}.weight", 1) for kind in ("expand1x1", "expand3x3")]
            made = made_by(f"{name}.squeeze.weight", f"{name}.squeeze.bias")
            found.append(Units(f"{name} squeeze", fire.squeeze.out_channels, (*made, *read)))
            for half, kind in enumerate(("expand1x1", "expand3x3")):
                made = made_by(f"{name}.{kind}.weight", f"{name}.{kind}.bias")
                found.append(Units(f"{name} {kind}", expand, (*made, Part(reader, 1, (half * expand,)))))
        return found

    def keep_units(self, kept: Mapping[str, int]) -> None:
        """Replace the convolutions and the head by narrower ones."""
        first = self.trunk[0]
        width = kept["first"]
        self.trunk[0] = nn.Conv2d(3, width, first.kernel_size, stride=2)
        for at, module in enumerate(self.trunk):
            if isinstance(module, Fire):
                expand = kept[f"trunk.{at} expand1x1"]
                self.trunk[at] = Fire(width, kept[f"trunk.{at} squeeze"], expand)
                width = 2 * expand
        self.head = nn.Linear(width, self.head.out_features)

    def load_start(self, source: str, encoder: Any) -> str:
        """Start from a file with torchvision's names (``features.3.squeeze.weight``) or Caffe's
        (``fire2/squeeze1x1.weight``); weights behind ``upto`` are left out.

        Weights with Caffe's names want pixels in the order BGR, 0 to 255, minus (104, 117, 123).
        """
        given = read_state(source)
        filters = next((given[name].shape[0] for name in ("conv1.weight", "features.0.weight") if name in given), None)
        for version, (width, _, _) in _VERSIONS.items():
            if filters == width and version != self.options.version:
                what = f"these are weights of SqueezeNet {version}, student.version is {self.options.version!r}"
                raise LimbeckError(what, where=source, fix=f'set student.version = "{version}"')
        cut = "" if self.options.upto == "fire9" else f"what comes after {self.options.upto} was left out"
        # The head's 1x1 convolution [C, F, 1, 1] is a linear layer [C, F] here.
        own = {self._own(name): value for name, value in given.items()}
        own = {name: value.flatten(1) if name == "head.weight" else value for name, value in own.items()}
        return take(self, own, source, cut)

    def _own(self, name: str) -> str:
        """Return this network's name of a weight that torchvision or Caffe names."""
        if match := re.fullmatch(r"(?:classifier\.1|conv10)\.(weight|bias)", name):
            return f"head.{match[1]}"
        if match := re.fullmatch(r"features\.(.+)", name):
            return f"trunk.{match[1]}"
        if match := re.fullmatch(r"(conv1|fire\d)(?:/(squeeze|expand1x1|expand3x3)(?:1x1)?)?\.(weight|bias)", name):
            module, part, kind = match.groups()
            if module in self.names:
                return ".".join(filter(None, ("trunk", str(self.names.index(module)), part, kind)))
        return name
