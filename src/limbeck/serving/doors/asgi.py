"""ASGI 3, for any other server; the same application as behind RSGI: https://asgi.readthedocs.io/en/latest/specs/."""

from __future__ import annotations

import asyncio
from typing import Any

from limbeck.serving.http import Refusal, Request, inflated, too_large
from limbeck.serving.processes.worker import Worker

BODY_SECONDS = 30.0  # within which a body has come


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
        given = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        async def read(most: int) -> bytes:
            return await _body(receive, given, most)

        request = Request(
            scope["method"], scope["path"], scope["query_string"].decode("latin-1"),
            lambda name: given.get(name, ""), read, gone,
        )  # fmt: skip
        response = await self.worker.app.answer(request)
        told = [
            ("content-type", response.content_type), ("content-length", str(len(response.body))), *response.headers,
        ]  # fmt: skip
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in told]
        await send({"type": "http.response.start", "status": response.status, "headers": raw})
        await send({"type": "http.response.body", "body": response.body})


async def _body(receive: Any, given: dict[str, str], most: int) -> bytes:
    declared = given.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise too_large(most)
    parts: list[bytes] = []
    size, more = 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Refusal(499, "the client has hung up")
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                more = message.get("more_body", False)
                if size > most:
                    raise too_large(most)
    except TimeoutError as error:
        raise Refusal(408, f"the body did not come within {BODY_SECONDS:g} s") from error
    return inflated(b"".join(parts), given.get("content-encoding", ""), most)
