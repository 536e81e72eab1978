"""RSGI, granian's own interface: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md."""

from __future__ import annotations

import asyncio
from typing import Any

from limbeck.serving.http import Refusal, Request, inflated, too_large
from limbeck.serving.processes.worker import Worker

BODY_SECONDS = 30.0  # within which a body has come
_INLINE = 2**16  # bytes of a body that is read in one piece


class Application:
    """What granian calls for each request in a worker process."""

    def __init__(self) -> None:
        self.worker = Worker()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.worker.start(loop)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.worker.stop(loop)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto != "http":
            protocol.close(None)
            return
        headers = scope.headers
        get = headers.get

        async def read(most: int) -> bytes:
            return await _body(protocol, get, most)

        request = Request(
            scope.method, scope.path, scope.query_string, lambda name: get(name) or "", read, protocol.client_disconnect
        )
        response = await self.worker.app.answer(request)
        told = [("content-type", response.content_type), *response.headers]
        protocol.response_bytes(response.status, told, response.body)


async def _body(protocol: Any, get: Any, most: int) -> bytes:
    declared = get("content-length")
    length = int(declared) if declared and declared.isdigit() else None
    if length is not None and length > most:
        raise too_large(most)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            if length is not None:
                body = await protocol()
            else:
                body = await _streamed(protocol, most)
    except TimeoutError as error:
        raise Refusal(408, f"the body did not come within {BODY_SECONDS:g} s") from error
    encoding = get("content-encoding")
    return inflated(body, encoding, most) if encoding else body


async def _streamed(protocol: Any, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in protocol:
        size += len(part)
        if size > most:
            raise too_large(most)
        parts.append(part)
    return b"".join(parts)
