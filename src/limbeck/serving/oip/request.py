"""An inference request as HTTP carries it: JSON, with tensors in it or as bytes behind it.

The Open Inference Protocol, version 2, "Inference Request", and Triton's binary tensor data extension:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
All sizes are checked as integers before anything of that size is made.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from limbeck.kinds.tensors import BYTES, NUMBERS, Tensor
from limbeck.serving.http import Refusal, json_object

_DIMENSIONS = 8
_LENGTH = struct.Struct("<I")
_LARGEST = 2**31 - 1
_ALLOWED: dict[str, set[type]] = {"b": {bool}, "u": {int}, "i": {int}, "f": {int, float, type(None)}}


@dataclass(frozen=True)
class Offered:
    """The outputs of a model; the first ``usual`` ones answer a request that asks for none by name."""

    outputs: tuple[str, ...]
    usual: int


CLASSES = Offered(("probabilities", "label", "explanation"), 2)
BOXES = Offered(("boxes", "scores", "labels"), 3)
BOXES_AND_KINDS = Offered((*BOXES.outputs, "kinds", "kind_scores"), 5)  # of a detector with a classifier behind it


@dataclass(frozen=True)
class Wanted:
    """An output that is asked for, and whether as bytes."""

    name: str
    binary: bool


@dataclass(frozen=True)
class Inference:
    """A request for inference.

    Attributes
    ----------
    timeout
        Seconds; None where the request gives none.
    top
        Parts of an explanation.
    unreadable
        "raise" refuses a request that holds a row without an answer; "nan" gives NaN and an empty label for it.
    """

    id: str | None
    tensors: dict[str, Tensor]
    outputs: tuple[Wanted, ...]
    timeout: float | None
    top: int
    unreadable: str


def read_request(body: bytes, header_length: str, most_rows: int, offered: Offered = CLASSES) -> Inference:
    """Return the request that a body holds.

    Parameters
    ----------
    offered
        The outputs of the model that is asked.
    header_length
        ``Inference-Header-Content-Length``, the bytes of JSON before the tensors; "" where there are none.

    Raises
    ------
    Refusal
        400 for what the protocol does not allow, 413 for too many rows.
    """
    json_part, tail = _parts(body, header_length)
    given = json_object(json_part)
    identity = given.get("id")
    if identity is not None and not isinstance(identity, str):
        raise Refusal(400, "id: expected a string")
    parameters = parameters_of(given, "the request")
    return Inference(
        identity,
        _tensors(given.get("inputs"), tail, most_rows),
        _outputs(given.get("outputs"), bool(parameters.get("binary_data_output")), offered),
        *options(parameters),
    )


def options(parameters: Mapping[str, Any]) -> tuple[float | None, int, str]:
    """Return seconds of the time-out (in ``timeout``, microseconds, as Triton has it), ``top`` and ``unreadable``.

    Raises
    ------
    Refusal
        400 for values that cannot be meant.
    """
    timeout = _whole(parameters, "timeout", 0, 0, 2**62)
    unreadable = parameters.get("unreadable", "raise")
    if unreadable not in ("raise", "nan"):
        raise Refusal(400, "parameters.unreadable is 'raise' or 'nan'")
    return timeout / 1e6 if timeout else None, _whole(parameters, "top", 5, 1, 1000), str(unreadable)


def _whole(parameters: Mapping[str, Any], name: str, usual: int, least: int, most: int) -> int:
    value = parameters.get(name, usual)
    if type(value) is not int or not least <= value <= most:
        raise Refusal(400, f"parameters.{name}: expected an integer from {least} to {most}")
    return value


def parameters_of(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return the parameters of a request, an input or an output.

    Raises
    ------
    Refusal
        400 when they are no object.
    """
    parameters = given.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise Refusal(400, f"parameters of {where}: expected an object")
    return parameters


def _parts(body: bytes, header_length: str) -> tuple[bytes, memoryview]:
    if not header_length:
        return body, memoryview(b"")
    if not (header_length.isascii() and header_length.isdigit()) or len(header_length) > 12:
        raise Refusal(400, "Inference-Header-Content-Length: expected a number of bytes")
    length = int(header_length)
    if length > len(body):
        raise Refusal(400, f"Inference-Header-Content-Length is {length}, but the body has {len(body)} bytes")
    return body[:length], memoryview(body)[length:]


def _tensors(given: Any, tail: memoryview, most_rows: int) -> dict[str, Tensor]:
    if not isinstance(given, list) or not given:
        raise Refusal(400, "inputs: expected a list of tensors")
    found: dict[str, Tensor] = {}
    used = 0
    for at, one in enumerate(given):
        name, datatype, shape, parameters = _head(one, at, most_rows)
        if name in found:
            raise Refusal(400, f"input {name!r} is there twice")
        size = parameters.get("binary_data_size")
        if size is not None:
            if type(size) is not int or not 0 <= size <= _LARGEST:
                raise Refusal(400, f"input {name!r}: binary_data_size: expected a number of bytes")
            if size > len(tail) - used:
                what = f"input {name!r}: binary_data_size is {size}, but {len(tail) - used} bytes are left of the body"
                raise Refusal(400, what)
            if "data" in one:
                raise Refusal(400, f"input {name!r}: give data or binary_data_size, not both")
            data = from_bytes(name, datatype, shape, tail[used : used + size])
            used += size
        elif "data" in one:
            data = from_json(name, datatype, shape, one["data"])
        else:
            raise Refusal(400, f"input {name!r} has neither data nor binary_data_size")
        found[name] = Tensor(name, datatype, shape, data)
    if used != len(tail):
        raise Refusal(400, f"{len(tail) - used} bytes of the body belong to no input")
    return found


def _head(one: Any, at: int, most_rows: int) -> tuple[str, str, tuple[int, ...], dict[str, Any]]:
    if not isinstance(one, dict) or not isinstance(one.get("name"), str):
        raise Refusal(400, f"inputs[{at}]: expected an object with a name")
    name = one["name"][:200]
    datatype, shape = one.get("datatype"), one.get("shape")
    if datatype != BYTES and (not isinstance(datatype, str) or datatype not in NUMBERS):
        raise Refusal(400, f"input {name!r}: datatype: expected BYTES, BOOL, UINT8 to FP64")
    return name, datatype, checked_shape(name, shape, most_rows), parameters_of(one, f"input {name!r}")


def checked_shape(name: str, shape: Any, most_rows: int) -> tuple[int, ...]:
    """Return a tensor's shape.

    Raises
    ------
    Refusal
        400 for what is no shape, 413 for more than ``most_rows`` rows.
    """
    if not isinstance(shape, list) or not 1 <= len(shape) <= _DIMENSIONS:
        raise Refusal(400, f"input {name!r}: shape: expected a list of 1 to {_DIMENSIONS} sizes")
    if not all(type(side) is int and 0 <= side <= _LARGEST for side in shape):
        raise Refusal(400, f"input {name!r}: shape: expected whole numbers from 0 to {_LARGEST}")
    if count_of(tuple(max(side, 1) for side in shape)) > _LARGEST:  # NumPy refuses it even where a side is 0
        raise Refusal(400, f"input {name!r}: shape: more than {_LARGEST} elements")
    if shape[0] > most_rows:
        raise Refusal(413, f"input {name!r} has {shape[0]:,} rows; send at most {most_rows:,} in one request")
    return tuple(shape)


def count_of(shape: tuple[int, ...]) -> int:
    """Return the number of elements of a shape."""
    count = 1
    for side in shape:
        count *= side
    return count


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], raw: memoryview | bytes) -> Any:
    """Return the data of a tensor that is given as bytes.

    Raises
    ------
    Refusal
        400 when they are more or fewer than the shape says.
    """
    count = count_of(shape)
    if datatype == BYTES:
        return _strings(name, count, raw)
    dtype = NUMBERS[datatype]
    if count * dtype.itemsize != len(raw):
        what = f"{len(raw)} bytes where {datatype} {list(shape)} has {count * dtype.itemsize}"
        raise Refusal(400, f"input {name!r}: {what}")
    if datatype == "BOOL":
        return np.frombuffer(raw, dtype=np.uint8).reshape(shape) != 0
    return np.frombuffer(raw, dtype=dtype).reshape(shape)


def _strings(name: str, count: int, raw: memoryview | bytes) -> list[bytes]:
    """Return elements that are each a length of four bytes, little-endian, and as many bytes."""
    out: list[bytes] = []
    at, end = 0, len(raw)
    while at < end:
        if end - at < _LENGTH.size:
            raise Refusal(400, f"input {name!r}: element {len(out)} breaks off")
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if length > end - at:
            what = f"element {len(out)} has {length} bytes, but {end - at} are left"
            raise Refusal(400, f"input {name!r}: {what}")
        if len(out) == count:
            break
        out.append(bytes(raw[at : at + length]))
        at += length
    if len(out) != count or at != end:
        found = f"{len(out)} elements" if at == end else "more elements"
        raise Refusal(400, f"input {name!r}: {found} where the shape has {count}")
    return out


def from_json(name: str, datatype: str, shape: tuple[int, ...], data: Any) -> Any:
    """Return the data of a tensor that is given in JSON, flat or nested.

    Raises
    ------
    Refusal
        400 when there are more or fewer elements than the shape says, or one does not fit the datatype.
    """
    flat = _flat(name, data)
    count = count_of(shape)
    if len(flat) != count:
        raise Refusal(400, f"input {name!r}: {len(flat)} elements where the shape {list(shape)} has {count}")
    if datatype == BYTES:
        for at, cell in enumerate(flat):
            if not isinstance(cell, str) and cell is not None:
                raise Refusal(400, f"input {name!r}: element {at}: expected a string")
        return flat
    return _numbers(name, datatype, shape, flat)


def _flat(name: str, data: Any) -> list[Any]:
    if not isinstance(data, list):
        raise Refusal(400, f"input {name!r}: data: expected a list")
    flat: list[Any] = data
    for _ in range(_DIMENSIONS):
        if not flat or not isinstance(flat[0], list):
            return flat
        if not all(isinstance(part, list) for part in flat):
            break
        flat = list(chain.from_iterable(flat))
    raise Refusal(400, f"input {name!r}: data: lists and elements are mixed, or nested too deeply")


def _numbers(name: str, datatype: str, shape: tuple[int, ...], flat: list[Any]) -> Any:
    dtype = NUMBERS[datatype]
    kinds = {type(cell) for cell in flat}
    allowed = _ALLOWED[dtype.kind]
    if not kinds <= allowed:
        bad = next(at for at, cell in enumerate(flat) if type(cell) not in allowed)
        raise Refusal(400, f"input {name!r}: element {bad}: expected a {'number' if dtype.kind != 'b' else 'boolean'}")
    try:
        array = np.array(flat, dtype=dtype)
    except OverflowError as error:
        raise Refusal(400, f"input {name!r}: an element does not fit {datatype}") from error
    return array.reshape(shape)


def check_outputs(names: Sequence[str], offered: Offered) -> None:
    """Check that a model has the outputs that are asked for.

    Raises
    ------
    Refusal
        400 when it has not.
    """
    for at, name in enumerate(names):
        if name not in offered.outputs:
            raise Refusal(400, f"outputs[{at}]: expected an object with a name: {', '.join(offered.outputs)}")


def _outputs(given: Any, binary: bool, offered: Offered) -> tuple[Wanted, ...]:
    if given is None:
        return tuple(Wanted(name, binary) for name in offered.outputs[: offered.usual])
    if not isinstance(given, list) or not given:
        raise Refusal(400, "outputs: expected a list of outputs")
    wanted: list[Wanted] = []
    for at, one in enumerate(given):
        if not isinstance(one, dict) or one.get("name") not in offered.outputs:
            raise Refusal(400, f"outputs[{at}]: expected an object with a name: {', '.join(offered.outputs)}")
        own = parameters_of(one, f"outputs[{at}]").get("binary_data", binary)
        if not isinstance(own, bool):
            raise Refusal(400, f"outputs[{at}]: binary_data: expected a boolean")
        if any(one["name"] == other.name for other in wanted):
            raise Refusal(400, f"output {one['name']!r} is asked for twice")
        wanted.append(Wanted(one["name"], own))
    return tuple(wanted)
