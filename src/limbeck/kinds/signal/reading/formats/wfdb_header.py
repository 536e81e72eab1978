"""The header of a WFDB record, read by the package wfdb and checked before anything that it names is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError, first_line, missing_extra
from limbeck.messages.message import message
from limbeck.process.quiet import without_warnings

MOST_SAMPLES = 400_000_000  # of all leads: two leads for 6 days at 360 Hz
MOST_HEADER = 4 * 2**20  # bytes
_BYTES = {
    "8": 1.0, "16": 2.0, "24": 3.0, "32": 4.0, "61": 2.0, "80": 1.0, "160": 2.0, "212": 1.5, "310": 4 / 3, "311": 4 / 3,
}  # fmt: skip
_PACKED = ("508", "516", "524")  # FLAC: their size tells nothing of their length


@dataclass(frozen=True)
class Head:
    """A header of one segment that fits its files: its leads, and samples a frame of each.

    ``record`` is what findings call it: the record that the segment belongs to.
    """

    path: Path
    record: str
    rate: float
    length: int
    names: list[str]
    per_frame: list[int]


def stem_of(header: Path) -> str:
    """Return what the package calls a record: its path without the ending. Links stay: data lies beside the link."""
    return str(header.with_suffix("").absolute())


@contextlib.contextmanager
def explained(where: Path, code: str) -> Iterator[None]:
    """Turn whatever the package raises on a damaged file into one line."""
    try:
        with without_warnings():
            yield
    except LimbeckError:
        raise
    except Exception as error:  # what the package raises on damaged files has no common base
        raise LimbeckError(message(code, error=first_line(error)), where=where, fix=message("fix.copy")) from error


def package() -> Any:
    """Return the package wfdb, or say in a line that it is not installed."""
    try:
        import wfdb
    except ImportError as error:
        raise missing_extra("wfdb", "signals", "reading WFDB records") from error
    return wfdb


def raw_header(header: Path) -> Any:
    """Return the header as the package wfdb reads it."""
    wfdb = package()
    with explained(header, "record.header_unreadable"):
        if (size := header.stat().st_size) > MOST_HEADER:
            raise LimbeckError(message("record.header_too_large", count=size, most=MOST_HEADER), where=header)
        return wfdb.rdheader(stem_of(header))


def checked_header(raw: Any, header: Path, record: str) -> Head:
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
        check_size(rate, int(raw.sig_len), sum(per_frame), header)
    _check_files(raw, header)
    length = int(raw.sig_len) if raw.sig_len is not None else _length(raw, header, per_frame)
    check_size(rate, length, sum(per_frame), header)
    _check_sizes(raw, header, length, per_frame)
    if any(not 0 <= int(skew or 0) <= length for skew in raw.skew):
        raise LimbeckError(message("record.skew", count=length), where=header)
    return Head(header, record, rate, length, _names(raw), per_frame)


def _names(raw: Any) -> list[str]:
    """Return the names of a header's leads; one without a name is called by its place."""
    return [str(name or f"signal {at}") for at, name in enumerate(raw.sig_name)]


def check_size(rate: float, length: int, per_frame: int, header: Path) -> None:
    """Refuse a record without samples, and one that is too large to be read."""
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


def layout_of(header: Path, name: str) -> list[str]:
    """Return the leads that the layout of a record of varying segments names."""
    raw = raw_header(file_beside(header, name))
    return _names(raw) if getattr(raw, "sig_name", None) else []


def file_beside(header: Path, name: str) -> Path:
    """Return the header of a segment, which has to lie beside that of the record."""
    _check_beside(name, header)
    file = header.with_name(f"{name}.hea")
    if not file.is_file():
        what = message("record.segment_missing", segment=file.name)
        raise LimbeckError(what, where=header, fix=message("fix.beside_header"))
    return file
