"""Requests and responses as the application sees them, whichever server read them, and the errors that it answers."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pydantic_core

from limbeck.errors import LimbeckError, first_line, printable

JSON = "application/json"
BODY_SECONDS = 30.0  # within which a body has come
_DIGITS = 18  # of a length in bytes
Headers = Sequence[tuple[str, str]]


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An answer other than success: status, one line that says why, and headers."""

    def __init__(self, status: int, why: str, headers: Headers = ()) -> None:
        super().__init__(why)
        self.status, self.why, self.headers = status, why, headers


@dataclass(slots=True)
class Request:
    """A request.

    Attributes
    ----------
    header
        Lower-case name -> value, "" where there is none.
    read
        Most bytes -> the body; raises `Refusal` 413 for a longer one and 408 for one that does not come.
    gone
        Waits until the client has hung up; None where the server cannot tell.
    """

    method: str
    path: str
    query: str
    header: Callable[[str], str]
    read: Callable[[int], Awaitable[bytes]]
    gone: Callable[[], Awaitable[None]] | None = None
    facts: dict[str, Any] = field(default_factory=dict)  # for the log: what the request was about


@dataclass(slots=True)
class Response:
    """A response; ``headers`` are those beside Content-Type and Content-Length."""

    body: bytes
    status: int = 200
    content_type: str = JSON
    headers: Headers = ()


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """Return a value as JSON; NaN becomes null."""
    return Response(pydantic_core.to_json(value, inf_nan_mode="null"), status, JSON, headers)


def error_response(refusal: Refusal) -> Response:
    """Return a refusal as the protocol wants errors."""
    return json_response({"error": refusal.why}, refusal.status, refusal.headers)


def refused(error: LimbeckError, status: int = 400) -> Refusal:
    """Return an error of the user as an answer."""
    return Refusal(status, str(error))


def parsed(body: bytes | memoryview) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    Refusal
        400 when it is not JSON; NaN and Infinity are not.
    """
    try:
        return pydantic_core.from_json(bytes(body), allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(400, f"the body is not JSON: {first_line(error)}") from error


def json_object(body: bytes | memoryview) -> dict[str, Any]:
    """Return the object of a JSON text.

    Raises
    ------
    Refusal
        400 when it is another value, or not JSON.
    """
    found = parsed(body)
    if not isinstance(found, dict):
        raise Refusal(400, "the body is not a JSON object")
    return found


async def received(parts: AsyncIterator[bytes], header: Callable[[str], str], most: int) -> bytes:
    """Return a body that comes in parts, without its Content-Encoding.

    Raises
    ------
    Refusal
        413 for more than ``most`` bytes, 408 when it takes longer than `BODY_SECONDS`, and as `inflated`.
    """
    declared = header("content-length")
    if declared.isascii() and declared.isdigit() and (len(declared) > _DIGITS or int(declared) > most):
        raise too_large(most)
    got: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in parts:
                size += len(part)
                if size > most:
                    raise too_large(most)
                got.append(part)
    except TimeoutError as error:
        raise Refusal(408, f"the body did not come within {BODY_SECONDS:g} s") from error
    return inflated(b"".join(got), header("content-encoding"), most)


def inflated(body: bytes, encoding: str, most: int) -> bytes:
    """Return a body without its Content-Encoding.

    Raises
    ------
    Refusal
        415 for an encoding other than gzip, deflate and identity, 413 for more than ``most`` bytes, 400 for damage.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate", "x-gzip"):
        raise Refusal(415, f"unknown Content-Encoding {printable(encoding[:40])!r}; send gzip, deflate or none")
    packed = zlib.decompressobj(wbits=31 if encoding.endswith("gzip") else 15)
    try:
        out = packed.decompress(body, most + 1)
        if len(out) > most:
            raise too_large(most)
        out += packed.flush()
    except zlib.error as error:
        raise Refusal(400, f"the body is not valid {encoding}") from error
    if len(out) > most:
        raise too_large(most)
    if not packed.eof:
        raise Refusal(400, f"the {encoding} body breaks off")
    return out


def too_large(most: int) -> Refusal:
    """Return the refusal of a body of more than ``most`` bytes."""
    return Refusal(413, f"the body is larger than {most:,} bytes; send fewer rows in one request")
