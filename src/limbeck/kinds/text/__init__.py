"""Texts."""

from __future__ import annotations

from limbeck.kinds.inputs import Tables
from limbeck.kinds.kind import Kind
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.from_memory import texts_from, texts_in

TEXT = Kind(name="text", encoder=TextInput, values=texts_in, from_memory=texts_from, inputs=Tables)
