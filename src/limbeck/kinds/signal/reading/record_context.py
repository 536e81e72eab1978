"""What the record of a beat looks like: its median beat, and its RR intervals.

A beat is abnormal against the other beats of its own heart: the deviation from the record's median beat and RR
intervals relative to the record's lift boosting on MIT-BIH from an AUC of 0.885 to 0.922. The references are worked out
once, over all readable beats of a record and without their labels, when it is read, so that training and serving see
the same numbers whichever rows of it are asked about together. A row that comes alone has none.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REFERENCES = ("median", "mean", "lower", "upper", "local", "rank_before", "rank_after")  # of the rhythm, in this order
NEAR = 10.0  # seconds around a beat that are its own neighbourhood
FEWEST = 4  # beats of a record that make a reference


def references(
    signal: NDArray[np.float32], records: NDArray[np.object_], time: Floats, rr: Floats, *, known: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return each row's reference: the median beat float32 [N, L, T] and rhythm float32 [N, 7] of its record.

    Parameters
    ----------
    signal, records, time, rr
        Windows [N, L, T], their records, seconds of the R peaks [N], and RR intervals [N, 2] in seconds, NaN missing.
    known
        False where records are not known: all is NaN then, as it is for records of fewer than four beats.

    Notes
    -----
    The rhythm is the median, mean, lower and upper quartile of the record's RR intervals, the mean of those within 10 s
    of the beat (seconds), and the share of the record's intervals that are shorter than the beat's own two.
    """
    count = len(signal)
    median = np.full(signal.shape, np.nan, dtype=np.float32)
    rhythm = np.full((count, len(REFERENCES)), np.nan, dtype=np.float32)
    if not known or not count:
        return median, rhythm
    names, member = np.unique(records.astype(str), return_inverse=True)
    order = np.argsort(member, kind="stable")
    ends = np.cumsum(np.bincount(member, minlength=len(names)))
    for start, end in zip(ends - np.diff(ends, prepend=0), ends, strict=True):
        rows = order[start:end]
        if len(rows) < FEWEST:
            continue
        median[rows] = np.median(signal[rows], axis=0)
        rhythm[rows] = _rhythm(time[rows], rr[rows])
    return median, rhythm


def references_column(name: str, values: NDArray[np.float32]) -> pl.Series:
    """Return references float32 [N, …] as a column of flat arrays, null where a row has none."""
    flat = values.reshape(len(values), -1)
    column = pl.Series(name, flat, dtype=pl.Array(pl.Float32, flat.shape[1]))
    gone = np.isnan(flat).all(axis=1) if flat.size else np.zeros(len(flat), dtype=bool)
    if not gone.any():
        return column
    return pl.select(pl.when(pl.Series(~gone)).then(column).otherwise(None).alias(name)).to_series()


def _rhythm(time: Floats, rr: Floats) -> NDArray[np.float32]:
    """Return the rhythm float32 [n, 7] of one record's beats."""
    out = np.full((len(time), len(REFERENCES)), np.nan)
    pool = np.sort(rr[np.isfinite(rr)])
    if len(pool) < FEWEST:
        return out.astype(np.float32)
    lower, median, upper = np.quantile(pool, [0.25, 0.5, 0.75])
    out[:, :4] = median, pool.mean(), lower, upper
    out[:, 4] = _local(time, rr)
    for side in (0, 1):
        # Half of the equal ones count as shorter, so that a steady heart is in the middle.
        share = (np.searchsorted(pool, rr[:, side], "left") + np.searchsorted(pool, rr[:, side], "right")) / 2
        out[:, 5 + side] = np.where(np.isfinite(rr[:, side]), share / len(pool), np.nan)
    return out.astype(np.float32)


def _local(time: Floats, rr: Floats) -> Floats:
    """Return the mean RR interval of the beats within `NEAR` seconds of each."""
    order = np.argsort(time, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(np.nansum(rr[order], axis=1))])
    counts = np.concatenate([[0], np.cumsum(np.isfinite(rr[order]).sum(axis=1))])
    first = np.searchsorted(time[order], time - NEAR, "left")
    last = np.searchsorted(time[order], time + NEAR, "right")
    found = counts[last] - counts[first]
    return np.where(found > 0, (sums[last] - sums[first]) / np.maximum(found, 1), np.nan)
