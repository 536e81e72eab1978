"""ASGI 3, for any other server; the same application as behind RSGI: https://asgi.readthedocs.io/en/latest/specs/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from limbeck.serving.http import Refusal, Request, received
from limbeck.serving.processes.worker import Worker


class Application:
    """What an ASGI server calls; it has to support lifespan."""

    def __init__(self) -> None:
        self.worker = Worker()

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            told = (await receive())["type"]
            loop = asyncio.get_running_loop()
            if told == "lifespan.startup":
                self.worker.start(loop)
                await send({"type": "lifespan.startup.complete"})
            elif told == "lifespan.shutdown":
                self.worker.stop(loop)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        given: dict[str, str] = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }

        def header(name: str) -> str:
            return given.get(name, "")

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def read(most: int) -> bytes:
            return await received(_parts(receive), header, most)

        request = Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), header, read, gone)
        response = await self.worker.app.answer(request)
        told = [
            ("content-type", response.content_type), ("content-length", str(len(response.body))), *response.headers,
        ]  # fmt: skip
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in told]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": response.body})


async def _parts(receive: Any) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(499, "the client has hung up")
        yield message.get("body", b"")
        more = message.get("more_body", False)
