"""What students of pictures share: pooling of their last maps, batch norm for a lone row, files of given weights."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limbeck.errors import LimbeckError, first_line
from limbeck.files import DAMAGED_ZIP, need_regular
from limbeck.kinds.select import batch_of
from limbeck.networks.base import Network


class PictureNetwork(Network):
    """Base of the students of pictures.

    A subclass sets ``dropout`` and ``head`` and implements ``maps``, and ``pool`` where means do not do.
    """

    arrays = ("pixels",)
    encoders = ("image",)
    dropout: nn.Module

    def check_size(self, encoder: Any, least: int, fix: str) -> None:
        """Refuse pictures of fewer than ``least`` pixels a side, which would shrink to nothing on the way."""
        if encoder is not None and encoder.size < least:
            what = f"input.size = {encoder.size} is too small for {type(self).__name__.lower()}, {least} is least"
            raise LimbeckError(what, where="recipe", fix=fix)

    def maps(self, pixels: Tensor) -> Tensor:
        """Map pixels float [B, 3, H, W] to the last feature maps, float [B, F, h, w]."""
        raise LimbeckError(f"{type(self).__name__} has no feature maps")

    def pool(self, maps: Tensor) -> Tensor:
        """Pool the last feature maps float [B, F, h, w] into features, float [B, F]: the mean of each map."""
        return self.dropout(pooled(maps))

    def joined(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Return features float [B, F] of the maps with what is read off the pixels beside them: as a rule, nothing."""
        return features

    def features(self, pixels: Tensor) -> Tensor:
        """Pool pixels float [B, 3, H, W] into features, float [B, F]."""
        return self.joined(self.pool(self.maps(pixels)), pixels)

    def passed(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits, features and last maps of one pass, for losses that look at all of them."""
        maps = self.maps(pixels)
        features = self.joined(self.pool(maps), pixels)
        return self.head(features), features, maps


class Norm(nn.BatchNorm2d):
    """Batch norm (Ioffe and Szegedy 2015) that gives a batch of one row the running figures.

    One row says nothing of the spread between rows, and on a grid of one place it has no spread at all. It is
    normalised as in answering, and the running figures stay as they are.
    """

    def forward(self, maps: Tensor) -> Tensor:
        """Normalise maps float [B, F, h, w] by channel."""
        if self.training and maps.shape[0] == 1:
            mean, variance = self.running_mean, self.running_var
            return nn.functional.batch_norm(maps, mean, variance, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(maps)


def pooled(maps: Tensor) -> Tensor:
    """Return the mean of each map [B, F, h, w] over its places, [B, F]."""
    return nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1)


def pixels_of(reader: Any, rows: Any, size: int) -> Iterator[Tensor]:
    """Yield pixels float [B, 3, H, W] of all encoded rows in their order, at most ``size`` together."""
    for at in range(0, len(rows), size):
        part = np.arange(at, min(at + size, len(rows)))
        yield torch.from_numpy(batch_of(reader, rows, part)["pixels"])


def through(stages: Iterable[nn.Module], pixels: Tensor) -> Tensor:
    """Pass float [B, 3, H, W] through stages that each halve the grid; join all their maps on the last one's grid.

    Means over equal fields leave the mean of a map as it is, and halve a grid as stages do that leave out what is odd:
    floor(floor(n / 2) / 2) is floor(n / 4).
    """
    found = []
    for stage in stages:
        pixels = stage(pixels)
        found.append(pixels)
    last = len(found) - 1
    return torch.cat([nn.functional.avg_pool2d(maps, 2 ** (last - at)) for at, maps in enumerate(found)], dim=1)


def read_state(source: str) -> dict[str, Tensor]:
    """Read named weights from ``.safetensors``, ``.npz``, ``.pt`` or ``.pth`` as float32; no code of a file is run.

    A state dict that lies under ``state_dict`` or ``model`` is found there, and the prefix ``module.`` of parallel
    training is taken off.

    Raises
    ------
    LimbeckError
        When the file is missing, broken, of another kind, or holds anything but named tensors.
    """
    path = Path(source)
    kind = path.suffix.lower()
    found: Any
    need_regular(path)
    try:
        if kind == ".safetensors":
            from safetensors.torch import load_file

            found = load_file(path)
        elif kind == ".npz":
            with (
                path.open("rb") as file,
                np.load(file, allow_pickle=False) as stored,
            ):  # numpy leaves a broken file open
                found = {name: torch.from_numpy(stored[name]) for name in stored.files}
        elif kind in (".pt", ".pth"):
            found = torch.load(path, map_location="cpu", weights_only=True)
        else:
            raise LimbeckError("weights of this kind are not read", where=path, fix="give .safetensors, .npz or .pth")
    except LimbeckError:
        raise
    except pickle.UnpicklingError as error:
        what = "the file holds more than weights, or is broken; it was not run"
        raise LimbeckError(what, where=path, fix="save its state_dict() as .safetensors") from error
    except (OSError, ValueError, TypeError, KeyError, *DAMAGED_ZIP) as error:
        raise LimbeckError(f"the weights cannot be read: {first_line(error)}", where=path) from error
    except Exception as error:
        # safetensors has an error type of its own, which inherits from Exception alone.
        if type(error).__name__ != "SafetensorError":
            raise
        raise LimbeckError(f"the weights cannot be read: {first_line(error)}", where=path) from error
    for wrapper in ("state_dict", "model"):
        if isinstance(found, Mapping) and isinstance(found.get(wrapper), Mapping):
            found = found[wrapper]
    if not isinstance(found, Mapping) or not all(isinstance(value, Tensor) for value in found.values()):
        raise LimbeckError("the file holds no named weights", where=path, fix="save its state_dict()")
    return {
        str(name).removeprefix("module."): value.float() if value.is_floating_point() else value
        for name, value in found.items()
    }


def take(network: Network, given: Mapping[str, Tensor], source: str, cut: str = "") -> str:
    """Copy ``given`` weights, by the network's own names, into it; returns a line that says what was taken.

    Every weight of the trunk must be there and fit; a head of another shape, or none, starts anew.

    Parameters
    ----------
    cut
        Why weights that the network has no place for are there: the words of the line, or nothing.

    Raises
    ------
    LimbeckError
        When a weight of the trunk is missing or has another shape.
    """
    own = network.state_dict()
    # Counters of steps mean nothing here, and old files lack them.
    needed = [name for name in own if not name.startswith("head.") and not name.endswith("num_batches_tracked")]
    missing = [name for name in needed if name not in given]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        fix = f"give weights of {type(network).__name__} with torchvision's names"
        raise LimbeckError(f"no weights for {missing[0]!r}{more}", where=source, fix=fix)
    for name in needed:
        if given[name].shape != own[name].shape:
            theirs, ours = tuple(given[name].shape), tuple(own[name].shape)
            raise LimbeckError(f"{name!r} has the shape {theirs} there and {ours} here", where=source)
    taken = {name: given[name] for name in needed}
    line = f"started from {source}: {sum(taken[name].numel() for name in needed):,} numbers of the trunk"
    head = {name: given[name] for name in own if name.startswith("head.") and name in given}
    if head and all(value.shape == own[name].shape for name, value in head.items()):
        taken |= head
        line += " and the head"
    else:
        other = f", the given one is for {len(head['head.bias']):,}" if "head.bias" in head else ""
        line += f"; the head starts anew ({len(own['head.bias']):,} classes{other})" if "head.bias" in own else ""
    unused = [name for name in given if name not in own and not name.startswith("head.")]
    if unused:
        line += f"; {cut}" if cut else f"; {len(unused)} others have no place, such as {unused[0]!r}"
    network.load_state_dict(taken, strict=False)
    return line
