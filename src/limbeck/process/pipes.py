"""Messages over pipes between two processes of ours: one line of JSON, then the raw numbers of its arrays.

No pickle: a message can hold nothing but plain JSON and arrays of numbers, so a process may read what another one
wrote after it met hostile data.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Head = dict[str, Any]
Arrays = dict[str, NDArray[Any]]
_ARRAYS = "arrays"  # the key of a head that says which arrays follow: [name, type, shape] each
_TYPES = frozenset("<f2 <f4 <f8 |i1 |u1 |b1 <i2 <i4 <i8 <u2 <u4 <u8".split())  # noqa: SIM905
_LONGEST = 2**28  # bytes of a line
_STEP = 2**22  # bytes that are asked for at once: nothing is reserved for what only a head promises


def send(pipe: IO[bytes], head: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Write one message and flush it."""
    ready = {name: _plain(array) for name, array in (arrays or {}).items()}
    about = [[name, array.dtype.str, array.shape] for name, array in ready.items()]
    pipe.write(json.dumps({**head, _ARRAYS: about}).encode("ascii") + b"\n")
    for array in ready.values():
        if array.size:
            pipe.write(array.reshape(-1).view(np.uint8).data)
    pipe.flush()


def receive(pipe: IO[bytes], most: int = 2**40) -> tuple[Head, Arrays]:
    """Read one message.

    Parameters
    ----------
    most
        Bytes that its arrays may have together.

    Raises
    ------
    EOFError
        When the pipe ends.
    ValueError
        When it holds anything else than a message, or more than ``most``.
    """
    line = pipe.readline(_LONGEST)
    if not line:
        raise EOFError
    try:
        head = json.loads(line)
        about = [(str(name), str(kind), tuple(map(int, shape))) for name, kind, shape in head.pop(_ARRAYS)]
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError("no message") from error
    arrays: Arrays = {}
    for name, kind, shape in about:
        if kind not in _TYPES or min(shape, default=0) < 0:
            raise ValueError("no array of numbers")
        count = 1
        for side in shape:
            count *= side
        most -= count * np.dtype(kind).itemsize
        if most < 0:
            raise ValueError("too large")
        arrays[name] = np.frombuffer(_exactly(pipe, count * np.dtype(kind).itemsize), dtype=kind).reshape(shape)
    return head, arrays


def _plain(array: NDArray[Any]) -> NDArray[Any]:
    plain = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    if plain.dtype.str not in _TYPES:
        raise ValueError(f"no array of numbers: {array.dtype}")
    return plain


def _exactly(pipe: IO[bytes], count: int) -> bytearray:
    out = bytearray()
    while len(out) < count:
        part = pipe.read(min(_STEP, count - len(out)))
        if not part:
            raise EOFError
        out += part
    return out
