"""Beats of a record in WFDB form (PhysioNet): windows around the annotated R peaks, or around those that are found.

Beats are the annotations whose symbols the AAMI classes know, or, where there are none, the R peaks that `rpeaks`
finds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.data.tables.rows import Reject
from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import AAMI, Beats, usual
from limbeck.kinds.signal.filters import filtered, ratio, resampled, taps_of
from limbeck.kinds.signal.reading.formats.wfdb_annotations import read_annotations
from limbeck.kinds.signal.reading.formats.wfdb_record import Record, read_record
from limbeck.kinds.signal.reading.formats.windows import fit_length, native
from limbeck.kinds.signal.reading.r_peaks import bridged, r_peaks
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal

Floats = NDArray[np.float64]


def read_wfdb(header: Path, settings: Signal, *, labelled: bool) -> tuple[Beats, Floats, list[Reject], list[Message]]:
    """Return a record's beats, their windows before filtering in mV [N, L, n], rejected beats, and what was found.

    Parameters
    ----------
    labelled
        Whether classes are needed, so that a record without annotations is refused.

    Raises
    ------
    LimbeckError
        When header, data or annotations are missing, damaged or truncated, or no beat is found.
    """
    record = read_record(header, settings)
    annotated = read_annotations(header, settings, record.rate)
    if annotated is None and labelled:
        what = message("record.no_annotations", file=f"{header.stem}.{settings.annotations}")
        raise LimbeckError(what, where=header, fix=message("fix.annotations"))
    return beats_of(record, annotated, header, settings)


def beats_of(
    record: Record, annotated: tuple[NDArray[np.int64], list[str]] | None, file: Path, settings: Signal
) -> tuple[Beats, Floats, list[Reject], list[Message]]:
    """Return the beats of a record of any form around annotated R peaks, or around those found; see `read_wfdb`.

    Parameters
    ----------
    annotated
        Samples at the record's rate int64 [N] and symbols of the beats.

    Raises
    ------
    LimbeckError
        When there is no beat.
    """
    rejects: list[Reject] = []
    symbols: list[str] | None = None
    if annotated is None:
        peaks = r_peaks(record.leads[0], record.rate)
        numbers = np.arange(1, len(peaks) + 1, dtype=np.int64)
    else:
        peaks, symbols = annotated
        numbers = np.arange(1, len(peaks) + 1, dtype=np.int64)
        outside = (peaks < 0) | (peaks >= record.leads.shape[1])
        for at in np.flatnonzero(outside):
            what = message("record.annotation_outside", sample=peaks[at], count=record.leads.shape[1])
            rejects.append(Reject(int(numbers[at]), what))
        kept = np.flatnonzero(~outside)
        peaks, numbers, symbols = peaks[kept], numbers[kept], [symbols[at] for at in kept]
    if not len(peaks):
        raise LimbeckError(message("record.no_beat"), where=file, fix=message("fix.lead_or_annotations"))
    rr = intervals(peaks, record.rate)
    span, start, _ = native(settings, record.rate)
    inside = (peaks >= start) & (peaks - start + span <= record.leads.shape[1])
    beyond = message("record.window_outside")
    rejects += [Reject(int(numbers[at]), beyond) for at in np.flatnonzero(~inside)]
    kept = np.flatnonzero(inside)
    whole = cut(record.leads, peaks[kept] - start, span)
    taps = taps_of(settings, record.rate)
    ready = whole
    if taps is not None:
        smooth = filtered(np.stack([bridged(lead) for lead in record.leads]), taps)
        ready = np.where(np.isfinite(whole), cut(smooth, peaks[kept] - start, span), np.nan)
    step = ratio(settings.rate, record.rate)
    signal = fit_length(resampled(ready, step.numerator, step.denominator), settings.samples)
    names = [file.stem] * len(kept)
    chosen = None if symbols is None else [symbols[at] for at in kept]
    labels = None if chosen is None else [AAMI[symbol] for symbol in chosen]
    times = peaks[kept] / record.rate
    return Beats(signal, names, times, rr[kept], numbers[kept], labels, chosen), whole, rejects, record.findings


def intervals(peaks: NDArray[np.int64], rate: float) -> Floats:
    """Return the seconds to the beat before and after each, float64 [N, 2], NaN where there is none.

    Peaks may come in any order: an annotation file may go back in time.
    """
    order = np.argsort(peaks, kind="stable")
    gaps = np.diff(peaks[order]) / rate
    out = np.empty((len(peaks), 2))
    out[order] = np.stack([np.concatenate([[np.nan], gaps]), np.concatenate([gaps, [np.nan]])], axis=1)
    return usual(out)


def cut(leads: Floats, starts: NDArray[np.int64], span: int) -> Floats:
    """Return the windows [N, L, span] of leads [L, n] that begin at ``starts`` int64 [N]."""
    if not len(starts):
        return np.empty((0, len(leads), span))
    views = np.lib.stride_tricks.sliding_window_view(leads, span, axis=1)
    return np.ascontiguousarray(views[:, starts].transpose(1, 0, 2))
