"""Annotations of a WFDB record, at the record's own rate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import AAMI
from limbeck.kinds.signal.reading.formats.wfdb_header import explained, package, stem_of
from limbeck.messages.message import message
from limbeck.recipe import Signal

MOST_ANNOTATIONS = 16 * 2**20  # bytes: some 8 million beats


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
    with explained(file, "record.annotations_unreadable"):
        if (size := file.stat().st_size) > MOST_ANNOTATIONS:
            what = message("record.annotations_too_large", count=size, most=MOST_ANNOTATIONS)
            raise LimbeckError(what, where=file)
        read = package().rdann(stem_of(header), settings.annotations)
    beats = [at for at, symbol in enumerate(read.symbol) if symbol in AAMI]
    places = np.asarray(read.sample, dtype=np.int64)[beats]
    # Their own time resolution where the file states one, else the frames of the record's header.
    own = float(read.fs or 0.0)
    if not 0 < own <= 1e9:
        raise LimbeckError(message("record.annotation_rate", rate=own), where=file, fix=message("fix.anew"))
    if own != rate:
        places = np.rint(np.clip(places * (rate / own), -(2.0**62), 2.0**62)).astype(np.int64)
    return places, [read.symbol[at] for at in beats]
