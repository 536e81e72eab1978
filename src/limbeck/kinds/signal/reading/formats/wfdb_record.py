"""Leads in mV of a WFDB record (PhysioNet), of one segment or of many; decoded by the package wfdb.

A header is hostile until shown otherwise: it may name files elsewhere, or more samples than its data holds, so all of
it is checked against the files before anything is decoded. A record of several segments is one record: leads are found
by name in each segment, and a gap is missing samples. A lead that is sampled more often than the header's frames is
read at its own rate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.signal.reading.formats.wfdb_header import (
    MOST_HEADER,
    Head,
    check_size,
    checked_header,
    explained,
    file_beside,
    layout_of,
    package,
    raw_header,
    stem_of,
)
from limbeck.messages.message import Message, message
from limbeck.recipe import Signal

Floats = NDArray[np.float64]
MOST_SEGMENTS = 20_000
GAP = "~"  # a segment without data
TO_MILLIVOLT = {
    "mv": 1.0, "millivolt": 1.0, "millivolts": 1.0, "v": 1e3, "volt": 1e3, "volts": 1e3, "nv": 1e-6,
    "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "microvolt": 1e-3, "microvolts": 1e-3,
}  # fmt: skip
_MASTER = re.compile(r"\s*[^\s/]+/\d+(\s|$)")


@dataclass(frozen=True)
class Record:
    """Leads of a record as read: float64 [L, n] in mV, NaN where a sample is missing, at ``rate`` Hz."""

    leads: Floats
    rate: float
    findings: list[Message]


def read_record(header: Path, settings: Signal) -> Record:
    """Read the leads that the settings choose.

    Raises
    ------
    LimbeckError
        When header or data are missing, damaged or truncated, or contradict each other.
    """
    raw = raw_header(header)
    if hasattr(raw, "seg_name"):
        return _joined(raw, header, settings)
    head = checked_header(raw, header, header.stem)
    chosen, findings = choose_leads(head.names, settings.leads, header.stem)
    per_frame = max(head.per_frame[at] for at in chosen)
    leads, more = _decoded(head, chosen, per_frame)
    return Record(leads, head.rate * per_frame, findings + more)


def choose_leads(names: list[str], wanted: list[str], record: str) -> tuple[list[int], list[Message]]:
    """Return the place of each wanted lead, names compared without case, and a line for each that is not there.

    In its stead stands the first lead that is not used yet, or the first of all.
    """
    chosen: list[int] = []
    findings = []
    for wish in wanted:
        at = _place(names, wish)
        if at is None:
            at = next((place for place in range(len(names)) if place not in chosen), 0)
            findings.append(message("data.lead_missing", record=record, lead=wish, other=names[at]))
        chosen.append(at)
    return chosen, findings


def segments_of(header: Path) -> list[str]:
    """Return the names of the segments of a record, with that of its layout; none for a record of one segment."""
    try:
        with header.open(encoding="ascii", errors="ignore") as file:
            lines = [line for line in file.read(MOST_HEADER).splitlines() if line.strip() and line[0] != "#"]
    except OSError:
        return []
    if not lines or not _MASTER.match(lines[0]):
        return []
    return [line.split()[0] for line in lines[1:] if not line.startswith(GAP)]


def _decoded(head: Head, places: list[int | None] | list[int], per_frame: int) -> tuple[Floats, list[Message]]:
    """Return the leads at these places in mV, float64 [L, n * per_frame], NaN for None, and what was found."""
    out = np.full((len(places), head.length * per_frame), np.nan)
    channels = sorted({at for at in places if at is not None})
    if not channels:
        return out, []
    smooth = all(head.per_frame[at] == 1 for at in channels)
    with explained(head.path, "record.data_unreadable"):
        read = package().rdrecord(stem_of(head.path), channels=channels, smooth_frames=smooth)
    samples = list(read.p_signal.T) if smooth else list(read.e_p_signal)
    findings = []
    for row, place in enumerate(places):
        if place is None:
            continue
        at = channels.index(place)
        count, unit = head.per_frame[place], str(read.units[at]).strip().lower()
        values = np.asarray(samples[at], dtype=np.float64)[: head.length * count]
        if len(values) < head.length * count:
            what = message("record.truncated", count=len(values), total=head.length * count)
            raise LimbeckError(what, where=head.path, fix=message("fix.copy"))
        if unit not in TO_MILLIVOLT:
            findings.append(message("data.lead_unit_unknown", record=head.record, lead=head.names[place]))
        if count != per_frame:
            rates = {"rate": head.rate * count, "other": head.rate * per_frame}
            findings.append(message("data.lead_interpolated", record=head.record, lead=head.names[place], **rates))
            steps = np.arange(head.length * per_frame) * (count / per_frame)
            values = np.interp(steps, np.arange(len(values)), values)
        out[row] = values * TO_MILLIVOLT.get(unit, 1.0)
    return out, findings


def _joined(raw: Any, header: Path, settings: Signal) -> Record:
    """Return the leads of a record of several segments, NaN where a segment is a gap or lacks the lead."""
    names, lengths = [str(name) for name in raw.seg_name], [int(length) for length in raw.seg_len]
    if not names or len(names) != raw.n_seg or len(names) > MOST_SEGMENTS:
        what = message("record.segment_count", count=raw.n_seg, found=len(names))
        raise LimbeckError(what, where=header, fix=message("fix.segments", most=MOST_SEGMENTS))
    known = [] if lengths[0] else layout_of(header, names[0])
    pieces = list(zip(names, lengths, strict=True))[0 if lengths[0] else 1 :]
    length = sum(lengths)
    if raw.sig_len not in (None, length):
        what = message("record.segments_length", count=raw.sig_len, found=length)
        raise LimbeckError(what, where=header, fix=message("fix.copy"))
    rate = float(raw.fs or 0.0)
    check_size(rate, length, len(settings.leads), header)
    heads = [None if name == GAP else _segment(header, name, count, rate) for name, count in pieces]
    known = list(dict.fromkeys([*known, *(name for head in heads if head is not None for name in head.names)]))
    if not known:
        raise LimbeckError(message("record.no_lead"), where=header)
    chosen, findings = choose_leads(known, settings.leads, header.stem)
    wishes = [
        f"{known[at]}|{wish}" if _place(known, wish) is not None else known[at]
        for at, wish in zip(chosen, settings.leads, strict=True)
    ]
    places = [[] if head is None else [_place(head.names, wish) for wish in wishes] for head in heads]
    finest = [
        head.per_frame[at] for head, row in zip(heads, places, strict=True) if head for at in row if at is not None
    ]
    per_frame = max(finest, default=1)
    check_size(rate, length, per_frame * len(chosen), header)
    leads, start = np.full((len(chosen), length * per_frame), np.nan), 0
    for head, row, (_, count) in zip(heads, places, pieces, strict=True):
        end = start + count * per_frame
        if head is not None:
            leads[:, start:end], more = _decoded(head, row, per_frame)
            findings += more
        start = end
    return Record(leads, rate * per_frame, list(dict.fromkeys(findings)))


def _segment(header: Path, name: str, length: int, rate: float) -> Head:
    file = file_beside(header, name)
    head = checked_header(raw_header(file), file, header.stem)
    if head.length != length or head.rate != rate:
        facts = {"segment": name, "found": head.length, "rate": head.rate, "count": length, "wanted": rate}
        raise LimbeckError(message("record.segment_differs", **facts), where=header, fix=message("fix.copy"))
    return head


def _place(names: list[str], wish: str) -> int | None:
    """Return the place of the first of the names between bars that is there."""
    lowered = [name.strip().lower() for name in names]
    options = [name.strip().lower() for name in wish.split("|")]
    return next((lowered.index(name) for name in options if name in lowered), None)
