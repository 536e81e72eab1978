"""Long lists of an attribute, read as arrays: an ensemble of trees has a million numbers, one field each.

They are held to the same rules as `limbeck.bundle.onnx.protobuf.fields`, many at a time.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

_INTS, _FLOATS, _STRINGS = 8 << 3, 7 << 3 | 5, 9 << 3 | 2  # tags of one number, or one string, each in a field
_MODES = re.compile(rb"(?:\x4a\x04LEAF|\x4a\x0aBRANCH_LEQ)+")
LONG = 512  # bytes from which on it pays

List = NDArray[np.int64] | NDArray[np.float32] | NDArray[np.bytes_]


def run_of(message: memoryview, at: int) -> tuple[List, int] | None:
    """Return the numbers (or modes of tree nodes) of a run of fields that begins at ``at``, and where it ends.

    None where no such run begins there.

    Raises
    ------
    ValueError
        For an integer of more than 64 bits.
    """
    if len(message) - at < LONG:
        return None
    tag = message[at]
    if tag == _FLOATS:
        return _floats(message, at)
    if tag == _INTS:
        return _ints(message, at)
    found = _MODES.match(message, at) if tag == _STRINGS else None
    if found is None:
        return None
    modes = found[0].replace(b"\x4a\x04LEAF", b"L").replace(b"\x4a\x0aBRANCH_LEQ", b"B")
    names = np.array([b"LEAF", b"BRANCH_LEQ"])
    return names[(np.frombuffer(modes, np.uint8) == ord("B")).astype(int)], found.end()


def _floats(message: memoryview, at: int) -> tuple[List, int]:
    whole = np.frombuffer(message[at : at + (len(message) - at) // 5 * 5], np.uint8).reshape(-1, 5)
    other = np.flatnonzero(whole[:, 0] != _FLOATS)
    count = int(other[0]) if len(other) else len(whole)
    return np.ascontiguousarray(whole[:count, 1:]).view("<f4")[:, 0], at + 5 * count


def _ints(message: memoryview, at: int) -> tuple[List, int]:
    content = np.frombuffer(message[at:], np.uint8)
    ends = np.flatnonzero(content < 0x80)
    ends = ends[: len(ends) // 2 * 2]
    starts = np.concatenate([[0], ends[:-1] + 1])
    sizes = ends - starts + 1
    tags = (sizes[::2] == 1) & (content[starts[::2]] == _INTS)
    other = np.flatnonzero(~tags)
    count = int(other[0]) if len(other) else len(tags)
    first, size = starts[1::2][:count], sizes[1::2][:count]
    longest = int(size.max(initial=1))
    if longest > 10 or ((size == 10) & (content[ends[1::2][:count]] > 1)).any():
        raise ValueError("varint too long")
    values = np.zeros(count, dtype=np.uint64)
    for place in range(longest):
        there = size > place
        values[there] |= (content[first[there] + place].astype(np.uint64) & np.uint64(0x7F)) << np.uint64(7 * place)
    return values.view(np.int64), at + (int(ends[2 * count - 1]) + 1 if count else 0)
