"""Records in WFDB form (PhysioNet): ``.hea`` with ``.dat`` or ``.mat``, and annotations; read by the package wfdb.

A header is hostile until shown otherwise: it may name files elsewhere, or more samples than its data holds. Beats are
the annotations whose symbols the AAMI classes know, or, where there are none, the R peaks that `rpeaks` finds.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.beats import AAMI, Beats, usual
from limbeck.data.filters import filtered, ratio, resampled, taps_of
from limbeck.data.rows import Reject
from limbeck.data.rpeaks import bridged, r_peaks
from limbeck.data.windows import fit_length, native
from limbeck.errors import LimbeckError, first_line, missing_extra
from limbeck.recipe import Signal

Floats = NDArray[np.float64]
MOST_SAMPLES = 400_000_000  # of all leads: two leads for 6 days at 360 Hz
_BYTES = {"80": 1.0, "212": 1.5, "16": 2.0, "61": 2.0, "160": 2.0, "24": 3.0, "32": 4.0, "310": 4 / 3, "311": 4 / 3}
_TO_MILLIVOLT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3}


@dataclass(frozen=True)
class Record:
    """Leads of a record as read: float64 [L, n] in mV, NaN where a sample is missing, at ``rate`` Hz."""

    leads: Floats
    rate: float
    findings: list[str]


def read_wfdb(header: Path, settings: Signal, *, labelled: bool) -> tuple[Beats, Floats, list[Reject], list[str]]:
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
    annotated = _annotations(header, settings)
    if annotated is None and labelled:
        what = f"there are no annotations {header.stem}.{settings.annotations}, and labels are wanted"
        raise LimbeckError(what, where=header, mend="put the file beside it, or set input.signal.annotations")
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
            what = f"the annotation at sample {peaks[at]:,} is outside the record of {record.leads.shape[1]:,} samples"
            rejects.append(Reject(int(numbers[at]), what))
        kept = np.flatnonzero(~outside)
        peaks, numbers, symbols = peaks[kept], numbers[kept], [symbols[at] for at in kept]
    if not len(peaks):
        raise LimbeckError("no beat is found", where=header, mend="check the lead, or give annotations")
    rr = intervals(peaks, record.rate)
    span, start, _ = native(settings, record.rate)
    inside = (peaks >= start) & (peaks - start + span <= record.leads.shape[1])
    rejects += [Reject(int(numbers[at]), "the window reaches beyond the record") for at in np.flatnonzero(~inside)]
    kept = np.flatnonzero(inside)
    whole = cut(record.leads, peaks[kept] - start, span)
    taps = taps_of(settings, record.rate)
    ready = whole
    if taps is not None:
        smooth = filtered(np.stack([bridged(lead) for lead in record.leads]), taps)
        ready = np.where(np.isfinite(whole), cut(smooth, peaks[kept] - start, span), np.nan)
    step = ratio(settings.rate, record.rate)
    signal = fit_length(resampled(ready, step.numerator, step.denominator), settings.samples)
    names = [header.stem] * len(kept)
    chosen = None if symbols is None else [symbols[at] for at in kept]
    labels = None if chosen is None else [AAMI[symbol] for symbol in chosen]
    times = peaks[kept] / record.rate
    return Beats(signal, names, times, rr[kept], numbers[kept], labels, chosen), whole, rejects, record.findings


def intervals(peaks: NDArray[np.int64], rate: float) -> Floats:
    """Return the seconds to the beat before and after each, float64 [N, 2], NaN where there is none."""
    gaps = np.diff(peaks) / rate
    return usual(np.stack([np.concatenate([[np.nan], gaps]), np.concatenate([gaps, [np.nan]])], axis=1))


def cut(leads: Floats, starts: NDArray[np.int64], span: int) -> Floats:
    """Return the windows [N, L, span] of leads [L, n] that begin at ``starts`` int64 [N]."""
    if not len(starts):
        return np.empty((0, len(leads), span))
    views = np.lib.stride_tricks.sliding_window_view(leads, span, axis=1)
    return np.ascontiguousarray(views[:, starts].transpose(1, 0, 2))


def read_record(header: Path, settings: Signal) -> Record:
    """Read the leads that the settings choose; see `read_wfdb` for the errors."""
    wfdb = _wfdb()
    stem = str(header.with_suffix("").resolve())
    with _explained(header, "the header cannot be read"):
        head = wfdb.rdheader(stem)
    rate, length = float(head.fs or 0.0), int(head.sig_len or 0)
    if not head.n_sig or not head.sig_name:
        raise LimbeckError("the header names no lead", where=header)
    if not 1 <= rate <= 1e5 or length < 1:
        raise LimbeckError(f"the header says {length:,} samples at {rate:g} Hz", where=header)
    if length * head.n_sig > MOST_SAMPLES:
        raise LimbeckError(f"{head.n_sig} leads of {length:,} samples are more than is read", where=header)
    _check_files(head, header, length)
    names = [str(name) for name in head.sig_name]
    chosen, findings = choose_leads(names, settings.leads, header.stem)
    with _explained(header, "the data cannot be read, or is shorter than the header says"):
        read = wfdb.rdrecord(stem, channels=sorted(set(chosen)))
    found = [str(name) for name in read.sig_name]
    samples = np.asarray(read.p_signal, dtype=np.float64).T
    if samples.shape[1] < length:
        raise LimbeckError(f"truncated: {samples.shape[1]:,} of {length:,} samples", where=header)
    scale = [_TO_MILLIVOLT.get(str(unit).strip().lower(), 1.0) for unit in read.units]
    order = [sorted(set(chosen)).index(at) for at in chosen]
    strange = [name for name, unit in zip(found, read.units, strict=True) if str(unit).lower() not in _TO_MILLIVOLT]
    findings += [f"record {header.stem}: the unit of {name} is not known, taken for mV" for name in strange]
    return Record(samples[order] * np.array(scale)[order, None], rate, findings)


def choose_leads(names: list[str], wanted: list[str], record: str) -> tuple[list[int], list[str]]:
    """Return the place of each wanted lead, names compared without case, and a line for each that is not there.

    In its stead stands the first lead that is not used yet, or the first of all.
    """
    lowered = [name.strip().lower() for name in names]
    chosen: list[int] = []
    findings = []
    for wish in wanted:
        options = [name.strip().lower() for name in wish.split("|")]
        at = next((lowered.index(name) for name in options if name in lowered), None)
        if at is None:
            at = next((place for place in range(len(names)) if place not in chosen), 0)
            findings.append(f"record {record} has no lead {wish!r}: {names[at]!r} is read")
        chosen.append(at)
    return chosen, findings


def _check_files(head: Any, header: Path, length: int) -> None:
    """Refuse data files outside the folder, missing ones, and those that are shorter than the header says."""
    named = getattr(head, "file_name", None) or [f"{name}.hea" for name in head.seg_name if name != "~"]
    for name in dict.fromkeys(str(name) for name in named):
        file = header.parent / name
        if Path(name).name != name or name in ("", ".", "..") or "\\" in name:
            raise LimbeckError(f"the header names a file outside its folder: {name!r}", where=header)
        if not file.is_file():
            raise LimbeckError(f"its data {name} is missing", where=header, mend="put the file beside the header")
        here = [at for at, other in enumerate(getattr(head, "file_name", None) or []) if other == name]
        formats = {str(head.fmt[at]) for at in here}
        if len(formats) == 1 and (per := _BYTES.get(formats.pop())):
            frames = [int((getattr(head, "samps_per_frame", None) or [1] * head.n_sig)[at]) for at in here]
            offset = max((getattr(head, "byte_offset", None) or [0])[at] or 0 for at in here)
            needed = int(length * sum(frames) * per) + offset
            if file.stat().st_size < needed:
                what = f"its data {name} is truncated: {file.stat().st_size:,} of {needed:,} bytes"
                raise LimbeckError(what, where=header, mend="copy it again")


def _annotations(header: Path, settings: Signal) -> tuple[NDArray[np.int64], list[str]] | None:
    """Return samples and symbols of the annotated beats, or None where the record has no annotations."""
    file = header.with_suffix(f".{settings.annotations}")
    if settings.peaks == "found" or not file.is_file():
        return None
    with _explained(file, "the annotations cannot be read"):
        read = _wfdb().rdann(str(header.with_suffix("").resolve()), settings.annotations)
    beats = [at for at, symbol in enumerate(read.symbol) if symbol in AAMI]
    return np.asarray(read.sample, dtype=np.int64)[beats], [read.symbol[at] for at in beats]


@contextlib.contextmanager
def _explained(where: Path, what: str) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except LimbeckError:
        raise
    except Exception as error:  # what the package raises on damaged files has no common base
        raise LimbeckError(f"{what}: {first_line(error)}", where=where, mend="copy it again") from error


def _wfdb() -> Any:
    try:
        import wfdb
    except ImportError as error:
        raise missing_extra("wfdb", "signals", "reading WFDB records") from error
    return wfdb
