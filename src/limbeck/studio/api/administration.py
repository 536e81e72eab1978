"""Operations on announcements, people and the audit log."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Status
from ninja.errors import HttpError

from limbeck.errors import LimbeckError
from limbeck.studio.accounts import services as accounts
from limbeck.studio.accounts.models import User
from limbeck.studio.announcements import services as announcements
from limbeck.studio.announcements.models import Announcement
from limbeck.studio.api.auth import ADMINISTER, READ
from limbeck.studio.api.detection import MOST
from limbeck.studio.api.refusals import REFUSED
from limbeck.studio.api.schemas import (
    AnnouncementIn,
    AnnouncementOut,
    Chain,
    EntryOut,
    PersonChange,
    PersonIn,
    PersonOut,
)
from limbeck.studio.audit.log import record, verify
from limbeck.studio.audit.models import Entry
from limbeck.studio.sign_on.provisioning import role_from_groups

router = Router(tags=["administration"])


@router.get("/announcements", response={200: list[AnnouncementOut], **REFUSED}, auth=READ)
def list_announcements(request: HttpRequest) -> Any:
    """List the announcements that are shown now."""
    return [_announcement(one) for one in announcements.shown()[:MOST]]


@router.post("/announcements", response={201: AnnouncementOut, **REFUSED}, auth=ADMINISTER)
def write_announcement(request: HttpRequest, data: AnnouncementIn) -> Any:
    """Write an announcement."""
    made = Announcement(title=data.title, body=data.body, pinned=data.pinned, ends_at=data.ends_at)
    made.starts_at = data.starts_at or made.starts_at
    _keep(made, request, [])
    return Status(201, _announcement(made))


@router.put("/announcements/{int:number}", response={200: AnnouncementOut, **REFUSED}, auth=ADMINISTER)
def change_announcement(request: HttpRequest, number: int, data: AnnouncementIn) -> Any:
    """Change an announcement."""
    found = get_object_or_404(Announcement, pk=number)
    changed = [name for name in ("title", "body", "pinned") if getattr(found, name) != getattr(data, name)]
    found.title, found.body, found.pinned, found.ends_at = data.title, data.body, data.pinned, data.ends_at
    found.starts_at = data.starts_at or found.starts_at
    _keep(found, request, changed)
    return _announcement(found)


@router.delete("/announcements/{int:number}", response={204: None, **REFUSED}, auth=ADMINISTER)
def delete_announcement(request: HttpRequest, number: int) -> Any:
    """Delete an announcement."""
    announcements.delete(get_object_or_404(Announcement, pk=number), by=request.user, request=request)
    return Status(204, None)


def _keep(one: Announcement, request: HttpRequest, changed: list[str]) -> None:
    if one.ends_at is not None and one.ends_at <= one.starts_at:
        raise HttpError(409, "the end must be after the start")
    announcements.save(one, by=request.user, changed=changed, request=request)


def _announcement(found: Announcement) -> AnnouncementOut:
    return AnnouncementOut(
        id=found.pk, title=found.title, body=found.body, pinned=found.pinned, starts_at=found.starts_at,
        ends_at=found.ends_at, state=found.state,
    )  # fmt: skip


@router.get("/people", response={200: list[PersonOut], **REFUSED}, auth=ADMINISTER)
def people(request: HttpRequest, after: int = Query(0, ge=0, lt=2**63), limit: int = Query(50, ge=1, le=MOST)) -> Any:
    """List people by their number; ``after`` is the last number of the page before."""
    found = User.objects.filter(erased_at=None, pk__gt=after).order_by("pk")[:limit]
    return [_person(one) for one in found]


@router.post("/people", response={201: PersonOut, **REFUSED}, auth=ADMINISTER)
def create_person(request: HttpRequest, data: PersonIn) -> Any:
    """Create a person, who chooses another password at the first sign-in."""
    person = User(
        username=data.username, name=data.name, email=data.email, phone=data.phone, role=data.role.value,
        must_change_password=True,
    )  # fmt: skip
    try:
        if data.email:
            validate_email(data.email)
        validate_password(data.password, person)
    except ValidationError as error:
        raise HttpError(400, " ".join(error.messages)) from error
    if User.objects.filter(username=data.username).exists():
        raise HttpError(409, "this user name is taken")
    person.set_password(data.password)
    accounts.save_user(person, by=request.user, changed=["username", "password", "role", "email"], request=request)
    return Status(201, _person(person))


@router.patch("/people/{int:number}", response={200: PersonOut, **REFUSED}, auth=ADMINISTER)
def change_person(request: HttpRequest, number: int, data: PersonChange) -> Any:
    """Change a person."""
    person = get_object_or_404(User, pk=number, erased_at=None)
    given = {name: value for name, value in data.dict(exclude_unset=True).items() if value is not None}
    if person.is_external and given.get("must_change_password"):
        raise HttpError(409, "this person has no password on this site")
    if "role" in given and role_from_groups(person):
        raise HttpError(409, "the groups at the identity provider decide the role")
    for name, value in given.items():
        setattr(person, name, value.value if name == "role" else value)
    try:
        accounts.save_user(person, by=request.user, changed=list(given), request=request)
    except LimbeckError as error:
        raise HttpError(409, error.what) from error
    return _person(person)


@router.delete("/people/{int:number}", response={204: None, **REFUSED}, auth=ADMINISTER)
def erase_person(request: HttpRequest, number: int) -> Any:
    """Erase who a person is."""
    try:
        accounts.erase(get_object_or_404(User, pk=number, erased_at=None), by=request.user, request=request)
    except LimbeckError as error:
        raise HttpError(409, error.what) from error
    return Status(204, None)


def _person(found: User) -> PersonOut:
    return PersonOut(
        id=found.pk, username=found.username, name=found.name, email=found.email, phone=found.phone, role=found.role,
        is_active=found.is_active,
    )  # fmt: skip


@router.get("/audit", response={200: list[EntryOut], **REFUSED}, auth=ADMINISTER)
def audit(
    request: HttpRequest, before: int | None = Query(None, ge=1, lt=2**63), limit: int = Query(50, ge=1, le=MOST)
) -> Any:
    """List entries of the audit log, the newest first."""
    found = Entry.objects.filter(number__lt=before) if before else Entry.objects.all()
    return [EntryOut.from_orm(one) for one in found[:limit]]


@router.post("/audit/verify", response={200: Chain, **REFUSED}, auth=ADMINISTER)
def verify_audit(request: HttpRequest) -> Any:
    """Check the whole audit log."""
    checked = verify()
    with transaction.atomic():
        record("audit.verify", actor=request.user.pk, request=request, entries=checked.entries, broken=checked.broken)
    return {"entries": checked.entries, "broken": checked.broken}
