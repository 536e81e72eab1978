"""Operations on channels for notices and the log of their deliveries."""

from __future__ import annotations

import datetime
from enum import Enum
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema, Status
from ninja.errors import HttpError
from pydantic import Field

from limbeck.studio.api.auth import ADMINISTER
from limbeck.studio.api.detection import MOST
from limbeck.studio.api.refusals import REFUSED
from limbeck.studio.notices import services
from limbeck.studio.notices.events import SUBSCRIBED
from limbeck.studio.notices.forms import ChannelForm
from limbeck.studio.notices.models import Channel

router = Router(tags=["notices"])


Event = Enum("Event", {name: name for name in SUBSCRIBED}, type=str)  # type: ignore[misc]  # from a table


class ChannelIn(Schema):
    """Where notices go, and which."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    kind: Literal["webhook", "wecom", "dingtalk", "feishu", "slack", "email"]
    url: Annotated[str, Field(max_length=2000)] = ""
    secret: Annotated[str, Field(max_length=200)] = ""
    recipients: Annotated[list[str], Field(max_length=50)] = []
    events: Annotated[list[Event], Field(min_length=1, max_length=50)]
    language: Literal["en", "zh-hans"] = "en"
    gap: Literal[0, 60, 3600, 86400] = 0


class ChannelOut(Schema):
    """A channel, without its keys."""

    id: int
    name: str
    kind: str
    address: str
    events: list[str]
    is_active: bool


class DeliveryOut(Schema):
    """What became of one event on one channel."""

    id: int
    event: str
    facts: dict[str, Any]
    created_at: datetime.datetime
    state: str
    attempts: int
    status: int | None
    reason: str


@router.get("/channels", response={200: list[ChannelOut], **REFUSED}, auth=ADMINISTER)
def channels(request: HttpRequest) -> Any:
    """List channels."""
    return [_channel(one) for one in Channel.objects.all()[:MOST]]


@router.post("/channels", response={201: ChannelOut, **REFUSED}, auth=ADMINISTER)
def add_channel(request: HttpRequest, data: ChannelIn) -> Any:
    """Add a channel."""
    given = data.model_dump(mode="json") | {"recipients": "\n".join(data.recipients), "is_active": True}
    form = ChannelForm(given)
    if not form.is_valid():
        name, told = next(iter(form.errors.items()))
        raise HttpError(400, f"{name}: {told[0]}")
    made = form.save(commit=False)
    services.save(made, by=request.user, changed=list(form.fields), request=request)
    return Status(201, _channel(made))


@router.delete("/channels/{int:number}", response={204: None, **REFUSED}, auth=ADMINISTER)
def delete_channel(request: HttpRequest, number: int) -> Any:
    """Delete a channel and the log of its deliveries."""
    services.delete(get_object_or_404(Channel, pk=number), by=request.user, request=request)
    return Status(204, None)


@router.get("/channels/{int:number}/deliveries", response={200: list[DeliveryOut], **REFUSED}, auth=ADMINISTER)
def deliveries(
    request: HttpRequest, number: int, before: int | None = Query(None, ge=1, lt=2**63),
    limit: int = Query(50, ge=1, le=MOST),
) -> Any:  # fmt: skip
    """List the deliveries of a channel, the newest first."""
    found = get_object_or_404(Channel, pk=number).deliveries.all()
    return [
        DeliveryOut(
            id=one.pk, event=one.event, facts=one.facts, created_at=one.created_at, state=one.state,
            attempts=one.attempts, status=one.status, reason=one.reason,
        )
        for one in (found.filter(pk__lt=before) if before else found)[:limit]
    ]  # fmt: skip


def _channel(found: Channel) -> ChannelOut:
    return ChannelOut(
        id=found.pk, name=found.name, kind=found.kind, address=found.shown_address, events=found.events,
        is_active=found.is_active,
    )  # fmt: skip
