"""Inference through the protocol: a request in, the answer of a bundle out."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pydantic_core

from limbeck.errors import LimbeckError
from limbeck.kinds.select import Values
from limbeck.serving.boxes import LoadedDetector
from limbeck.serving.http import Refusal, Request, Response, refused
from limbeck.serving.loaded import Loaded
from limbeck.serving.oip.request import Inference, check_outputs, read_request
from limbeck.serving.oip.response import Output, probabilities, response, texts
from limbeck.serving.repository import Repository

EXPLAINED = 64  # rows of a request that may ask for explanations


def values_of(loaded: Loaded, tensors: Any) -> Values:
    """Return checked values of the tensors of a request.

    Raises
    ------
    Refusal
        400 when they are not what the model takes.
    """
    try:
        return loaded.checked(loaded.tensors.values_from(tensors, loaded.task))
    except LimbeckError as error:
        raise refused(error) from error


async def outputs_of(
    loaded: Loaded, asked: Inference, repository: Repository, name: str, request: Request | None
) -> list[Output]:
    """Return the outputs that are asked for, in their order.

    Raises
    ------
    Refusal
        As `Batcher.submit` and `values_of`; 400 for a row without an answer, unless NaN is asked for.
    """
    if any(wanted.name == "explanation" for wanted in asked.outputs):
        check_explained(len(next(iter(asked.tensors.values())).data))
    values = values_of(loaded, asked.tensors)
    deadline = repository.deadline(asked.timeout)
    found = await loaded.answer(values, deadline, request.gone if request else None)
    if found.errors and asked.unreadable == "raise":
        first = min(found.errors)
        raise Refusal(400, f"row {first}: {found.errors[first]}")
    repository.answered(name, values, found, loaded)
    if isinstance(loaded, LoadedDetector):
        boxes = loaded.tensors_of(found)
        return [boxes[wanted.name] for wanted in asked.outputs]
    made: dict[str, Output] = {}
    for wanted in asked.outputs:
        if wanted.name == "probabilities":
            made[wanted.name] = probabilities(found.probabilities)
        elif wanted.name == "label":
            made[wanted.name] = texts("label", loaded.told(found))
        else:
            made[wanted.name] = texts("explanation", await _explained(loaded, values, asked.top, deadline))
    return [made[wanted.name] for wanted in asked.outputs]


def check_explained(rows: int) -> None:
    """Refuse to explain more than `EXPLAINED` rows in one request, with 413."""
    if rows > EXPLAINED:
        raise Refusal(413, f"at most {EXPLAINED} rows are explained in one request")


async def _explained(loaded: Loaded, values: Values, top: int, deadline: float) -> list[str]:
    told = await explanations(loaded, values, top, deadline)
    return [pydantic_core.to_json(one).decode() if one else "" for one in told]


async def explanations(
    loaded: Loaded, values: Values, top: int, deadline: float
) -> list[dict[str, Any] | None]:  # fmt: skip
    """Return what drove the answer to each checked value, None for one without an answer.

    It takes many answers of the model for one row, so it runs in a thread of its own, one request at a time.

    Raises
    ------
    Refusal
        413 for more than `EXPLAINED` rows, 504 when their turn does not come before the deadline.
    """
    check_explained(len(values))
    explain = partial(loaded.classifier.explain, values, top=top, unreadable="nan")
    try:
        async with asyncio.timeout(deadline - time.perf_counter()):
            await loaded.explaining.acquire()
    except TimeoutError as error:
        raise Refusal(504, "the deadline passed before the request was explained") from error
    try:
        made = await asyncio.get_running_loop().run_in_executor(None, explain)
    finally:
        loaded.explaining.release()
    return [one.to_dict() if one else None for one in made]


async def infer(request: Request, name: str, version: str, repository: Repository) -> Response:
    """Answer ``POST /v2/models/NAME[/versions/VERSION]/infer``."""
    before = repository.find(name, version)  # so that a model that is not there costs no body
    settings = repository.settings
    body = await request.read(settings.most_bytes)
    asked = read_request(body, request.header("inference-header-content-length"), settings.most_rows, before.offered)
    loaded = repository.find(name, version)  # it may have been replaced while the body came
    check_outputs([wanted.name for wanted in asked.outputs], loaded.offered)
    with loaded:
        outputs = await outputs_of(loaded, asked, repository, name, request)
    return response(name, loaded.version, asked.id, outputs, asked.outputs)
