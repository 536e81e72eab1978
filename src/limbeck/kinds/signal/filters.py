"""Linear-phase filters with finite support, and resampling: the same numbers in one piece and chunk by chunk.

A symmetric FIR filter of odd length delays every frequency alike, so that no wave of a beat moves against another
(Van Alsté and Schilder 1985), and each output depends on a known stretch of input: chunks that overlap by that stretch
give what the whole record gives. Recursive filters, which have no end, would not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import missing_extra
from limbeck.recipe import Signal

Floats = NDArray[np.float64]
CYCLES = 2.0  # periods of the lowest frequency kept that a band-pass spans
HUM = 1.0  # seconds that the mains filter spans: it takes out 1.6 Hz to each side


def taps_of(settings: Signal, rate: float) -> Floats | None:
    """Return the filter of ``[input.signal]`` at a sampling rate in Hz, odd length, or None where it has none.

    Edges beyond half the rate are none. Of a band-pass the gain at 0 Hz is exactly 0.
    """
    taps: Floats | None = None
    low, high = settings.band or (0.0, 0.0)
    high = high if high < rate / 2 else 0.0
    if low or high:
        taps = band_pass(low, high, rate)
    if settings.mains and settings.mains < rate / 2:
        hum = _without(float(settings.mains), rate)
        taps = hum if taps is None else np.convolve(taps, hum)
    return taps


def band_pass(low: float, high: float, rate: float) -> Floats:
    """Return a filter that keeps ``low`` to ``high`` Hz; 0 is no edge on that side."""
    signal = scipy_signal()
    count = 2 * int(np.ceil(CYCLES * rate / (low or high) / 2)) + 1
    if not low:
        return np.asarray(signal.firwin(count, high, fs=rate), dtype=np.float64)
    edges = [low, high] if high else low
    taps = np.asarray(signal.firwin(count, edges, fs=rate, pass_zero="bandpass" if high else "highpass"))
    weights = np.asarray(signal.get_window("hamming", count, fftbins=False))
    return np.asarray(taps - weights * taps.sum() / weights.sum(), dtype=np.float64)


def _without(hum: float, rate: float) -> Floats:
    """Return a filter that takes out one frequency and lets the rest pass."""
    signal = scipy_signal()
    count = 2 * int(np.ceil(HUM * rate / 2)) + 1
    half = 1.65 / HUM
    edges = [hum - half, min(hum + half, 0.499 * rate)]
    return np.asarray(signal.firwin(count, edges, fs=rate, pass_zero=True))


def filtered(samples: Floats, taps: Floats) -> Floats:
    """Filter samples float64 [L, n] in one piece; beyond its ends a lead goes on at its last value."""
    half = len(taps) // 2
    padded = np.pad(samples, ((0, 0), (half, half)), mode="edge")
    return np.asarray(scipy_signal().oaconvolve(padded, taps[None, :], mode="valid", axes=1))


def filtered_stream(chunks: Iterable[Floats], taps: Floats) -> Iterator[Floats]:
    """Filter a record that comes in chunks float64 [L, n], of any lengths; joined, the output is that of `filtered`."""
    half = len(taps) // 2
    held: Floats | None = None
    for chunk in chunks:
        if not chunk.shape[1]:
            continue
        held = np.pad(chunk, ((0, 0), (half, 0)), mode="edge") if held is None else np.concatenate([held, chunk], 1)
        if held.shape[1] >= len(taps):
            yield np.asarray(scipy_signal().oaconvolve(held, taps[None, :], mode="valid", axes=1))
            held = held[:, held.shape[1] - 2 * half :]
    if held is not None:
        held = np.pad(held, ((0, 0), (0, half)), mode="edge")
        if held.shape[1] >= len(taps):
            yield np.asarray(scipy_signal().oaconvolve(held, taps[None, :], mode="valid", axes=1))


def ratio(rate: float, source: float) -> Fraction:
    """Return the ratio of two sampling rates in small whole numbers, to a thousandth."""
    return Fraction(rate / source).limit_denominator(1000)


def resampled(windows: Floats, up: int, down: int) -> Floats:
    """Resample windows float64 [..., n] along the last axis by ``up / down``, each for itself (polyphase FIR)."""
    if up == down:
        return windows
    return np.asarray(scipy_signal().resample_poly(windows, up, down, axis=-1, padtype="edge"))


def scipy_signal() -> Any:
    """Return `scipy.signal`, or say in a line that it is not installed."""
    try:
        from scipy import signal
    except ImportError as error:
        raise missing_extra("scipy", "signals", "filtering and resampling of signals") from error
    return signal
