"""Acts on models, each with its audit entry. The registry on disk is what the command line and servers read too."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck import registry
from limbeck.errors import LimbeckError
from limbeck.model_names import history
from limbeck.registry import Model
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.registry.archive import unpack

LONGEST_REASON = 500  # characters


def add(archive: BinaryIO, name: str, *, by: User, request: HttpRequest | None = None) -> Model:
    """Verify an uploaded bundle and put it into the registry; the first version of a name is published at once.

    Raises
    ------
    LimbeckError
        For an archive or a bundle that is refused, and a name that is not valid.
    """
    with tempfile.TemporaryDirectory(dir=Path(settings.HOME) / "uploads", prefix="bundle-") as folder:
        model = registry.add(unpack(archive, Path(folder)), name)
    with transaction.atomic():
        record(
            "model.add", actor=by.pk, target=f"model:{model.name}@{model.version}", request=request,
            published=model.current,
        )  # fmt: skip
    return model


def publish(name: str, version: str, *, reason: str = "", by: User, request: HttpRequest | None = None) -> Model:
    """Make a version the one that answers, without a verdict on it; `limbeck.studio.loop.promote` publishes with one.

    Raises
    ------
    LimbeckError
        When the model has had a published version and no reason is given.
    """
    facts = {"reason": checked_reason(reason)} if was_published(name) else {}
    with transaction.atomic():
        record("model.publish", actor=by.pk, target=f"model:{name}@{version}", request=request, **facts)
        return registry.promote(f"{name}@{version}")


def was_published(name: str) -> bool:
    """Return whether a model has, or had, a published version; where that cannot be read it counts as one."""
    try:
        return bool(history(name))
    except LimbeckError:
        return True


def checked_reason(reason: str) -> str:
    """Return a reason as the audit log keeps it.

    Raises
    ------
    LimbeckError
        When none is given.
    """
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise LimbeckError(_("The candidate is not shown to be better. Say why it is published anyway."))
    return reason


def roll_back(name: str, *, by: User, request: HttpRequest | None = None) -> Model:
    """Publish again what was published before."""
    with transaction.atomic():
        model = registry.rollback(name)
        record("model.roll_back", actor=by.pk, target=f"model:{name}@{model.version}", request=request)
    return model


def remove(name: str, version: str, *, by: User, request: HttpRequest | None = None) -> None:
    """Remove a version that is not published."""
    with transaction.atomic():
        record("model.remove", actor=by.pk, target=f"model:{name}@{version}", request=request)
        registry.remove(f"{name}@{version}")
