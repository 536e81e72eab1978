"""Leads in mV of a recording in EDF or EDF+ form (Kemp et al. 1992, Kemp and Olivan 2003), decoded by edfio.

A header is hostile until shown otherwise: it is read here first, 256 bytes and 256 more for each lead, and held against
the size of the file before anything is decoded. Texts of EDF+ annotations that are a symbol of a beat, such as ``V``,
are beats; any other text is none. A recording with pauses (EDF+D) is refused, as its times are not its samples'.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.tables.rows import Reject
from limbeck.errors import LimbeckError, missing_extra
from limbeck.files import open_regular
from limbeck.kinds.signal.columns import AAMI, Beats
from limbeck.kinds.signal.reading.formats.wfdb_file import beats_of
from limbeck.kinds.signal.reading.formats.wfdb_header import check_size, explained
from limbeck.kinds.signal.reading.formats.wfdb_record import TO_MILLIVOLT, Record, choose_leads
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal

ENDINGS = (".edf", ".rec")
MOST_LEADS = 512
MOST_ANNOTATIONS = 16 * 2**20  # bytes of all annotations
_FIXED, _OF_LEAD = 256, 256  # bytes of a header
_SAMPLES_AT = 216  # where, for each lead, the numbers of samples stand, times the number of leads
_ANNOTATIONS = "EDF Annotations"

Annotated = tuple[NDArray[np.int64], list[str]]


def read_edf(
    file: Path, settings: Signal, *, labelled: bool
) -> tuple[Beats, NDArray[np.float64], list[Reject], list[Message]]:
    """Return what `limbeck.kinds.signal.reading.formats.wfdb_file.read_wfdb` gives of a record.

    Raises
    ------
    LimbeckError
        As `read_edf_record`; and where classes are needed and no annotation is a beat.
    """
    record, annotated = read_edf_record(file, settings)
    if annotated is None and labelled:
        raise LimbeckError(message("record.no_beat_annotations"), where=file, fix=message("fix.beat_annotations"))
    return beats_of(record, annotated, file, settings)


def read_edf_record(file: Path, settings: Signal) -> tuple[Record, Annotated | None]:
    """Return the leads that the settings choose, and samples and symbols of the annotated beats, None without any.

    Raises
    ------
    LimbeckError
        When the file is damaged or truncated, contradicts itself, has pauses or is too large.
    """
    try:
        import edfio
    except ImportError as error:
        raise missing_extra("edfio", "signals", "reading EDF recordings") from error
    with explained(file, "record.header_unreadable"):
        _check(file)
        read = edfio.read_edf(file, lazy_load_data=True)
        signals = list(read.signals)
        names = [str(signal.label) for signal in signals]
    if not signals:
        raise LimbeckError(message("record.no_lead"), where=file)
    chosen, findings = choose_leads(names, settings.leads, file.stem)
    rate = max(float(signals[at].sampling_frequency) for at in chosen)
    length = max(int(signals[at].samples_per_data_record) for at in chosen) * int(read.num_data_records)
    check_size(rate, length, len(chosen), file)
    leads = np.empty((len(chosen), length))
    for row, at in enumerate(chosen):
        signal = signals[at]
        with explained(file, "record.data_unreadable"):
            values = np.asarray(signal.data, dtype=np.float64)
            unit, own = str(signal.physical_dimension).strip().lower(), float(signal.sampling_frequency)
        if unit not in TO_MILLIVOLT:
            findings.append(message("data.lead_unit_unknown", record=file.stem, lead=names[at]))
        if len(values) != length:
            findings.append(message("data.lead_interpolated", record=file.stem, lead=names[at], rate=own, other=rate))
            values = np.interp(np.arange(length) * (len(values) / length), np.arange(len(values)), values)
        leads[row] = values * TO_MILLIVOLT.get(unit, 1.0)
    return Record(leads, rate, findings), None if settings.peaks == "found" else _beats(read, rate, file)


def _check(file: Path) -> None:
    """Hold what the header says against the size of the file.

    Raises
    ------
    LimbeckError, ValueError, OSError
        Where it contradicts itself, or names more than there is.
    """
    with open_regular(file) as opened:
        fixed = opened.read(_FIXED)
        count = int(fixed[252:256])
        if not 1 <= count <= MOST_LEADS:
            raise LimbeckError(message("record.edf_leads", count=count, most=MOST_LEADS), where=file)
        described = opened.read(_OF_LEAD * count)
    if fixed[192:197] == b"EDF+D":
        raise LimbeckError(message("record.edf_pauses"), where=file, fix=message("fix.edf_pauses"))
    if fixed[:8].strip() != b"0" or int(fixed[184:192]) != _FIXED + _OF_LEAD * count:
        raise ValueError("these are no bytes of EDF")
    start = _SAMPLES_AT * count
    samples = [int(described[start + 8 * at : start + 8 * at + 8]) for at in range(count)]
    records, seconds = int(fixed[236:244]), float(fixed[244:252])
    if min(samples) < 1 or not 0 < seconds < np.inf or records < 1:
        raise ValueError(f"{records} records of {seconds} s with {min(samples)} samples")
    there, wanted = file.stat().st_size - _FIXED - _OF_LEAD * count, 2 * sum(samples) * records
    if there < wanted:
        what = message("record.truncated", count=there // 2, total=wanted // 2)
        raise LimbeckError(what, where=file, fix=message("fix.copy"))
    if there > wanted:
        raise ValueError(f"{there - wanted} bytes behind the last record")
    labels = [described[16 * at : 16 * at + 16].decode("ascii", "replace").strip() for at in range(count)]
    notes = sum(one for one, label in zip(samples, labels, strict=True) if label == _ANNOTATIONS) * 2 * records
    if notes > MOST_ANNOTATIONS:
        raise LimbeckError(message("record.annotations_too_large", count=notes, most=MOST_ANNOTATIONS), where=file)


def _beats(read: Any, rate: float, file: Path) -> Annotated | None:
    with explained(file, "record.annotations_unreadable"):
        found = [(float(one.onset), str(one.text).strip()) for one in read.annotations]
    beats = [(onset, text) for onset, text in found if text in AAMI and abs(onset) < 2**40]
    if not beats:
        return None
    return np.rint(np.array([onset for onset, _ in beats]) * rate).astype(np.int64), [text for _, text in beats]
