"""Texts."""

from __future__ import annotations

from limbeck.data.near_duplicates import near
from limbeck.data.row_identity import told_by_length
from limbeck.kinds.kind import Kind
from limbeck.kinds.sections import Copies
from limbeck.kinds.text.encode import TextInput, encoder_read, texts_in
from limbeck.kinds.text.from_memory import texts_from
from limbeck.kinds.text.rows import keys, sizes

TEXT = Kind(
    name="text",
    plural="texts",
    encoder=TextInput,
    values=texts_in,
    from_memory=texts_from,
    copies=Copies(keys=keys, near=near, told=told_by_length, same="content.text", alike="data.texts_alike"),
    reads=encoder_read,
    rounds=True,
    filled_up=True,
    one_text=True,
    sizes=sizes,
)
