"""The stretches of a window that drove its answer, and the rhythm.

In each lead, 23 overlapping stretches, a twelfth of the window long, are put out of sight by a straight line between
their ends; the answer's log-odds fall by what each was worth (occlusion, Zeiler and Fergus 2014). Of models that read
RR intervals, those are left out once. So the model is asked 23 L + 2 times for one window of L leads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.kinds.explanation import Floats, Ints, Model, Part, apart, heaviest, log_odds
from limbeck.kinds.signal.columns import AFTER, BEFORE, RHYTHM, SIGNAL, array_column
from limbeck.kinds.signal.encode import SignalInput, windows_of

STEPS = 24  # of a window
STRETCH = 2  # steps that a stretch is long
Stretch = tuple[int, int, int]  # first sample, the one behind the last, lead


def explained(model: Model, rows: pl.DataFrame, decided: Ints, top: int) -> list[tuple[Part, ...]]:
    """Return of N windows the ``top`` stretches that drove the answer; ``decided`` int64 [N] are class numbers."""
    encoder: SignalInput = model.encoder
    windows = windows_of(rows, encoder.shape)
    stretches = _stretches(encoder)
    overlaps = np.array([[_overlap(one, other) for other in stretches] for one in stretches])
    whole = log_odds(model.submit(model.encode(rows)).result(), decided)

    def lost(changed: pl.DataFrame) -> Floats:
        return np.asarray(whole - log_odds(model.submit(model.encode(changed)).result(), decided))

    weights = np.zeros((rows.height, len(stretches)))
    for at, stretch in enumerate(stretches):
        changed = windows.copy()
        _straighten(changed, stretch)
        weights[:, at] = lost(rows.with_columns(array_column(SIGNAL, changed)))
    rhythm = lost(_without_rhythm(rows, np.ones(rows.height, dtype=bool))) if encoder.signal.rhythm else None
    out = []
    for at, row in enumerate(weights):
        parts = [_part(encoder, stretches[place], float(row[place])) for place in apart(row, overlaps, top)]
        if rhythm is not None:
            parts.append(Part("rhythm", "rr", float(rhythm[at])))
        out.append(heaviest(parts, top))
    return out


def removed(encoder: SignalInput, rows: pl.DataFrame, parts: Sequence[Sequence[Part]]) -> pl.DataFrame:
    """Return N windows with a straight line for each stretch, and without RR intervals where the rhythm is named."""
    windows = windows_of(rows, encoder.shape)
    for at, row in enumerate(parts):
        for part in row:
            if part.kind == "stretch":
                start, end, lead = cast("tuple[float, float, int]", part.where)
                samples = round(start * encoder.signal.rate), round(end * encoder.signal.rate)
                _straighten(windows[at : at + 1], (*samples, lead))
    gone = np.array([any(part.kind == "rhythm" for part in row) for row in parts], dtype=bool)
    return _without_rhythm(rows.with_columns(array_column(SIGNAL, windows)), gone)


def _stretches(encoder: SignalInput) -> list[Stretch]:
    leads, samples = encoder.shape
    edges = np.linspace(0, samples, min(STEPS, samples) + 1).round().astype(int).tolist()
    pairs = list(zip(edges, edges[STRETCH:], strict=False)) or [(0, samples)]
    return [(first, behind, lead) for lead in range(leads) for first, behind in pairs]


def _overlap(one: Stretch, other: Stretch) -> bool:
    return one[2] == other[2] and one[0] < other[1] and other[0] < one[1]


def _part(encoder: SignalInput, stretch: Stretch, weight: float) -> Part:
    first, behind, lead = stretch
    return Part("stretch", (first / encoder.signal.rate, behind / encoder.signal.rate, lead), weight)


def _straighten(windows: NDArray[np.float32], stretch: Stretch) -> None:
    """Draw a straight line, in place, between the ends of a stretch of windows float32 [N, L, T]."""
    first, behind, lead = stretch
    share = np.linspace(0.0, 1.0, behind - first, dtype=np.float32)
    start, end = windows[:, lead, first, None], windows[:, lead, behind - 1, None]
    windows[:, lead, first:behind] = start + (end - start) * share


def _without_rhythm(rows: pl.DataFrame, gone: NDArray[np.bool_]) -> pl.DataFrame:
    mask = pl.Series(gone)
    there = [name for name in (BEFORE, AFTER, RHYTHM) if name in rows.columns]
    return rows.with_columns(pl.when(mask).then(None).otherwise(pl.col(name)).alias(name) for name in there)
