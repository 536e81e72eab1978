"""Signals: windows of one or more leads."""

from __future__ import annotations

from limbeck.kinds.kind import Kind
from limbeck.kinds.sections import AsTeacher, Copies, Parts, Reading
from limbeck.kinds.signal.columns import columns_of
from limbeck.kinds.signal.encode import SignalInput
from limbeck.kinds.signal.reading import patients
from limbeck.kinds.signal.reading.from_memory import windows_from, windows_given, windows_in
from limbeck.kinds.signal.reading.gather import gather
from limbeck.kinds.signal.reading.inputs import Records
from limbeck.kinds.signal.rows import keys, names, sizes

SIGNAL = Kind(
    name="signal",
    plural="signals",
    encoder=SignalInput,
    values=windows_in,
    from_memory=windows_from,
    reading=Reading(inputs=Records, gather=gather, given=windows_given),
    copies=Copies(keys=keys, same="content.samples"),
    parts=Parts(
        group=patients.group,
        published=patients.published,
        drawn=patients.drawn,
        straddling=patients.drop_straddling,
        notes=patients.notes,
    ),
    as_teacher=AsTeacher(columns=columns_of),
    anomalies=True,
    labels_apart=True,
    calibrated=True,
    framed=True,
    whole=True,
    names=names,
    in_cells=False,
    sizes=sizes,
)
