"""What a picture looks like that was taken of a screen or of a print: moiré, dots, flat tones, a second camera.

A camera that photographs a display samples one grid by another. Where the two are nearly as fine, their frequencies
differ by little, and that difference is the moiré (Amidror 2009, The Theory of the Moiré Phenomenon, §2.2). So the
display's grid is evaluated at the centres of our pixels alone, above their Nyquist limit, and folds down by itself;
red, green and blue lie a third of a pitch apart, which colours the fringes. A print is a screen of dots whose size
follows the tone, one angle for each ink (Ulichney 1987, Digital Halftoning, §4).

Maps are float [B, 3, H, W] from 0 to 1; draws float [B] from 0 to 1 decide everything, row by row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

MOIRE = ("pitch", "slant", "phase", "bend", "strength")
RECAPTURE = ("print", "black", "white", "gamma", "ink", *MOIRE)
_PITCH = (0.75, 1.35)  # cycles of the display's grid in one of our pixels: around one, where the moiré is coarse
_SLANT = 15.0  # degrees
_BEND = 0.15  # change of pitch across the picture, as from a display that is not seen head-on
_STRENGTH = (0.05, 0.35)
_DOTS = (0.2, 0.5)  # cycles of a print's screen in one of our pixels
_INK = (0.15, 0.5)  # share of the dots in what is seen; the rest is paper and blur between them
_EDGE = 8.0  # steepness of a dot's edge


def moire(maps: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Lay the grid of a display over maps; ``drawn`` holds what `MOIRE` names. The mean stays nearly as it was."""
    first, second = _grid(maps, _between(drawn["pitch"], *_PITCH), drawn)
    strength = _each(_between(drawn["strength"], *_STRENGTH))
    thirds = torch.arange(3.0)[None, :, None, None] / 3.0
    across = 1.0 + strength * torch.cos(2.0 * math.pi * (first[:, None] + thirds))
    down = 1.0 + strength * torch.cos(2.0 * math.pi * second[:, None])
    return (maps * across * down).clamp(0.0, 1.0)


def halftone(maps: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Print maps as dots, each ink's screen at its own angle; ``drawn`` holds what `MOIRE` names, and "ink"."""
    pitch, ink = _between(drawn["pitch"], *_DOTS), _each(_between(drawn["ink"], *_INK))
    angles = [_grid(maps, pitch, drawn, turned=math.radians(30.0 * at)) for at in range(3)]
    screen = torch.stack([torch.cos(2 * math.pi * a) + torch.cos(2 * math.pi * b) for a, b in angles], dim=1)
    dots = torch.sigmoid(_EDGE * (maps - 0.5 - 0.25 * screen))
    return (maps + ink * (dots - maps)).clamp(0.0, 1.0)


def shown(maps: Tensor, drawn: Mapping[str, Tensor]) -> Tensor:
    """Show maps on a display or a print, half each: tones are squeezed, then comes the grid; see `RECAPTURE`."""
    black, white = _each(0.12 * drawn["black"]), _each(1.0 - 0.2 * drawn["white"])
    gamma = _each(torch.exp2(0.8 * drawn["gamma"] - 0.4))
    maps = black + (white - black) * maps.clamp(min=1e-6) ** gamma
    printed = _each(drawn["print"]) < 0.5
    return torch.where(printed, halftone(maps, drawn), moire(maps, drawn))


def _grid(maps: Tensor, frequency: Tensor, drawn: Mapping[str, Tensor], turned: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the two phases of a grid, in cycles, at the centres of the pixels: float [B, H, W] each."""
    height, width = maps.shape[2:]
    down = torch.arange(float(height))[None, :, None]
    right = torch.arange(float(width))[None, None, :]
    angle = (math.radians(_SLANT) * (2.0 * drawn["slant"] - 1.0) + turned)[:, None, None]
    bend = (_BEND * (2.0 * drawn["bend"] - 1.0))[:, None, None]
    frequency, phase = frequency[:, None, None], drawn["phase"][:, None, None]
    first = right * torch.cos(angle) + down * torch.sin(angle)
    second = down * torch.cos(angle) - right * torch.sin(angle)
    across = frequency * first * (1.0 + bend * right / width) + phase
    return across, frequency * second * (1.0 + bend * down / height) + 0.5 * phase


def _between(draw: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * draw


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]
