"""Small random changes to training windows that keep their meaning.

As with pictures, what happens to a window depends on the seed, the epoch and its row alone. A window and its difference
from the record's median beat are changed together: what is added to one is in the other too. Iwana and Uchida 2021, "An
empirical survey of data augmentation for time series classification", compare such changes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.signal.encode import NUMBERS, Signals
from limbeck.recipe import Signals as Settings

_DRAWS = 12  # numbers of a row, whatever is switched on, so that one key does not move the others
_MISSING = 3  # last columns of the rhythm, that mark what is missing
Floats = NDArray[np.float32]


def active(settings: Settings) -> bool:
    """Return whether any change is switched on."""
    return settings != Settings()


def changed(plain: Signals, settings: Settings, seed: int, epoch: int) -> Signals:
    """Return the rows of an epoch, each changed in its own way; what stands beside them stays."""
    draws, noise, more = _drawn(len(plain), plain.leads, plain.beats.shape[2], plain.rhythm.shape[1], seed, epoch)
    leads = plain.leads
    windows = plain.beats[:, :leads].copy()
    # The record's own part of the difference: what is left of the window when the difference is taken away.
    against = plain.beats.shape[1] > leads
    beat = windows - plain.beats[:, leads:] if against else windows[:, :0]
    rhythm = plain.rhythm.copy()
    if settings.alone:
        alone = draws[:, 0] < settings.alone
        if against:
            beat[alone] = windows[alone]
        if rhythm.shape[1]:
            rhythm[alone] = 0.0
            rhythm[alone, -_MISSING:] = 1.0
    if settings.scale:
        factor = (1.0 + settings.scale * (2.0 * draws[:, 1] - 1.0))[:, None, None]
        windows, beat = windows * factor, beat * factor
    windows = windows + _wander(draws, windows.shape[2], settings.wander)
    if settings.noise:
        windows = windows + (settings.noise * draws[:, 5])[:, None, None] * noise
    if settings.shift:
        reach = settings.shift * windows.shape[2] * (2.0 * draws[:, 6] - 1.0)
        windows, beat = (moved(part, np.rint(reach).astype(np.int64)) for part in (windows, beat))
    if settings.drop and leads > 1:
        gone = np.flatnonzero(draws[:, 7] < settings.drop)
        lost = np.minimum((draws[gone, 8] * leads).astype(np.int64), leads - 1)
        windows[gone, lost] = 0.0
        if against:
            beat[gone, lost] = 0.0
    if settings.rhythm and rhythm.shape[1]:
        known = ~(rhythm[:, -_MISSING:] > 0).any(axis=1)
        rhythm[known, :-_MISSING] += settings.rhythm * more[known, :-_MISSING]
    beats = np.concatenate([windows, windows - beat], axis=1) if against else windows
    return replace(plain, beats=beats.astype(np.float32), rhythm=rhythm.astype(np.float32))


def viewed(plain: Signals, settings: Settings, seed: int, epoch: int) -> Signals:
    """Return the plain rows with a changed view of each."""
    return replace(plain, view=changed(replace(plain, target=None, hidden=None), settings, seed, epoch))


def moved(windows: Floats, by: NDArray[np.int64]) -> Floats:
    """Move windows [N, L, T] by whole samples int64 [N]; beyond the ends stands the last value."""
    if not windows.shape[1]:
        return windows
    places = np.clip(np.arange(windows.shape[2])[None, :] - by[:, None], 0, windows.shape[2] - 1)
    return np.take_along_axis(windows, places[:, None, :], axis=2)


def _wander(draws: Floats, samples: int, most: float) -> Floats:
    """Return a slow wave for each row, up to 1.5 periods in a window, [N, 1, samples]."""
    if not most:
        return np.zeros((len(draws), 1, samples), dtype=np.float32)
    phase = 2 * np.pi * (1.5 * draws[:, 2, None] * np.linspace(0, 1, samples)[None, :] + draws[:, 3, None])
    return np.asarray(most * draws[:, 4, None] * np.sin(phase), dtype=np.float32)[:, None, :]


def _drawn(rows: int, leads: int, samples: int, numbers: int, seed: int, epoch: int) -> tuple[Floats, Floats, Floats]:
    """Return a row's draws [N, 12] of 0 to 1, and normal noise for its samples [N, L, T] and its rhythm [N, R].

    Each row's come from (seed, epoch, row): a counter-based generator gives them without a generator for each row.
    """
    wide = _DRAWS + leads * samples + NUMBERS
    draws = np.empty((rows, _DRAWS), dtype=np.float32)
    noise = np.empty((rows, leads, samples), dtype=np.float32)
    more = np.zeros((rows, numbers), dtype=np.float32)
    key = np.random.SeedSequence((seed, epoch)).generate_state(2, np.uint64)
    steps = -(-wide // 4) * 4  # Philox gives four numbers a count, so a row begins at a count of its own
    for row in range(rows):
        random = np.random.Generator(np.random.Philox(key=key, counter=row * steps * 4))
        draws[row] = random.random(_DRAWS, dtype=np.float32)
        noise[row] = random.standard_normal((leads, samples), dtype=np.float32)
        if numbers:
            more[row] = random.standard_normal(numbers, dtype=np.float32)
    return draws, noise, more
