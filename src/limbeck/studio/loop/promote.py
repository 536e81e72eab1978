"""States of versions, and how a candidate is published: with the verdict read, undoing nobody else's decision."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from limbeck import registry
from limbeck.errors import LimbeckError
from limbeck.locks import sole_writer
from limbeck.model_names import history, home
from limbeck.monitoring.verdict import BETTER
from limbeck.studio.accounts.models import User
from limbeck.studio.audit.log import record
from limbeck.studio.loop.comparing import Compared
from limbeck.studio.loop.models import CANDIDATE, PUBLISHED, RETIRED, SHADOW, Lineage
from limbeck.studio.loop.shadowing import begin
from limbeck.studio.registry.facts import Version, version_of
from limbeck.studio.registry.services import checked_reason


def state_of(version: Version) -> str:
    """Return whether a version is a candidate, in shadow mode, published or retired."""
    return state_with(version, Lineage.objects.filter(model=version.name, version=version.version).first())


def state_with(version: Version, lineage: Lineage | None) -> str:
    """Return the state of a version whose lineage has been read already."""
    if version.published:
        return PUBLISHED
    if lineage is not None and (lineage.shadow or lineage.retired):
        return SHADOW if lineage.shadow else RETIRED
    try:
        before = {step.version for step in history(version.name)}
    except LimbeckError:
        before = set()
    return RETIRED if version.version in before else CANDIDATE


def set_shadow(version: Version, shadow: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Start or stop shadow mode of a version: its answers are compared and shown to nobody."""
    with transaction.atomic():
        lineage = _kept_lineage(version)
        if lineage.shadow == shadow:
            return
        Lineage.objects.filter(pk=lineage.pk).update(shadow=shadow, retired=lineage.retired and not shadow)
        if shadow:
            begin(lineage)
        action = "model.shadow" if shadow else "model.unshadow"
        record(action, actor=by.pk, target=f"model:{version.full}", request=request)


def retire(version: Version, retired: bool, *, by: User, request: HttpRequest | None = None) -> None:
    """Retire a candidate, which ends shadow mode and is never published automatically, or restore it.

    Raises
    ------
    LimbeckError
        For the published version.
    """
    if version.published:
        raise LimbeckError(_("The published version cannot be retired. Publish another one."))
    with transaction.atomic():
        lineage = _kept_lineage(version)
        if lineage.retired == retired:
            return
        Lineage.objects.filter(pk=lineage.pk).update(retired=retired, shadow=lineage.shadow and not retired)
        action = "model.retire" if retired else "model.unretire"
        record(action, actor=by.pk, target=f"model:{version.full}", request=request)


def _kept_lineage(version: Version) -> Lineage:
    """Return the row of a version, locked; one that was uploaded gets one."""
    found, _new = Lineage.objects.select_for_update().get_or_create(model=version.name, version=version.version)
    return found


def promote(
    candidate: Version, current: str, found: Compared, *, read: str, reason: str = "", by: User | None,
    request: HttpRequest | None = None,
) -> None:  # fmt: skip
    """Publish a candidate.

    Parameters
    ----------
    current
        The version that was published when the page was made.
    found
        The comparison as it is now.
    read
        The state of the verdict that the person has read.
    reason
        Why it is published although the verdict is not that it is better. The audit log keeps it.
    by
        Who publishes it; None for `limbeck.studio.loop.automatic`.

    Raises
    ------
    LimbeckError
        When another version has been published meanwhile, the verdict is another by now, or it is not "better" and
        no reason is given.
    """
    state = found.verdict.state
    if read != state:
        raise LimbeckError(_("The verdict has changed meanwhile. Read it again."))
    reason = "" if state == BETTER else checked_reason(reason)
    with transaction.atomic(), sole_writer(home() / f".{candidate.name}.promotion", wait=True):
        if version_of(candidate.name).version != current:
            raise LimbeckError(_("Another version has been published meanwhile. Compare with that one."))
        facts: dict[str, Any] = {"verdict": state, "rows": found.verdict.rows, "instead_of": current}
        if reason:
            facts["reason"] = reason
        if by is None:
            facts["automatic"] = True
        record(
            "model.publish",
            actor=None if by is None else by.pk,
            target=f"model:{candidate.full}",
            request=request,
            **facts,
        )
        Lineage.objects.filter(model=candidate.name, version=candidate.version).update(shadow=False, retired=False)
        registry.promote(candidate.full)
