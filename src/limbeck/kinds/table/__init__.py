"""Rows of a table."""

from __future__ import annotations

from limbeck.data.row_identity import told_by_rarity
from limbeck.kinds.inputs import CellTables
from limbeck.kinds.kind import Kind
from limbeck.kinds.sections import Copies, Reading
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.from_memory import cells_from, cells_in
from limbeck.kinds.table.rows import names, sizes

TABLE = Kind(
    name="table",
    plural="table rows",
    encoder=TableInput,
    values=cells_in,
    from_memory=cells_from,
    reading=Reading(inputs=CellTables),
    copies=Copies(told=told_by_rarity, empty="content.rows"),
    anomalies=True,
    by_columns=True,
    framed=True,
    names=names,
    sizes=sizes,
)
