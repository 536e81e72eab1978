"""Windows of signals into what is gathered: those of records, of files of windows, and of memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from limbeck.data.labels import MEMORY
from limbeck.data.tables import layouts
from limbeck.errors import LimbeckError
from limbeck.kinds.gather import Gathering, Sought
from limbeck.kinds.signal.reading.read import Found, read_all
from limbeck.kinds.signal.reading.windows_in_memory import windows_in_memory
from limbeck.messages.message import message


def gather(gathering: Gathering, source: Path | pl.DataFrame, sought: Sought) -> bool:
    """Add the beats of every record that can be read, and a line for each that cannot; return that this was done.

    Raises
    ------
    LimbeckError
        When no record can be read.
    """
    task, labelled = sought.task, sought.labelled
    if isinstance(source, pl.DataFrame):
        given = layouts.apply(source, "table", sought.columns, where=MEMORY, partly=True)
        sources: Iterable[Found | LimbeckError] = [
            windows_in_memory(given, task, sought.signal, labelled=labelled, source=MEMORY)
        ]
    else:
        sources = read_all(source, task, sought.signal, labelled=labelled, columns=sought.columns)
    for found in sources:
        if isinstance(found, LimbeckError):
            gathering.findings.append(message("data.record_left_out", reason=found.message()))
            continue
        gathering.findings += found.findings
        gathering.note_rejects(found.rejects, found.source, "data.unreadable_beats")
        frame = layouts.apply(found.frame, "table", sought.columns, where=found.source, partly=gathering.partly)
        gathering.hold(frame, found.numbers, sought.part, found.source, sought)
    if not gathering.frames:
        fix = (gathering.findings or [message("fix.path")])[0]
        where = MEMORY if isinstance(source, pl.DataFrame) else source
        raise LimbeckError("no record can be read", where=where, fix=fix)
    return True
