"""Small random changes to training pictures that keep their meaning, by kornia (Riba et al. 2020).

What happens to a picture depends on the seed, the epoch and its row alone, so that a resumed run, or a teacher that is
asked about the same view, sees the same pixels. kornia's own augmentation modules draw for a whole batch; so its
functions are called here with what was drawn for each row. Turn, shift, zoom, tilt and mirror are one resampling, with
the edge's colour beyond the edge; then light and colour, moiré, blur, noise, and compression, in the order in which a
camera does them; and last, what a second camera makes of the picture on a screen or a print.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from limbeck.kinds.image import recapture as screens
from limbeck.kinds.image.encode import Pictures
from limbeck.process.cores import each
from limbeck.recipe import Pictures as Settings

_CHUNK, _PLACES = 128, 2**19  # most pictures changed together, and most places of them: more fall out of the cache
# Numbers drawn for a picture, whatever is switched on, so that one key does not move the others. New ones come last.
_NAMES = (
    "turn", "zoom", "right", "down", "mirror", "brightness", "contrast", "colour", "blur", "jpeg", "quality",
    "tilt across", "tilt down", "noise", "moire", *screens.MOIRE, "recapture", "warmth", "green",
)  # fmt: skip
_LOW, _HIGH = 30, 95  # JPEG quality
_AGAIN = Settings(rotate=4, shift=0.02, zoom=0.04, perspective=0.1, blur=0.8, noise=0.03, jpeg=1)  # the second camera
Pixels = NDArray[np.uint8]
Draws = Mapping[str, Tensor]


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
    step = min(_CHUNK, max(1, _PLACES // (pixels.shape[1] * pixels.shape[2])))
    for start in range(0, len(pixels), step):
        keys = [(seed, epoch, row) for row in range(start, min(start + step, len(pixels)))]
        drawn = _draw(keys, _NAMES)
        part = _taken(pixels[start : start + step], settings, drawn, keys)
        # Pictures that are re-captured as another class are rows of their own: see `added_rows`.
        if settings.recapture and settings.recapture_as is None:
            rows = torch.nonzero(drawn["recapture"] < settings.recapture).flatten().tolist()
            part[rows] = recapture(part[rows], [keys[row] for row in rows])
        out[start : start + step] = part
    return out


def recapture(pixels: Pixels, keys: Sequence[tuple[int, ...]]) -> Pixels:
    """Show pictures uint8 [N, H, W, 3] on a screen or a print and take them again; ``keys`` seed each row's draws."""
    if not keys:
        return pixels
    keys = [(*key, 2) for key in keys]
    drawn = _draw(keys, (*_NAMES, *(name for name in screens.RECAPTURE if name not in _NAMES)))
    with torch.no_grad():
        pixels = _bytes(screens.shown(_maps(pixels), drawn))
    return _taken(pixels, _AGAIN, drawn, keys)


def _draw(keys: Sequence[tuple[int, ...]], names: Sequence[str]) -> dict[str, Tensor]:
    """Draw the named numbers, uniform from 0 to 1, for each row: float [N] each."""
    draws = np.stack([np.random.default_rng(key).random(len(names)) for key in keys])
    return dict(zip(names, torch.from_numpy(draws).float().unbind(1), strict=True))


@torch.no_grad()
def _taken(part: Pixels, settings: Settings, drawn: Draws, keys: Sequence[tuple[int, ...]]) -> Pixels:
    """Change pictures as one camera does."""
    maps = _lit(_moved(_maps(part), settings, drawn), settings, drawn)
    if settings.moire:
        rows = torch.nonzero(drawn["moire"] < settings.moire).flatten()
        maps[rows] = screens.moire(maps[rows], {name: drawn[name][rows] for name in screens.MOIRE})
    if settings.blur:
        maps = _blurred(maps, settings.blur, drawn["blur"])
    if settings.noise:
        maps = maps + (settings.noise * drawn["noise"])[:, None, None, None] * _noise(maps, keys)
    pixels = _bytes(maps)
    if settings.jpeg:
        _compress(pixels, drawn["jpeg"] < settings.jpeg, _LOW + drawn["quality"] * (_HIGH - _LOW))
    return pixels


def _maps(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255.0


def _bytes(maps: Tensor) -> Pixels:
    pixels: Pixels = (maps * 255.0).round().clamp(0, 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    return pixels


def _either(draw: Tensor) -> Tensor:
    """Map 0 to 1 to -1 to 1."""
    return 2.0 * draw - 1.0


def _moved(maps: Tensor, settings: Settings, drawn: Draws) -> Tensor:
    """Turn, shift, zoom, tilt and mirror maps [B, 3, H, W]; places beyond the edge take the edge's colour."""
    mirror = torch.where(drawn["mirror"] < settings.flip, -1.0, 1.0)
    tilted = settings.perspective > 0
    if not (settings.rotate or settings.shift or settings.zoom or tilted):
        return torch.where((mirror < 0)[:, None, None, None], maps.flip(3), maps)
    from kornia.geometry.transform import warp_affine, warp_perspective

    height, width = maps.shape[2:]
    matrix = _inside(_matrices(settings, drawn, mirror), height, width)
    if tilted:
        return warp_perspective(maps, matrix, (height, width), padding_mode="border", align_corners=False)
    return warp_affine(maps, matrix[:, :2], (height, width), padding_mode="border", align_corners=False)


def _matrices(settings: Settings, drawn: Draws, mirror: Tensor) -> Tensor:
    """Return where each place goes, float [B, 3, 3], in coordinates from -1 to 1: mirrored, tilted, turned, moved."""
    angle = torch.deg2rad(settings.rotate * _either(drawn["turn"]))
    scale = 1.0 + settings.zoom * _either(drawn["zoom"])
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    right, down = (2.0 * settings.shift * _either(drawn[name]) for name in ("right", "down"))
    across, upright = (settings.perspective * _either(drawn[name]) for name in ("tilt across", "tilt down"))
    none, one = torch.zeros_like(angle), torch.ones_like(angle)
    moved = torch.stack((cosine, -sine, right, sine, cosine, down, none, none, one), dim=1).view(-1, 3, 3)
    tilt = torch.stack((mirror, none, none, none, one, none, across, upright, one), dim=1).view(-1, 3, 3)
    return moved @ tilt


def _inside(matrices: Tensor, height: int, width: int) -> Tensor:
    """Return matrices of -1 to 1 as matrices of pixels, whose centres are whole numbers."""
    to = torch.tensor([[width / 2, 0.0, (width - 1) / 2], [0.0, height / 2, (height - 1) / 2], [0.0, 0.0, 1.0]])
    return to @ matrices @ torch.linalg.inv(to)


def _lit(maps: Tensor, settings: Settings, drawn: Draws) -> Tensor:
    """Change white balance, brightness, contrast and saturation by factors, in this order."""
    if settings.tint:
        warmth, green = (settings.tint * _either(drawn[name]) for name in ("warmth", "green"))
        # Red against blue, and green against both: the two directions in which lamps and cameras differ.
        gains = torch.stack((warmth - green / 2, green, -warmth - green / 2), dim=1).exp()
        maps = (maps * gains[:, :, None, None]).clamp(0, 1)
    if not (settings.brightness or settings.contrast or settings.colour):
        return maps
    from kornia import enhance

    if settings.brightness:
        maps = enhance.adjust_brightness_accumulative(maps, 1.0 + settings.brightness * _either(drawn["brightness"]))
    if settings.contrast:
        factor = 1.0 + settings.contrast * _either(drawn["contrast"])
        maps = enhance.adjust_contrast_with_mean_subtraction(maps, factor)
    if settings.colour:
        factor = 1.0 + settings.colour * _either(drawn["colour"])
        maps = enhance.adjust_saturation_with_gray_subtraction(maps, factor)
    return maps


def _blurred(maps: Tensor, most: float, draw: Tensor) -> Tensor:
    """Blur each of maps [B, 3, H, W] by a Gaussian of its own sigma; nearly none leaves a picture as it is."""
    from kornia.filters import gaussian_blur2d

    # The window is as large as the largest sigma wants, not the largest drawn here: rows do not change each other.
    reach = min(math.ceil(3.0 * most), min(maps.shape[2:]) - 1)
    sigma = (most * draw).clamp(min=1e-3)
    return gaussian_blur2d(maps, 2 * reach + 1, torch.stack((sigma, sigma), dim=1))


def _noise(maps: Tensor, keys: Sequence[tuple[int, ...]]) -> Tensor:
    """Return Gaussian noise of sigma 1 in the shape of maps; a row's depends on its key alone."""
    fields = [np.random.default_rng((*key, 1)).standard_normal(maps.shape[1:], dtype=np.float32) for key in keys]
    return torch.from_numpy(np.stack(fields))


def _compress(pixels: Pixels, chosen: Tensor, quality: Tensor) -> None:
    """Write the chosen pictures as JPEG and read them back, in place: Pillow's, whose files are those of the world."""
    rows = torch.nonzero(chosen).flatten().tolist()

    def one(at: int) -> None:
        memory = io.BytesIO()
        Image.fromarray(pixels[rows[at]]).save(memory, "JPEG", quality=int(quality[rows[at]]))
        pixels[rows[at]] = np.asarray(Image.open(memory, formats=("JPEG",)).convert("RGB"))

    each(one, len(rows))
