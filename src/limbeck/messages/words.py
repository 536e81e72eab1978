"""Words that stand inside messages and are translated with them."""

from __future__ import annotations

from collections.abc import Sequence

from limbeck.messages.message import Message, message

_PARTS = {"train": "part.train", "valid": "part.valid", "test": "part.test", "unlabelled": "part.unlabelled"}


def part(name: str) -> Message:
    """Return the name of a part of a split."""
    return message(_PARTS[name])


def rows_named(names: Sequence[object]) -> list[object]:
    """Return what messages call rows: numbers as numbers of rows, paths as they are."""
    return [message("rows.number", row=name) if isinstance(name, int) else name for name in names]


def pairs_named(pairs: Sequence[tuple[object, object]]) -> list[Message]:
    """Return what messages call pairs of rows, by number or by path."""
    numbered = all(isinstance(name, int) for pair in pairs for name in pair)
    code = "rows.pair" if numbered else "rows.pair_named"
    return [message(code, row=row, other=other) for row, other in pairs]
