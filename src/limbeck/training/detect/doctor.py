"""`limbeck doctor` of a detector: every box that is dropped or clipped, classes, parts, copies, sizes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.image.whole.letterbox import fitted
from limbeck.tasks.detect.boxes import Annotated, joined
from limbeck.training.build import network_kind
from limbeck.training.detect.rows import read_annotated, settled
from limbeck.training.doctor.case import Case
from limbeck.training.doctor.finding import Finding, refused

SMALL = 6.0  # pixels of the letterbox under which a side is hardly found
_SHARE = 0.1
RARE = 20  # boxes of a class in train under which little is learned


def examine(case: Case) -> Iterator[Finding]:
    """Yield what is wrong, or worth a look, in the labels and pictures of a recipe for a detector."""
    try:
        network_kind(case.recipe)
    except LimbeckError as error:
        yield refused("student", error)
    try:
        rows = read_annotated(case.recipe, case.folder, case.home)
    except LimbeckError as error:
        yield refused("data", error)
        return
    yield Finding("ok", "data", f"labels are read as {rows.form}: {len(rows.pictures):,} pictures")
    for line in rows.findings:
        yield Finding("warn", "data", line)
    for one in rows.rejected:
        place = f"{one.file}, line {one.line}" if one.line is not None else one.file
        picture = f" ({one.picture})" if one.picture and one.picture != one.file else ""
        yield Finding("warn", "data", f"{place}{picture}: {one.reason}")
    yield from _counts(rows)
    yield from _sizes(case, rows)


def _counts(rows: Annotated) -> Iterator[Finding]:
    for part in ("train", "valid", "test"):
        counts = rows.counts(part)
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.items())
        empty = sum(not len(one.boxes) for one in rows.part(part))
        what = f"{part}: {len(rows.part(part)):,} pictures, {empty:,} of them without boxes; boxes: {shown}"
        yield Finding("ok", "data", what)
        for name, count in counts.items():
            if part == "train" and count < RARE:
                what = f"the class {name!r} has {count} boxes in train"
                yield Finding("warn", "data", what, "label more of them, or join it with another class")
            elif part != "train" and rows.part(part) and not count:
                what = f"the class {name!r} has no box in {part}, so nothing will be known of it there"
                yield Finding("warn", "data", what, f"give {part} some of its pictures")


def _sizes(case: Case, rows: Annotated) -> Iterator[Finding]:
    train = rows.part("train")
    box = settled(case.recipe, train).input.letterbox
    assert isinstance(box, tuple)  # it is settled
    sides = [
        one.boxes.sizes * (np.array(fitted(one.size, box)) / np.array(one.size)) for one in train if len(one.boxes)
    ]
    least = np.concatenate(sides).min(axis=1) if sides else np.empty(0)
    all_sizes = joined([one.boxes for one in train]).sizes
    if not len(least):
        return
    spans = np.percentile(np.sqrt(all_sizes.prod(axis=1)), (5, 50, 95))
    told = f"letterbox {box[0]} x {box[1]}; sides of boxes: 5 % below {spans[0]:.0f}, half below {spans[1]:.0f}"
    yield Finding("ok", "data", f"{told}, 95 % below {spans[2]:.0f} pixels of the picture")
    share = float((least < SMALL).mean())
    if share > _SHARE:
        what = f"{share:.0%} of the boxes are less than {SMALL:.0f} pixels wide or high in the letterbox"
        yield Finding("warn", "data", what, "raise input.letterbox, or predict with --tiles")
