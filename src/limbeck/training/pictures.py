"""Small random changes to training pictures that keep their meaning.

What happens to a picture depends on the seed, the epoch and its row alone, so that a resumed run, or a teacher that is
asked about the same view, sees the same pixels. Turn, shift and zoom are one resampling, with the edge's colour beyond
the edge; then light and colour, blur, and compression, in the order in which a camera does them.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck.cores import each
from limbeck.inputs.image import Pictures
from limbeck.recipe import Pictures as Settings

_CHUNK = 128  # pictures changed together
_DRAWS = 11  # random numbers of a picture, whatever is switched on, so that one key does not move the others
_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601
_LOW, _HIGH = 30, 95  # JPEG quality
Pixels = NDArray[np.uint8]


def active(settings: Settings) -> bool:
    """Return whether any change is switched on."""
    return settings != Settings()


def changed(plain: Pictures, settings: Settings, seed: int, epoch: int) -> Pictures:
    """Return the rows of an epoch, each changed in its own way; what stands beside the pixels stays."""
    return replace(plain, pixels=change(plain.pixels, settings, seed, epoch))


def viewed(plain: Pictures, settings: Settings, seed: int, epoch: int) -> Pictures:
    """Return the plain rows with a changed view of each."""
    return replace(plain, view=Pictures(change(plain.pixels, settings, seed, epoch)))


def change(pixels: Pixels, settings: Settings, seed: int, epoch: int) -> Pixels:
    """Change pictures uint8 [N, H, W, 3]; row n's changes are those of (seed, epoch, n)."""
    out = np.empty_like(pixels)
    for start in range(0, len(pixels), _CHUNK):
        part = pixels[start : start + _CHUNK]
        rows = range(start, start + len(part))
        draws = np.stack([np.random.default_rng((seed, epoch, row)).random(_DRAWS) for row in rows])
        out[start : start + len(part)] = _change(part, settings, torch.from_numpy(draws).float())
    return out


@torch.no_grad()
def _change(part: Pixels, settings: Settings, draws: Tensor) -> Pixels:
    maps = torch.from_numpy(part).permute(0, 3, 1, 2).float()
    maps = _moved(maps, settings, draws)
    maps = _lit(maps, settings, draws)
    if settings.blur:
        maps = _blurred(maps, settings.blur * draws[:, 8])
    pixels: Pixels = maps.round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    if settings.jpeg:
        _compress(pixels, draws[:, 9] < settings.jpeg, _LOW + draws[:, 10] * (_HIGH - _LOW))
    return pixels


def _either(draw: Tensor) -> Tensor:
    """Map 0 to 1 to -1 to 1."""
    return 2.0 * draw - 1.0


def _moved(maps: Tensor, settings: Settings, draws: Tensor) -> Tensor:
    """Turn, shift, zoom and mirror maps [B, 3, H, W]; places beyond the edge take the edge's colour."""
    mirror = torch.where(draws[:, 4] < settings.flip, -1.0, 1.0)
    if not (settings.rotate or settings.shift or settings.zoom):
        return torch.where((mirror < 0)[:, None, None, None], maps.flip(3), maps)
    angle = torch.deg2rad(settings.rotate * _either(draws[:, 0]))
    scale = 1.0 / (1.0 + settings.zoom * _either(draws[:, 1]))
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    # Coordinates run from -1 to 1, so a share of the side is twice as much. Rows give the source of each target place.
    right, down = (2.0 * settings.shift * _either(draws[:, at]) for at in (2, 3))
    first = torch.stack((cosine * mirror, -sine, right), dim=1)
    second = torch.stack((sine * mirror, cosine, down), dim=1)
    grid = torch.nn.functional.affine_grid(torch.stack((first, second), dim=1), list(maps.shape), align_corners=False)
    return torch.nn.functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def _lit(maps: Tensor, settings: Settings, draws: Tensor) -> Tensor:
    """Change brightness, contrast and saturation by factors, in this order."""

    def factor(strength: float, at: int) -> Tensor:
        return (1.0 + strength * _either(draws[:, at]))[:, None, None, None]

    def grey(given: Tensor) -> Tensor:
        return (given * torch.tensor(_GREY)[None, :, None, None]).sum(dim=1, keepdim=True)

    if settings.brightness:
        maps = (maps * factor(settings.brightness, 5)).clamp(0, 255)
    if settings.contrast:
        mean = grey(maps).mean(dim=(2, 3), keepdim=True)
        maps = (mean + (maps - mean) * factor(settings.contrast, 6)).clamp(0, 255)
    if settings.colour:
        plain = grey(maps)
        maps = (plain + (maps - plain) * factor(settings.colour, 7)).clamp(0, 255)
    return maps


def _blurred(maps: Tensor, sigma: Tensor) -> Tensor:
    """Blur each of maps [B, 3, H, W] by a Gaussian of its own sigma [B]; nearly none leaves a picture as it is."""
    rows, channels, height, width = maps.shape
    reach = min(int(np.ceil(3.0 * float(sigma.max()))), min(height, width) - 1)
    places = torch.arange(-reach, reach + 1).float()
    kernel = torch.exp(-0.5 * (places[None, :] / sigma.clamp(min=1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = maps.reshape(1, rows * channels, height, width)
    flat = torch.nn.functional.pad(flat, (reach,) * 4, mode="reflect")
    flat = torch.nn.functional.conv2d(flat, kernel[:, None, None, :], groups=rows * channels)
    flat = torch.nn.functional.conv2d(flat, kernel[:, None, :, None], groups=rows * channels)
    return flat.reshape(maps.shape)


def _compress(pixels: Pixels, chosen: Tensor, quality: Tensor) -> None:
    """Write the chosen pictures as JPEG and read them back, in place."""
    rows = torch.nonzero(chosen).flatten().tolist()

    def one(at: int) -> None:
        memory = io.BytesIO()
        Image.fromarray(pixels[rows[at]]).save(memory, "JPEG", quality=int(quality[rows[at]]))
        pixels[rows[at]] = np.asarray(Image.open(memory, formats=("JPEG",)).convert("RGB"))

    each(one, len(rows))
