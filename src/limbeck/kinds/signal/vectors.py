"""A vector for each window of a signal: its shape, resampled, its height and its rhythm."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.signal.encode import LOWEST, SignalInput, rhythm_of, windows_of
from limbeck.kinds.signal.reading.formats.windows import levelled

POINTS = 64  # of each lead
_INTERVALS = 3  # of the rhythm: before, after, and one over the other


def vectors(encoder: SignalInput, rows: pl.DataFrame) -> tuple[NDArray[np.float32], dict[int, LimbeckError]]:
    """Return float32 [N, 65 L + 3] of N windows of L leads, and why those with a sample that is no number have none.

    Of each lead 64 points of the levelled window, in its own standard deviations and scaled by 1 / 8, so that their
    squares sum to about one; then the logarithm of each lead's deviation in mV; then the RR intervals before and after
    against those of the record, and against each other, 0 where they are not known.
    """
    windows = windows_of(rows, encoder.shape, strict=False)
    bad = np.flatnonzero(~np.isfinite(windows).all(axis=(1, 2)))
    windows[bad] = 0.0
    windows = levelled(windows, encoder.signal.level)
    deviation = np.maximum(windows.std(axis=2, keepdims=True), LOWEST)
    count, leads, samples = windows.shape
    # Linear interpolation at 64 places, the same for all rows.
    places = np.linspace(0, samples - 1, POINTS)
    below = np.minimum(places.astype(np.int64), max(samples - 2, 0))
    share = (places - below).astype(np.float32)
    above = np.minimum(below + 1, samples - 1)
    shape = (windows[:, :, below] * (1 - share) + windows[:, :, above] * share) / deviation / np.sqrt(POINTS)
    parts = [shape.reshape(count, leads * POINTS), np.log(deviation[:, :, 0]), rhythm_of(rows)[:, :_INTERVALS] / 3.0]
    why = {int(at): LimbeckError("a sample is no number") for at in bad}
    return np.concatenate(parts, axis=1).astype(np.float32), why
