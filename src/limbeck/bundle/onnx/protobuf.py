"""The wire format of protocol buffers, read strictly and written; what two readers could take differently is refused.

protobuf's C++ reader keeps 32 bits of a tag and of a length, takes encodings longer than need be, and skips groups. A
checker that reads a tag otherwise than the library behind it can be shown one field while the library sees another.
Format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, are refused
_LARGEST_SIZE = 2**31 - 1

Value = int | memoryview  # the number of a varint; else the bytes


def fields(message: memoryview) -> Iterator[tuple[int, int, Value]]:
    """Yield (field number, wire type, value) of one message.

    Raises
    ------
    ValueError, IndexError
        When it is broken, or says the same thing in more bytes than it takes.
    """
    at, end = 0, len(message)
    while at < end:
        tag = message[at]
        at += 1
        if tag >= 0x80:
            tag, at = _short(message, at - 1, 2**32 - 1)
        number, wire = tag >> 3, tag & 7
        if number == 0:
            raise ValueError("field 0")
        if wire == VARINT:
            value, at = varint(message, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            size = message[at]
            at += 1
            if size >= 0x80:
                size, at = _short(message, at - 1, _LARGEST_SIZE)
        elif wire == FIXED64:
            size = 8
        elif wire == FIXED32:
            size = 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > end:
            raise ValueError("truncated")
        yield number, wire, message[at : at + size]
        at += size


def _short(message: memoryview, at: int, most: int) -> tuple[int, int]:
    """Return a tag or a length, in as few bytes as it takes, and where it ends."""
    value, end = varint(message, at)
    if value > most or message[end - 1] == 0:
        raise ValueError("a tag or a length has surplus bits")
    return value, end


def varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the integer of up to 64 bits that begins at ``at``, and where it ends."""
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= 2**64:
                raise ValueError("varint too long")
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("varint too long")


def signed(value: int) -> int:
    """Return the int64 that a varint stands for."""
    return value - 2**64 if value >= 2**63 else value


def packed(value: memoryview) -> list[int]:
    """Return the int64 of a packed field."""
    out, at = [], 0
    while at < len(value):
        one, at = varint(value, at)
        out.append(signed(one))
    return out


def encoded(number: int, wire: int, value: Value | bytes) -> bytes:
    """Return one field as bytes, in as few as it takes; a value of fixed size or of bytes is given as such."""
    head = _as_varint(number << 3 | wire)
    if isinstance(value, int):
        return head + _as_varint(value)
    return head + (_as_varint(len(value)) if wire == BYTES else b"") + bytes(value)


def _as_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
