"""Signals: windows of one or more leads."""

from __future__ import annotations

from limbeck.kinds.kind import Kind
from limbeck.kinds.signal.columns import columns_of
from limbeck.kinds.signal.encode import SignalInput
from limbeck.kinds.signal.reading import patients
from limbeck.kinds.signal.reading.from_memory import windows_from, windows_given, windows_in
from limbeck.kinds.signal.reading.gather import gather
from limbeck.kinds.signal.reading.inputs import Records
from limbeck.kinds.signal.rows import keys, names, sizes

SIGNAL = Kind(
    name="signal",
    anomalies=True,
    columns=columns_of,
    labels_apart=True,
    plural="signals",
    calibrated=True,
    encoder=SignalInput,
    values=windows_in,
    from_memory=windows_from,
    inputs=Records,
    given=windows_given,
    framed=True,
    whole=True,
    names=names,
    keys=keys,
    same="content.samples",
    gather=gather,
    group=patients.group,
    published=patients.published,
    drawn=patients.drawn,
    straddling=patients.drop_straddling,
    notes=patients.notes,
    in_cells=False,
    sizes=sizes,
)
