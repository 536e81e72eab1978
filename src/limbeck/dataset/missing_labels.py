"""Rows whose label is empty: left out, taken as unlabelled, or refused, as ``data.missing_labels`` says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from limbeck.data.labels import labels_in
from limbeck.dataset.gather import Gathered
from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.recipe import Task

Mask = npt.NDArray[np.bool_]


def without_label(gathered: Gathered, task: Task, policy: str, hidden: Mask) -> Mask:
    """Return which rows have an empty label, bool (n,), of those that are not ``hidden``, with a finding for each file.

    Raises
    ------
    LimbeckError
        When the policy is refuse and there are some, or when all rows of all files are such; with their count, and the
        file and row of the first.
    """
    found = np.zeros(len(hidden), dtype=bool)
    first: tuple[object, int] | None = None
    start = 0
    for frame, numbers, source in zip(gathered.frames, gathered.numbers, gathered.sources, strict=True):
        here = slice(start, start + len(numbers))
        start += len(numbers)
        if task.label not in frame.columns or hidden[here].all():
            continue
        empty = np.array([label is None for label in labels_in(frame[task.label], task)], dtype=bool) & ~hidden[here]
        found[here] = empty
        if not (count := int(empty.sum())):
            continue
        first = first or (source, int(numbers[empty.argmax()]))
        done = "data.no_label_unlabelled" if policy == "unlabelled" else "data.no_label_left_out"
        gathered.findings.append(message(done, count=count, file=source.name))
        raw = frame[task.label].filter(pl.Series(empty))
        words = raw.str.strip_chars().drop_nulls() if raw.dtype == pl.String else pl.Series([], dtype=pl.String)
        for word, rows in words.filter(words != "").value_counts(sort=True).head(3).iter_rows():
            gathered.findings.append(message("data.label_word", count=rows, word=word))
    if first is None:
        return found
    shown, total = int(found.sum()), int(np.count_nonzero(~hidden))
    if policy == "refuse" or (policy == "drop" and shown == total):
        spot = message("place.cell", file=first[0], row=first[1], column=task.label)
        what = message("label.missing_in", count=shown, total=total)
        raise LimbeckError(what, where=spot, fix=message("fix.labels"))
    return found
