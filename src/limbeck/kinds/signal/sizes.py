"""How large a window of a signal is: from its lowest to its highest sample."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.signal.columns import SIGNAL


def sizes(rows: pl.DataFrame) -> tuple[str, NDArray[np.float64]]:
    """Return the unit, and the size of each of N windows, the largest of its leads."""
    if not rows.height:
        return "mV, peak to peak", np.empty(0)
    windows = np.array(rows[SIGNAL].to_list(), dtype=np.float64)
    windows = windows if windows.ndim == 3 else windows[:, None, :]
    return "mV, peak to peak", np.ptp(windows, axis=2).max(axis=1)
