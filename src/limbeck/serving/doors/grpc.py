"""The protocol over gRPC, for clients that speak only that: the same models and batches as behind HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import grpc
import grpc.aio
import numpy as np

from limbeck.errors import LimbeckError
from limbeck.kinds.tensors import BYTES, NUMBERS, Tensor
from limbeck.serving.app import App
from limbeck.serving.doors.grpc_messages import SERVICE, message_class
from limbeck.serving.http import Refusal
from limbeck.serving.logs import log
from limbeck.serving.oip import metadata
from limbeck.serving.oip.infer import outputs_of
from limbeck.serving.oip.request import (
    Inference,
    Offered,
    Wanted,
    check_outputs,
    checked_shape,
    count_of,
    from_bytes,
    options,
)

_STATUS = {
    400: grpc.StatusCode.INVALID_ARGUMENT, 401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED, 404: grpc.StatusCode.NOT_FOUND, 413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED, 503: grpc.StatusCode.UNAVAILABLE,
    504: grpc.StatusCode.DEADLINE_EXCEEDED,
}  # fmt: skip
_CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents", BYTES: "bytes_contents",
}  # fmt: skip
_OPEN = ("ServerLive", "ServerReady")  # asked by probes, without a key
Method = Callable[[Any, Any], Awaitable[Any]]


class Door:
    """The service of one worker."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str) -> None:
        """Listen; the workers of a server share the port."""
        most = self.app.settings.most_bytes
        choices = [("grpc.so_reuseport", 1), ("grpc.max_receive_message_length", most)]
        self._server = grpc.aio.server(options=choices)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(SERVICE, self._handlers())])
        self._server.add_insecure_port(address)
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """Refuse new calls, and give those in flight ``grace`` seconds."""
        if self._server is not None:
            await self._server.stop(grace)

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        methods: dict[str, Callable[[Any, float], Awaitable[dict[str, Any]]]] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "RepositoryIndex": self._index,
            "ModelInfer": self._infer,
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(
                self._answering(name, method),
                request_deserializer=message_class(f"{name}Request").FromString,
                response_serializer=message_class(f"{name}Response").SerializeToString,
            )
            for name, method in methods.items()
        }

    def _answering(self, name: str, method: Callable[[Any, float], Awaitable[dict[str, Any]]]) -> Method:
        response = message_class(f"{name}Response")

        async def answer(request: Any, context: Any) -> Any:
            start, status = time.perf_counter(), "OK"
            try:
                if name not in _OPEN:
                    told = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
                    self.app.keys.check(told.get("authorization", ""), told.get("x-api-key", ""))
                    if not self.app.repository.applied:
                        await self.app.repository.begun()
                left = context.time_remaining()
                return response(**await method(request, self.app.settings.deadline if left is None else left))
            except Refusal as refusal:
                code = _STATUS.get(refusal.status, grpc.StatusCode.INTERNAL)
                status = code.name
                await context.abort(code, refusal.why)
            except LimbeckError as error:
                status = "INTERNAL"
                await context.abort(grpc.StatusCode.INTERNAL, str(error))
            except asyncio.CancelledError:
                status = "CANCELLED"
                raise
            except Exception as error:  # nothing may escape as a traceback to a client
                status = "INTERNAL"
                log("defect", "error", path=name, error=f"{type(error).__name__}: {error}")
                await context.abort(grpc.StatusCode.INTERNAL, "a defect of the server; see its log")
            finally:
                known = getattr(request, "model_name", "")
                model = known if known in self.app.repository.models else ""
                labels = {"model": model, "door": "grpc", "status": status}
                self.app.ledger.add("limbeck_requests_total", labels)
                self.app.ledger.observe((("model", model), ("door", "grpc")), time.perf_counter() - start)

        return answer

    async def _live(self, request: Any, left: float) -> dict[str, Any]:
        return {"live": True}

    async def _ready(self, request: Any, left: float) -> dict[str, Any]:
        return {"ready": self.app.ready}

    async def _model_ready(self, request: Any, left: float) -> dict[str, Any]:
        self.app.repository.find(request.name, request.version)
        return {"ready": not self.app.draining}

    async def _server_metadata(self, request: Any, left: float) -> dict[str, Any]:
        return metadata.server()

    async def _model_metadata(self, request: Any, left: float) -> dict[str, Any]:
        repository = self.app.repository
        loaded = repository.find(request.name, request.version)
        versions = [one.version for one in repository.models[request.name].versions]
        told = metadata.model(request.name, loaded, versions)
        return {name: told[name] for name in ("name", "versions", "platform", "inputs", "outputs")}

    async def _index(self, request: Any, left: float) -> dict[str, Any]:
        return {"models": metadata.index(self.app.repository)}

    async def _infer(self, request: Any, left: float) -> dict[str, Any]:
        repository = self.app.repository
        loaded = repository.find(request.model_name, request.model_version)
        asked = read_message(request, left, self.app.settings.most_rows, loaded.offered)
        with loaded:
            outputs = await outputs_of(loaded, asked, repository, request.model_name, None)
        made: dict[str, Any] = {
            "model_name": request.model_name,
            "model_version": loaded.version,
            "id": request.id,
            "outputs": [{"name": one.name, "datatype": one.datatype, "shape": one.shape} for one in outputs],
        }
        if request.raw_input_contents:
            return made | {"raw_output_contents": [one.raw() for one in outputs]}
        for told, output in zip(made["outputs"], outputs, strict=True):
            data = output.data
            flat = data.reshape(-1) if isinstance(data, np.ndarray) else [text.encode() for text in data]
            told["contents"] = {_CONTENTS[output.datatype]: flat}
        return made


def read_message(request: Any, left: float, most_rows: int, offered: Offered) -> Inference:
    """Return the request that a ``ModelInferRequest`` holds, to be answered within ``left`` seconds.

    Raises
    ------
    Refusal
        400 for what the protocol does not allow, 413 for too many rows.
    """
    raw = request.raw_input_contents
    if raw and len(raw) != len(request.inputs):
        raise Refusal(400, f"{len(raw)} raw_input_contents for {len(request.inputs)} inputs")
    if not request.inputs:
        raise Refusal(400, "inputs: expected tensors")
    tensors: dict[str, Tensor] = {}
    for at, one in enumerate(request.inputs):
        if one.datatype != BYTES and one.datatype not in NUMBERS:
            raise Refusal(400, f"input {one.name!r}: datatype: expected BYTES, BOOL, UINT8 to FP64")
        if one.name in tensors:
            raise Refusal(400, f"input {one.name!r} is there twice")
        shape = checked_shape(one.name, list(one.shape), most_rows)
        data = from_bytes(one.name, one.datatype, shape, raw[at]) if raw else _contents(one, shape)
        tensors[one.name] = Tensor(one.name, one.datatype, shape, data)
    names = dict.fromkeys([one.name for one in request.outputs] or offered.outputs[: offered.usual])
    check_outputs(list(names), offered)
    timeout, top, unreadable = options(_parameters(request.parameters))
    seconds = left if timeout is None else min(timeout, left)
    outputs = tuple(Wanted(name, binary=True) for name in names)
    return Inference(request.id, tensors, outputs, seconds, top, unreadable)


def _contents(one: Any, shape: tuple[int, ...]) -> Any:
    field = _CONTENTS.get(one.datatype)
    if field is None:
        raise Refusal(400, f"input {one.name!r}: {one.datatype} is sent as raw_input_contents")
    flat = getattr(one.contents, field)
    if len(flat) != count_of(shape):
        what = f"{len(flat)} elements where the shape {list(shape)} has {count_of(shape)}"
        raise Refusal(400, f"input {one.name!r}: {what}")
    if one.datatype == BYTES:
        return list(flat)
    try:
        return np.array(flat, dtype=NUMBERS[one.datatype]).reshape(shape)
    except OverflowError as error:
        raise Refusal(400, f"input {one.name!r}: an element does not fit {one.datatype}") from error


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    out = {}
    for name, value in given.items():
        chosen = value.WhichOneof("parameter_choice")
        if chosen:
            out[name] = getattr(value, chosen)
    return out
