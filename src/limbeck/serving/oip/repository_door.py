"""Changes of what is served: load and unload of the protocol, and candidates, their promotion and the way back.

A change is written once for all workers, see `limbeck.serving.processes.control`, and answered when all of them have
made it. Sources are names of the registry, or what the server was started with; a client cannot name a path.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.model_names import SCHEME, model_path
from limbeck.serving.http import Refusal, Request, Response, json_object, json_response, refused
from limbeck.serving.processes.control import Shared
from limbeck.serving.repository import Route, promoted, rolled_back

_SECONDS = 60.0  # that a change may take
_LARGEST = 2**16  # bytes of a request


async def change(request: Request, name: str, what: str, shared: Shared) -> Response:
    """Answer ``POST /v2/repository/models/NAME/WHAT``."""
    body = await request.read(_LARGEST)
    given = json_object(body) if body.strip() else {}
    try:
        with shared.change() as told:
            routes = told["routes"]
            old = Route(**routes[name]) if name in routes else None
            new = _changed(what, name, old, given, shared)
            if new is None:
                routes.pop(name, None)
            else:
                routes[name] = new.to_dict()
            generation = told["generation"] + 1
    except LimbeckError as error:
        raise refused(error) from error
    try:
        failed = await shared.reached(generation, _SECONDS)
    except LimbeckError as error:
        raise refused(error, 504) from error
    if name in failed:
        with shared.change() as told:  # a worker that starts later must not meet it
            if told["generation"] == generation and old is not None:
                told["routes"][name] = old.to_dict()
            elif told["generation"] == generation:
                told["routes"].pop(name, None)
        raise Refusal(400, failed[name])
    return json_response(new.to_dict() if new is not None else {})


def _changed(what: str, name: str, old: Route | None, given: dict[str, Any], shared: Shared) -> Route | None:
    """Return the route after a change; None where nothing is to stand behind the name."""
    if what == "load":
        parameters = given.get("parameters") or {}
        source = parameters.get("source") if isinstance(parameters, dict) else None
        if source is None:
            started = shared.settings().models.get(name)
            if old is None and started is None:
                raise Refusal(404, f"there is no model {name!r}; give parameters.source = 'models:NAME'")
            return old or Route(str(started))
        return Route(_source(source), previous=old.source if old else None)
    if old is None:
        raise Refusal(404, f"there is no model {name!r}")
    if what == "unload":
        return None
    if what == "promote":
        if old.candidate is None:
            raise Refusal(409, f"the model {name!r} has no candidate")
        return promoted(old)
    if what == "rollback":
        if old.candidate is None and old.previous is None:
            raise Refusal(409, f"the model {name!r} had no other version before")
        return rolled_back(old)
    share, shadow = given.get("share", 0.0), given.get("shadow", False)
    if type(share) not in (int, float) or not 0 <= share <= 1 or not isinstance(shadow, bool):
        raise Refusal(400, "expected source, and share from 0 to 1 or shadow = true")
    return replace(old, candidate=_source(given.get("source")), share=float(share), shadow=shadow)


def _source(given: Any) -> str:
    if not isinstance(given, str) or not given.startswith(SCHEME):
        raise Refusal(400, f"source: expected a model of the registry, {SCHEME}NAME or {SCHEME}NAME@VERSION")
    path = model_path(given)  # raises where there is none
    # What is served stays the same until it is changed here: a name without a version is the one in use now.
    return f"{given.partition('@')[0]}@{path.name}"
