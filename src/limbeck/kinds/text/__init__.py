"""Texts."""

from __future__ import annotations

from limbeck.data.near_duplicates import near
from limbeck.data.row_identity import told_by_length
from limbeck.kinds.inputs import Tables
from limbeck.kinds.kind import Kind
from limbeck.kinds.text.encode import TextInput, encoder_read, texts_in
from limbeck.kinds.text.from_memory import texts_from
from limbeck.kinds.text.rows import keys, sizes

TEXT = Kind(
    name="text",
    reads=encoder_read,
    plural="texts",
    by_length=True,
    cut_short=True,
    rounds=True,
    filled_up=True,
    encoder=TextInput,
    values=texts_in,
    from_memory=texts_from,
    inputs=Tables,
    keys=keys,
    near=near,
    told=told_by_length,
    same="content.text",
    alike="data.texts_alike",
    one_text=True,
    sizes=sizes,
)
