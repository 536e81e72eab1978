"""The application: one request in, one response out, whichever server reads and writes them.

`limbeck.serving.doors.rsgi` and `limbeck.serving.doors.asgi` are its two thin doors.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from limbeck.errors import LimbeckError
from limbeck.serving import metrics
from limbeck.serving.http import Refusal, Request, Response, error_response, json_response, refused
from limbeck.serving.keys import Keys
from limbeck.serving.logs import log, trace_of
from limbeck.serving.metrics import Ledger
from limbeck.serving.oip import metadata
from limbeck.serving.oip.infer import infer
from limbeck.serving.oip.repository_door import change
from limbeck.serving.page import openapi, page
from limbeck.serving.plain_door.predict import predict
from limbeck.serving.processes.control import Shared
from limbeck.serving.repository import Repository

OPEN = ("/v2/health/live", "/v2/health/ready", "/", *page.FILES)  # what probes and browsers ask without a key
_DRAINED = ("connection", "close")
_MODEL = re.compile(r"/v2/models/([^/]{1,300})(?:/versions/([^/]{1,100}))?(?:/(ready|infer))?/?")
_CHANGE = re.compile(r"/v2/repository/models/([^/]{1,300})/(load|unload|candidate|promote|rollback)/?")
Handler = Callable[[Request], Awaitable[Response] | Response]


class App:
    """The application of one worker.

    Attributes
    ----------
    draining
        Whether the server is about to stop: it says that it is not ready, and asks clients to connect anew.
    """

    def __init__(self, shared: Shared) -> None:
        self.shared, self.settings = shared, shared.settings()
        self.keys = Keys.read(Path(self.settings.keys_file) if self.settings.keys_file else None)
        self.ledger = Ledger(shared.metrics)
        self.repository = Repository(self.settings, self.ledger)
        self.draining = False
        self.fixed: dict[tuple[str, str], Handler] = {
            ("GET", "/v2"): lambda _: json_response(metadata.server()),
            ("GET", "/v2/health/live"): lambda _: json_response({"live": True}),
            ("GET", "/v2/health/ready"): lambda _: self._ready(),
            ("POST", "/v2/repository/index"): lambda _: json_response(metadata.index(self.repository)),
            ("GET", "/v2/repository/index"): lambda _: json_response(metadata.index(self.repository)),
            ("POST", "/predict"): lambda request: predict(request, self.repository),
            ("GET", "/metrics"): lambda _: self._metrics(),
            ("GET", "/openapi.json"): lambda _: json_response(openapi.document()),
            ("GET", "/"): page.page,
            **{("GET", path): page.file for path in page.FILES},
        }

    @property
    def ready(self) -> bool:
        """Whether every model answers, and the server is not about to stop."""
        repository = self.repository
        return not self.draining and repository.applied and all(name in repository.models for name in repository.known)

    async def answer(self, request: Request) -> Response:
        """Return the response to a request; no request ends in an exception."""
        start = time.perf_counter()
        try:
            response = await self._routed(request)
        except Refusal as refusal:
            response = error_response(refusal)
        except LimbeckError as error:
            response = error_response(refused(error, 500))
            log("model failed", "error", path=request.path, error=str(error))
        except asyncio.CancelledError:
            if asyncio.current_task().cancelling():  # type: ignore[union-attr]  # a request runs in a task
                raise
            response = error_response(Refusal(499, "the client has hung up"))
        except Exception as error:  # the one place where nothing may escape as a traceback to a client
            log("defect", "error", path=request.path, error=f"{type(error).__name__}: {error}")
            response = error_response(Refusal(500, "a defect of the server; see its log"))
        seconds = time.perf_counter() - start
        model, door = request.facts.get("model", ""), request.facts.get("door", "other")
        labels = (("model", model), ("door", door))
        self.ledger.bump(("limbeck_requests_total", (*labels, ("status", str(response.status)))))
        self.ledger.observe(labels, seconds)
        if self.settings.log_requests:
            facts: dict[str, Any] = {"method": request.method, "path": request.path, "status": response.status}
            facts |= request.facts | trace_of(request.header("traceparent"))
            log("request", **facts, milliseconds=round(seconds * 1000, 3))
        if self.draining:
            response.headers = [*response.headers, _DRAINED]
        return response

    async def _routed(self, request: Request) -> Response:
        path = request.path
        if self.keys and path not in OPEN:
            self.keys.check(request.header("authorization"), request.header("x-api-key"))
        if not self.repository.applied and path not in OPEN:
            await self.repository.begun()
        if handler := self.fixed.get((request.method, path)):
            request.facts["door"] = "plain" if path == "/predict" else "other"
            found = handler(request)
            return found if isinstance(found, Response) else await found
        if asked := _MODEL.fullmatch(path):
            return await self._model(request, unquote(asked[1]), asked[2] or "", asked[3] or "")
        if asked := _CHANGE.fullmatch(path):
            if request.method != "POST":
                raise Refusal(405, f"{request.method} is not allowed here", [("allow", "POST")])
            if not self.settings.control:
                raise Refusal(403, "models cannot be changed; start the server with --control and a key")
            self.keys.check(request.header("authorization"), request.header("x-api-key"), admin=True)
            return await change(request, unquote(asked[1]), asked[2], self.shared)
        allowed = sorted(method for method, known in self.fixed if known == path)
        if allowed:
            raise Refusal(405, f"{request.method} is not allowed here", [("allow", ", ".join(allowed))])
        raise Refusal(404, "not found; the models are under /v2/models")

    async def _model(self, request: Request, name: str, version: str, what: str) -> Response:
        request.facts["door"] = "oip"
        wanted = "POST" if what == "infer" else "GET"
        if request.method != wanted:
            raise Refusal(405, f"{request.method} is not allowed here", [("allow", wanted)])
        loaded = self.repository.find(name, version)
        request.facts["model"] = name  # known by now: no client can make up labels of the metrics
        if what == "infer":
            return await infer(request, name, version, self.repository)
        if what == "ready":
            return json_response({"name": name, "ready": not self.draining}, 503 if self.draining else 200)
        there = [one.version for one in self.repository.models[name].versions]
        return json_response(metadata.model(name, loaded, there))

    def _ready(self) -> Response:
        return json_response({"ready": self.ready}, 200 if self.ready else 503)

    def flush(self) -> None:
        """Write this worker's figures to where every worker finds them."""
        for name, model in self.repository.models.items():
            for loaded in model.versions:
                labels = {"model": name, "version": loaded.version}
                self.ledger.gauge("limbeck_model_info", labels, 1)
                self.ledger.gauge("limbeck_waiting_rows", labels, loaded.batcher.waiting_rows)
                self.ledger.gauge("limbeck_batches", labels, loaded.batcher.batches)
        self.ledger.flush()

    def _metrics(self) -> Response:
        self.flush()
        return Response(self.ledger.exposition(self.shared.living()).encode(), content_type=metrics.CONTENT_TYPE)
