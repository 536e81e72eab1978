"""Operations on versions of models: states, the comparison, the shadow, publishing, rolling back, removing."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Router, Status
from ninja.errors import HttpError

from limbeck.errors import LimbeckError
from limbeck.model_names import names
from limbeck.studio.api.auth import ADMINISTER, READ
from limbeck.studio.api.publication.schemas import (
    AutomaticIn,
    AutomaticOut,
    ComparisonOut,
    PublishIn,
    StateIn,
    TrafficOut,
    VersionOut,
)
from limbeck.studio.api.refusals import REFUSED, refusing
from limbeck.studio.loop import automatic, promote
from limbeck.studio.loop.comparing import Compared, compare
from limbeck.studio.loop.models import Lineage
from limbeck.studio.loop.retrain import lineage_of
from limbeck.studio.loop.shadowing import traffic
from limbeck.studio.registry import services
from limbeck.studio.registry.facts import Version, all_versions, version_of

router = Router(tags=["publication"])
_PATH = "/models/{str:name}/versions"


@router.get(_PATH, response={200: list[VersionOut], **REFUSED}, auth=READ)
def versions(request: HttpRequest, name: str) -> Any:
    """List the versions of a model with their states, the newest first."""
    found = all_versions(name) if name in names() else []
    if not found:
        raise HttpError(404, "no model has this name")
    lineages = {one.version: one for one in Lineage.objects.filter(model=name)}
    return [_described(one, lineages.get(one.version)) for one in found]


@router.get(_PATH + "/{str:version}", response={200: VersionOut, **REFUSED}, auth=READ)
def version(request: HttpRequest, name: str, version: str) -> Any:
    """Return a version and its state."""
    return _version(_found(name, version))


@router.get(_PATH + "/{str:version}/comparison", response={200: ComparisonOut, **REFUSED}, auth=ADMINISTER)
def comparison(request: HttpRequest, name: str, version: str) -> Any:
    """Compare a version with the published one on the audit sample."""
    current, candidate = _found(name), _found(name, version)
    with refusing():
        return _comparison(current, candidate, compare(current, candidate))


@router.get(_PATH + "/{str:version}/shadow", response={200: TrafficOut, **REFUSED}, auth=ADMINISTER)
def shadow(request: HttpRequest, name: str, version: str) -> Any:
    """Return how the answers of a version in shadow mode differ from those of the published one."""
    found = traffic(_found(name, version))
    low, high = found.interval
    return {
        "rows": found.rows, "differing": found.differing, "share": found.share, "low": low, "high": high,
        "pairs": [
            {"published": one.given, "shadow": one.label or None, "rows": one.rows, "newest": one.newest}
            for one in found.pairs
        ],
    }  # fmt: skip


@router.put(_PATH + "/{str:version}/state", response={200: VersionOut, **REFUSED}, auth=ADMINISTER)
def change_state(request: HttpRequest, name: str, version: str, data: StateIn) -> Any:
    """Put a version into shadow mode, retire it, or restore it as a candidate."""
    found = _found(name, version)
    if found.published:
        raise HttpError(409, "the version is published")
    promote.retire(found, data.state == "retired", by=request.user, request=request)
    promote.set_shadow(found, data.state == "shadow", by=request.user, request=request)
    return _version(found)


@router.post(_PATH + "/{str:version}/publish", response={200: VersionOut, **REFUSED}, auth=ADMINISTER)
def publish(request: HttpRequest, name: str, version: str, data: PublishIn) -> Any:
    """Publish a version: with the verdict that was read and the version that it was compared with, or without both.

    A verdict other than "better", and none, need a reason; only the first version of a model needs neither.
    """
    found, who = _found(name, version), {"by": request.user, "request": request}
    with refusing():
        if data.verdict:
            current = _found(name)
            asked = {"read": data.verdict, "reason": data.reason, **who}
            promote.promote(found, data.instead_of or current.version, compare(current, found), **asked)
        else:
            services.publish(name, found.version, reason=data.reason, **who)
    return _version(_found(name, found.version))


@router.post("/models/{str:name}/roll-back", response={200: VersionOut, **REFUSED}, auth=ADMINISTER)
def roll_back(request: HttpRequest, name: str) -> Any:
    """Publish again what was published before."""
    if name not in names():
        raise HttpError(404, "no model has this name")
    with refusing():
        services.roll_back(name, by=request.user, request=request)
    return _version(_found(name))


@router.delete(_PATH + "/{str:version}", response={204: None, **REFUSED}, auth=ADMINISTER)
def remove(request: HttpRequest, name: str, version: str) -> Any:
    """Remove a version that is not published."""
    found = _found(name, version)
    with refusing():
        services.remove(name, found.version, by=request.user, request=request)
    return Status(204, None)


@router.put("/models/{str:name}/automatic", response={200: AutomaticOut, **REFUSED}, auth=ADMINISTER)
def switch(request: HttpRequest, name: str, data: AutomaticIn) -> Any:
    """Switch automatic publication of better versions on or off."""
    automatic.switch(_found(name).name, data.on, by=request.user, request=request)
    return {"on": automatic.is_on(name)}


def _found(name: str, version: str | None = None) -> Version:
    try:
        return version_of(name, version)
    except LimbeckError as error:
        raise HttpError(404, "no model has this name, or it has no such version") from error


def _version(found: Version) -> dict[str, Any]:
    return _described(found, lineage_of(found))


def _described(found: Version, lineage: Lineage | None) -> dict[str, Any]:
    return {
        "name": found.name, "version": found.version, "state": promote.state_with(found, lineage), "kind": found.kind,
        "classes": list(found.manifest.classes), "created": str(found.manifest.created),
        "figures": {name: value for name, value, _ in found.figures},
        "origin": lineage.origin if lineage else "", "parent": lineage.parent if lineage else "",
    }  # fmt: skip


def _comparison(current: Version, candidate: Version, found: Compared) -> dict[str, Any]:
    return {
        "published": current.version, "candidate": candidate.version, "verdict": found.verdict.state,
        "sentence": found.sentence(get_language() or "en"), "rows": found.verdict.rows, "learned": found.learned,
        "accuracy_published": found.accuracy[0] if found.accuracy else None,
        "accuracy_candidate": found.accuracy[1] if found.accuracy else None,
        "disagreement": found.disagreement, "unlabelled": found.shadowed,
        "classes": [
            {"name": one.name, "rows": one.rows, "recall_published": one.current, "recall_candidate": one.candidate}
            for one in found.classes
        ],
        "differing": [
            {"content": one.content, "label": one.truth, "published": one.current, "candidate": one.candidate}
            for one in found.differing
        ],
    }  # fmt: skip
