"""R peaks of records without annotations.

Pan and Tompkins 1985, "A real-time QRS detection algorithm", in arrays: band-pass, slope, square, moving sum, then a
threshold that follows the heights of the peaks around, and a search back where a beat is missing. What they do sample
by sample (two running averages of signal and noise peaks) is done here by windows of 8 seconds, so that half an hour
takes a fraction of a second.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.signal.filters import band_pass, filtered, scipy_signal

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
REFRACTORY = 0.25  # s: two beats are further apart
SPAN = 0.15  # s: width of the moving sum, that of a wide QRS
STRETCH = 8.0  # s: over which the height of a peak is compared
SHARE = 0.35  # of the usual height of a beat's peak there that a beat has to reach
BACK = 0.18  # the same where a beat is missing
MISSING = 1.66  # times the usual interval: a beat is missing (Pan and Tompkins 1985)


def r_peaks(lead: Floats, rate: float) -> Ints:
    """Return the samples of the R peaks of one lead float64 [n] at ``rate`` Hz, int64 rising.

    Samples that are missing (NaN) are bridged; a lead without a beat gives none.
    """
    if len(lead) < rate or rate < 40:
        return np.empty(0, dtype=np.int64)
    lead = bridged(lead)
    band = filtered(lead[None, :], band_pass(5.0, min(18.0, 0.45 * rate), rate))[0]
    slope = np.gradient(band)
    width = max(1, round(SPAN * rate))
    energy = np.convolve(slope**2, np.ones(width) / width, mode="same")
    # Sums of squares span decades between leads and beats; their root is a height.
    height = np.sqrt(energy)
    found, _ = scipy_signal().find_peaks(height, distance=max(1, round(REFRACTORY * rate)))
    if not len(found) or not np.ptp(lead) > 0:
        return np.empty(0, dtype=np.int64)
    level = _level(height, rate)
    beats = found[height[found] >= SHARE * level[found]]
    beats = _searched_back(beats, found, height, level)
    return _aligned(band, beats, rate)


def bridged(lead: Floats) -> Floats:
    """Return the lead with missing samples on a straight line between their neighbours; 0 where there are none."""
    gone = ~np.isfinite(lead)
    if not gone.any():
        return lead
    if gone.all():
        return np.zeros_like(lead)
    places = np.arange(len(lead))
    return np.interp(places, places[~gone], lead[~gone])


def _level(height: Floats, rate: float) -> Floats:
    """Return the usual height of a beat's peak around each sample: the median over stretches of the highest ones."""
    step = max(1, round(STRETCH * rate / 4))
    count = -(-len(height) // step)
    # Every two seconds hold a beat of a heart that beats at all.
    tops = np.array([height[at * step : (at + 1) * step].max() for at in range(count)])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(tops, 4, mode="reflect" if count > 4 else "edge"), 9)
    usual = np.median(around, axis=1)
    return np.asarray(np.interp(np.arange(len(height)), (np.arange(count) + 0.5) * step, np.maximum(usual, 1e-9)))


def _searched_back(beats: Ints, found: Ints, height: Floats, level: Floats) -> Ints:
    """Return the beats with the highest lesser peak in every gap in which a beat is missing."""
    if len(beats) < 3:
        return beats
    gaps = np.diff(beats)
    usual = np.array([np.median(gaps[max(0, at - 8) : at + 9]) for at in range(len(gaps))])
    more = []
    for at in np.flatnonzero(gaps > MISSING * usual):
        inside = found[(found > beats[at]) & (found < beats[at + 1])]
        inside = inside[height[inside] >= BACK * level[inside]]
        if len(inside):
            more.append(inside[height[inside].argmax()])
    return np.sort(np.concatenate([beats, np.array(more, dtype=np.int64)])) if more else beats


def _aligned(band: Floats, beats: Ints, rate: float) -> Ints:
    """Move each beat to the largest swing of the filtered lead near it; of two that meet one is kept."""
    reach = max(1, round(0.1 * rate))
    places = np.clip(beats[:, None] + np.arange(-reach, reach + 1)[None, :], 0, len(band) - 1)
    moved = places[np.arange(len(beats)), np.abs(band[places]).argmax(axis=1)]
    return np.unique(moved).astype(np.int64)
