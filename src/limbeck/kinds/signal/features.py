"""Features of a window, as an optional branch beside its samples: time, frequency, and both.

``time``: heights, slopes, width and area of the wave; ``frequency``: the power of bands that P, QRS and T waves and
muscle noise live in (Thakor et al. 1984); ``stft``: a coarse short-time Fourier grid; ``wavelet``: energies of an
orthogonal Daubechies-2 transform by level and third of the window (Daubechies 1988; Mallat 1989). All powers are logs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.signal.filters import scipy_signal

Floats = NDArray[np.float32]
BANDS = ((0.5, 5.0), (5.0, 12.0), (12.0, 25.0), (25.0, 45.0), (45.0, 90.0))  # Hz
_ROOT3, _QUARTER = np.sqrt(3.0), 4.0 * np.sqrt(2.0)
_DB2 = np.array([1 + _ROOT3, 3 + _ROOT3, 3 - _ROOT3, 1 - _ROOT3]) / _QUARTER
LEVELS, THIRDS = 4, 3
_SMALL = 1e-6


def features_of(windows: Floats, families: Sequence[str], rate: float, peak: int) -> Floats:
    """Return features float32 [N, F] of scaled windows [N, L, T] at ``rate`` Hz with the R peak at sample ``peak``."""
    parts = [FAMILIES[family](windows.astype(np.float64), rate, peak) for family in families]
    joined = np.concatenate([part.reshape(len(windows), -1) for part in parts], axis=1)
    return np.asarray(np.clip(joined, -20.0, 20.0), dtype=np.float32)


def count_of(families: Sequence[str], leads: int, samples: int, rate: float) -> int:
    """Return how many features a window has."""
    if not families:
        return 0
    if samples < 2 ** (LEVELS + 1):
        what = f"windows of {samples} samples are too short for features, {2 ** (LEVELS + 1)} are least"
        raise LimbeckError(what, where="recipe", fix="leave input.signal.features out")
    return int(features_of(np.zeros((1, leads, samples), dtype=np.float32), families, rate, samples // 2).shape[1])


def _time(windows: NDArray[np.float64], rate: float, peak: int) -> NDArray[np.float64]:
    high, low = windows.max(axis=2), windows.min(axis=2)
    slope = np.gradient(windows, axis=2) * rate / 100.0
    around = np.abs(windows[:, :, max(0, peak - round(0.1 * rate)) : peak + round(0.1 * rate) + 1])
    width = (around > 0.5 * around.max(axis=2, keepdims=True)).mean(axis=2)
    before, after = windows[:, :, : max(1, peak - round(0.06 * rate))], windows[:, :, peak + round(0.1 * rate) :]
    parts = [
        high, low, slope.max(axis=2), slope.min(axis=2), width, windows.mean(axis=2), windows.std(axis=2),
        before.max(axis=2), before.std(axis=2), after.max(axis=2), after.min(axis=2), after.mean(axis=2),
    ]  # fmt: skip
    return np.stack(parts, axis=2)


def _frequency(windows: NDArray[np.float64], rate: float, _: int) -> NDArray[np.float64]:
    shaped = windows * np.hanning(windows.shape[2])
    power = np.abs(np.fft.rfft(shaped, axis=2)) ** 2 / windows.shape[2]
    places = np.fft.rfftfreq(windows.shape[2], 1.0 / rate)
    sums = [power[:, :, (places >= low) & (places < high)].sum(axis=2) for low, high in BANDS]
    centre = (power * places).sum(axis=2) / np.maximum(power.sum(axis=2), _SMALL)
    return np.stack([*(np.log(part + _SMALL) for part in sums), centre / 10.0], axis=2)


def _stft(windows: NDArray[np.float64], rate: float, _: int) -> NDArray[np.float64]:
    length = max(8, windows.shape[2] // 4)
    signal = scipy_signal()
    shaped = signal.ShortTimeFFT(signal.get_window("hann", length), hop=length // 2, fs=rate)
    power = np.abs(shaped.stft(windows, axis=2)) ** 2
    bands = [power[:, :, (shaped.f >= low) & (shaped.f < high)].sum(axis=2) for low, high in BANDS[:4]]
    return np.log(np.stack(bands, axis=2) + _SMALL).reshape(*windows.shape[:2], -1)


def _wavelet(windows: NDArray[np.float64], _rate: float, _peak: int) -> NDArray[np.float64]:
    energies: list[NDArray[np.float64]] = []
    rest = windows
    for _ in range(LEVELS):
        rest, detail = db2(rest)
        thirds = np.array_split(detail, THIRDS, axis=2)
        energies += [np.log((third**2).mean(axis=2) + _SMALL) for third in thirds]
    return np.stack(energies, axis=2)


def db2(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one level of the Daubechies-2 transform of samples [..., n]: smooth and detail, each half as long.

    The samples go round at the ends, and an odd one is left out, so that the transform is orthogonal.
    """
    even = samples[..., : samples.shape[-1] // 2 * 2]
    low, high = _DB2, _DB2[::-1] * np.array([1.0, -1.0, 1.0, -1.0])
    turned = [np.roll(even, -at, axis=-1)[..., ::2] for at in range(4)]
    smooth = sum(weight * part for weight, part in zip(low, turned, strict=True))
    detail = sum(weight * part for weight, part in zip(high, turned, strict=True))
    return np.asarray(smooth), np.asarray(detail)


FAMILIES: dict[str, Callable[[NDArray[np.float64], float, int], NDArray[np.float64]]] = {
    "time": _time, "frequency": _frequency, "stft": _stft, "wavelet": _wavelet,
}  # fmt: skip
