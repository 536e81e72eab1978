"""RSGI, granian's own interface: https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from limbeck.serving.http import Request, received
from limbeck.serving.processes.worker import Worker


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
        get = scope.headers.get

        def header(name: str) -> str:
            return get(name) or ""

        async def read(most: int) -> bytes:
            return await received(_parts(protocol, whole=header("content-length") != ""), header, most)

        request = Request(scope.method, scope.path, scope.query_string, header, read, protocol.client_disconnect)
        response = await self.worker.app.answer(request)
        told = [("content-type", response.content_type), *response.headers]
        protocol.response_bytes(response.status, told, response.body)


async def _parts(protocol: Any, *, whole: bool) -> AsyncIterator[bytes]:
    """Yield a body: in one piece, which is faster, where its length is known."""
    if whole:
        yield await protocol()
        return
    async for part in protocol:
        yield part
