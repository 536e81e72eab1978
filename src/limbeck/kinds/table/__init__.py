"""Rows of a table."""

from __future__ import annotations

from limbeck.data.row_identity import told_by_rarity
from limbeck.kinds.inputs import CellTables
from limbeck.kinds.kind import Kind
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.table.from_memory import cells_from, cells_in
from limbeck.kinds.table.rows import names, sizes

TABLE = Kind(
    name="table",
    anomalies=True,
    plural="table rows",
    by_columns=True,
    encoder=TableInput,
    values=cells_in,
    from_memory=cells_from,
    inputs=CellTables,
    framed=True,
    names=names,
    told=told_by_rarity,
    empty="content.rows",
    sizes=sizes,
)
