"""Leads in mV and annotations of a WFDB record (PhysioNet), of one segment or of many; decoded by the package wfdb.

A header is hostile until shown otherwise: it may name files elsewhere, or more samples than its data holds, so all of
it is checked against the files before anything is decoded. A record of several segments is one record: leads are found
by name in each segment, and a gap is missing samples. A lead that is sampled more often than the header's frames is
read at its own rate.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line, missing_extra
from limbeck.kinds.signal.columns import AAMI
from limbeck.messages.message import Message, message
from limbeck.process.quiet import without_warnings
from limbeck.recipe import Signal

Floats = NDArray[np.float64]
MOST_SAMPLES = 400_000_000  # of all leads: two leads for 6 days at 360 Hz
MOST_SEGMENTS = 20_000
MOST_HEADER = 4 * 2**20  # bytes
MOST_ANNOTATIONS = 16 * 2**20  # bytes: some 8 million beats
GAP = "~"  # a segment without data
_BYTES = {
    "8": 1.0, "16": 2.0, "24": 3.0, "32": 4.0, "61": 2.0, "80": 1.0, "160": 2.0, "212": 1.5, "310": 4 / 3, "311": 4 / 3,
}  # fmt: skip
_PACKED = ("508", "516", "524")  # FLAC: their size tells nothing of their length
_TO_MILLIVOLT = {
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


@dataclass(frozen=True)
class _Head:
    """A header of one segment that fits its files: its leads, and samples a frame of each.

    ``record`` is what findings call it: the record that the segment belongs to.
    """

    path: Path
    record: str
    rate: float
    length: int
    names: list[str]
    per_frame: list[int]


def read_record(header: Path, settings: Signal) -> Record:
    """Read the leads that the settings choose.

    Raises
    ------
    LimbeckError
        When header or data are missing, damaged or truncated, or contradict each other.
    """
    raw = _raw(header)
    if hasattr(raw, "seg_name"):
        return _joined(raw, header, settings)
    head = _checked(raw, header, header.stem)
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


def read_annotations(header: Path, settings: Signal, rate: float) -> tuple[NDArray[np.int64], list[str]] | None:
    """Return samples at ``rate`` Hz and symbols of the annotated beats, or None where there are no annotations.

    An annotation file may state a time resolution of its own.

    Raises
    ------
    LimbeckError
        When the file is damaged.
    """
    file = header.with_suffix(f".{settings.annotations}")
    if settings.peaks == "found" or not file.is_file():
        return None
    with _explained(file, "record.annotations_unreadable"):
        if (size := file.stat().st_size) > MOST_ANNOTATIONS:
            what = message("record.annotations_too_large", count=size, most=MOST_ANNOTATIONS)
            raise LimbeckError(what, where=file)
        read = _package().rdann(_stem(header), settings.annotations)
    beats = [at for at, symbol in enumerate(read.symbol) if symbol in AAMI]
    places = np.asarray(read.sample, dtype=np.int64)[beats]
    # Their own time resolution where the file states one, else the frames of the record's header.
    own = float(read.fs or 0.0)
    if not 0 < own <= 1e9:
        raise LimbeckError(message("record.annotation_rate", rate=own), where=file, fix=message("fix.anew"))
    if own != rate:
        places = np.rint(np.clip(places * (rate / own), -(2.0**62), 2.0**62)).astype(np.int64)
    return places, [read.symbol[at] for at in beats]


def _stem(header: Path) -> str:
    """Return what the package calls a record: its path without the ending. Links stay: data lies beside the link."""
    return str(header.with_suffix("").absolute())


@contextlib.contextmanager
def _explained(where: Path, code: str) -> Iterator[None]:
    """Turn whatever the package raises on a damaged file into one line."""
    try:
        with without_warnings():
            yield
    except LimbeckError:
        raise
    except Exception as error:  # what the package raises on damaged files has no common base
        raise LimbeckError(message(code, error=first_line(error)), where=where, fix=message("fix.copy")) from error


def _package() -> Any:
    """Return the package wfdb, or say in a line that it is not installed."""
    try:
        import wfdb
    except ImportError as error:
        raise missing_extra("wfdb", "signals", "reading WFDB records") from error
    return wfdb


def _raw(header: Path) -> Any:
    wfdb = _package()
    with _explained(header, "record.header_unreadable"):
        if (size := header.stat().st_size) > MOST_HEADER:
            raise LimbeckError(message("record.header_too_large", count=size, most=MOST_HEADER), where=header)
        return wfdb.rdheader(_stem(header))


def _checked(raw: Any, header: Path, record: str) -> _Head:
    """Return what a header of one segment says, once it fits its files."""
    if hasattr(raw, "seg_name"):
        raise LimbeckError(message("record.nested_segments"), where=header, fix=message("fix.copy_record"))
    if not raw.n_sig or not raw.sig_name:
        raise LimbeckError(message("record.no_lead"), where=header)
    if len(raw.sig_name) != raw.n_sig:
        what = message("record.lead_count", count=raw.n_sig, found=len(raw.sig_name))
        raise LimbeckError(what, where=header, fix=message("fix.copy"))
    per_frame = [int(count or 1) for count in raw.samps_per_frame]
    rate = float(raw.fs or 0.0)
    if raw.sig_len is not None:
        _check_size(rate, int(raw.sig_len), sum(per_frame), header)
    _check_files(raw, header)
    length = int(raw.sig_len) if raw.sig_len is not None else _length(raw, header, per_frame)
    _check_size(rate, length, sum(per_frame), header)
    _check_sizes(raw, header, length, per_frame)
    if any(not 0 <= int(skew or 0) <= length for skew in raw.skew):
        raise LimbeckError(message("record.skew", count=length), where=header)
    return _Head(header, record, rate, length, _names(raw), per_frame)


def _names(raw: Any) -> list[str]:
    """Return the names of a header's leads; one without a name is called by its place."""
    return [str(name or f"signal {at}") for at, name in enumerate(raw.sig_name)]


def _check_size(rate: float, length: int, per_frame: int, header: Path) -> None:
    if not 1 <= rate <= 1e5 or length < 1:
        raise LimbeckError(message("record.size", count=length, rate=rate), where=header)
    if length * per_frame > MOST_SAMPLES:
        what = message("record.too_many_samples", count=length * per_frame, most=MOST_SAMPLES)
        raise LimbeckError(what, where=header, fix=message("fix.cut_record"))


def _check_files(raw: Any, header: Path) -> None:
    """Refuse data files outside the folder, missing ones, and formats that are not known."""
    for name in dict.fromkeys(str(name) for name in raw.file_name):
        _check_beside(name, header)
        if not (header.parent / name).is_file():
            what = message("record.data_missing", file=name)
            raise LimbeckError(what, where=header, fix=message("fix.beside_header"))
        formats = {str(kind) for kind, other in zip(raw.fmt, raw.file_name, strict=True) if other == name}
        if len(formats) != 1 or not formats <= {*_BYTES, *_PACKED}:
            what = message("record.format", file=name, formats=sorted(formats))
            raise LimbeckError(what, where=header, fix=message("fix.one_of", options=[*_BYTES, *_PACKED]))


def _check_beside(name: str, header: Path) -> None:
    if Path(name).name != name or name in ("", ".", "..") or "\\" in name:
        raise LimbeckError(message("record.outside_folder", file=name), where=header)


def _length(raw: Any, header: Path, per_frame: list[int]) -> int:
    """Return the frames of a record whose header does not tell them, from the size of its first data file."""
    name, kind = raw.file_name[0], str(raw.fmt[0])
    if kind not in _BYTES:
        raise LimbeckError(message("record.no_length"), where=header, fix=message("fix.write_there"))
    frame = sum(count for count, other in zip(per_frame, raw.file_name, strict=True) if other == name) * _BYTES[kind]
    return int(((header.parent / name).stat().st_size - (raw.byte_offset[0] or 0)) / frame)


def _check_sizes(raw: Any, header: Path, length: int, per_frame: list[int]) -> None:
    """Refuse data files that are shorter than the header says."""
    for name in dict.fromkeys(raw.file_name):
        here = [at for at, other in enumerate(raw.file_name) if other == name]
        per = _BYTES.get(str(raw.fmt[here[0]]))
        if per is None:
            continue
        offset = max(raw.byte_offset[at] or 0 for at in here)
        needed = int(length * sum(per_frame[at] for at in here) * per) + offset
        size = (header.parent / name).stat().st_size
        if size < needed:
            what = message("record.data_truncated", file=name, count=size, total=needed)
            raise LimbeckError(what, where=header, fix=message("fix.copy"))


def _decoded(head: _Head, places: list[int | None] | list[int], per_frame: int) -> tuple[Floats, list[Message]]:
    """Return the leads at these places in mV, float64 [L, n * per_frame], NaN for None, and what was found."""
    out = np.full((len(places), head.length * per_frame), np.nan)
    channels = sorted({at for at in places if at is not None})
    if not channels:
        return out, []
    smooth = all(head.per_frame[at] == 1 for at in channels)
    with _explained(head.path, "record.data_unreadable"):
        read = _package().rdrecord(_stem(head.path), channels=channels, smooth_frames=smooth)
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
        if unit not in _TO_MILLIVOLT:
            findings.append(message("data.lead_unit_unknown", record=head.record, lead=head.names[place]))
        if count != per_frame:
            rates = {"rate": head.rate * count, "other": head.rate * per_frame}
            findings.append(message("data.lead_interpolated", record=head.record, lead=head.names[place], **rates))
            steps = np.arange(head.length * per_frame) * (count / per_frame)
            values = np.interp(steps, np.arange(len(values)), values)
        out[row] = values * _TO_MILLIVOLT.get(unit, 1.0)
    return out, findings


def _joined(raw: Any, header: Path, settings: Signal) -> Record:
    """Return the leads of a record of several segments, NaN where a segment is a gap or lacks the lead."""
    names, lengths = [str(name) for name in raw.seg_name], [int(length) for length in raw.seg_len]
    if not names or len(names) != raw.n_seg or len(names) > MOST_SEGMENTS:
        what = message("record.segment_count", count=raw.n_seg, found=len(names))
        raise LimbeckError(what, where=header, fix=message("fix.segments", most=MOST_SEGMENTS))
    known = [] if lengths[0] else _layout(header, names[0])
    pieces = list(zip(names, lengths, strict=True))[0 if lengths[0] else 1 :]
    length = sum(lengths)
    if raw.sig_len not in (None, length):
        what = message("record.segments_length", count=raw.sig_len, found=length)
        raise LimbeckError(what, where=header, fix=message("fix.copy"))
    rate = float(raw.fs or 0.0)
    _check_size(rate, length, len(settings.leads), header)
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
    _check_size(rate, length, per_frame * len(chosen), header)
    leads, start = np.full((len(chosen), length * per_frame), np.nan), 0
    for head, row, (_, count) in zip(heads, places, pieces, strict=True):
        end = start + count * per_frame
        if head is not None:
            leads[:, start:end], more = _decoded(head, row, per_frame)
            findings += more
        start = end
    return Record(leads, rate * per_frame, list(dict.fromkeys(findings)))


def _segment(header: Path, name: str, length: int, rate: float) -> _Head:
    file = _file_of(header, name)
    head = _checked(_raw(file), file, header.stem)
    if head.length != length or head.rate != rate:
        facts = {"segment": name, "found": head.length, "rate": head.rate, "count": length, "wanted": rate}
        raise LimbeckError(message("record.segment_differs", **facts), where=header, fix=message("fix.copy"))
    return head


def _layout(header: Path, name: str) -> list[str]:
    """Return the leads that the layout of a record of varying segments names."""
    raw = _raw(_file_of(header, name))
    return _names(raw) if getattr(raw, "sig_name", None) else []


def _file_of(header: Path, name: str) -> Path:
    _check_beside(name, header)
    file = header.with_name(f"{name}.hea")
    if not file.is_file():
        what = message("record.segment_missing", segment=file.name)
        raise LimbeckError(what, where=header, fix=message("fix.beside_header"))
    return file


def _place(names: list[str], wish: str) -> int | None:
    """Return the place of the first of the names between bars that is there."""
    lowered = [name.strip().lower() for name in names]
    options = [name.strip().lower() for name in wish.split("|")]
    return next((lowered.index(name) for name in options if name in lowered), None)
