"""The audit log: one transaction with the act, append-only, and no change goes unseen."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from limbeck.studio.accounts.models import User
from limbeck.studio.audit.actions import ACTIONS
from limbeck.studio.audit.log import record, verify
from limbeck.studio.audit.models import AppendOnlyError, Entry, Head
from limbeck.studio.notices.events import EVENTS

pytestmark = pytest.mark.django_db


@pytest.fixture
def entries(db: None) -> list[Entry]:
    """Five entries."""
    with transaction.atomic():
        return [
            record("announcement.create", actor=number, target=f"announcement:{number}", n=number)
            for number in range(5)
        ]


def sql(statement: str, *values: object) -> None:
    """Change the database behind the site's back."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_an_unchanged_log_fits(entries: list[Entry]) -> None:
    assert verify() == type(verify())(5, None)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE audit_entry SET actor = 9 WHERE number = 3", ()),
        ("UPDATE audit_entry SET action = 'user.erase' WHERE number = 3", ()),
        ("UPDATE audit_entry SET at = %s WHERE number = 3", (datetime.datetime(2020, 1, 1),)),
        ("UPDATE audit_entry SET details = '{}' WHERE number = 3", ()),
        ("UPDATE audit_entry SET address = '10.0.0.1' WHERE number = 3", ()),
        ("DELETE FROM audit_entry WHERE number = 3", ()),
        ("DELETE FROM audit_entry WHERE number = 5", ()),
        ("DELETE FROM audit_entry", ()),
        ("UPDATE audit_entry SET number = 7 WHERE number = 5", ()),
        ("UPDATE audit_head SET number = 4", ()),
    ],
)
def test_a_change_is_found(entries: list[Entry], statement: str, values: tuple[object, ...]) -> None:
    sql(statement, *values)
    assert verify().broken is not None


def test_a_chain_made_without_the_key_is_found(entries: list[Entry], settings: object) -> None:
    own = settings.AUDIT_KEY
    settings.AUDIT_KEY = "another key that somebody with the database alone would have to guess"
    previous = entries[1].digest
    for entry in Entry.objects.filter(number__gte=3).order_by("number"):
        entry.previous, entry.details = previous, {"n": "changed"}
        entry.digest = previous = entry.expected_digest()
        sql(
            "UPDATE audit_entry SET details = %s, previous = %s, digest = %s WHERE number = %s",
            '{"n": "changed"}', entry.previous, entry.digest, entry.number,
        )  # fmt: skip
    sql("UPDATE audit_head SET digest = %s", previous)
    settings.AUDIT_KEY = own
    assert verify().broken == 3


def test_the_log_is_append_only(entries: list[Entry]) -> None:
    for change in (
        lambda: entries[0].save(),
        lambda: entries[0].delete(),
        lambda: Entry.objects.all().delete(),
        lambda: Entry.objects.update(actor=1),
    ):
        with pytest.raises(AppendOnlyError):
            change()


def test_what_is_rolled_back_leaves_no_entry(entries: list[Entry]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record("announcement.create", actor=1)
        raise ZeroDivisionError
    assert verify().entries == 5
    assert Head.objects.get().number == 5


@pytest.mark.django_db(transaction=True)
def test_an_entry_needs_a_transaction() -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        record("announcement.create", actor=1)


def test_administrators_read_and_verify(
    sign_in: Callable[[str], Client], entries: list[Entry], people: dict[str, User]
) -> None:
    admin = sign_in("administrator")
    today = datetime.date.today().isoformat()
    page = admin.get(reverse("audit"), {"action": "announcement.create", "since": "2020-01-01", "until": today})
    assert len(page.context["rows"]) in (5, 0 if datetime.datetime.now(datetime.UTC).date().isoformat() != today else 5)
    assert "5 entries, unchanged" in admin.post(reverse("audit_check")).content.decode()
    sql("UPDATE audit_entry SET actor = 9 WHERE number = 2")
    assert "Entry 2 was changed" in admin.post(reverse("audit_check")).content.decode()


def test_every_action_has_a_text() -> None:
    import re
    from pathlib import Path

    import limbeck.studio

    modules = [file for file in Path(limbeck.studio.__path__[0]).rglob("*.py") if file.name != "actions.py"]
    source = "\n".join(file.read_text("utf-8") for file in modules)
    literals = set(re.findall(r'"([a-z]+\.[a-z_]+)"', source))
    assert set(ACTIONS) <= literals, "a text without an action"
    recorded = set(re.findall(r'\brecord\(\s*"([a-z_.]+)"', source))
    assert len(recorded) > 30 and recorded <= set(ACTIONS)
    # Actions that are handed on in a variable: of these subjects nothing else has such a name, but for columns of the
    # table that a batch gives back, and for notices of what no person did.
    subjects = ("account.", "invitation.", "user.", "announcement.", "model.", "detection.", "job.", "token.", "audit.")
    others = {"model.class", "model.probability", *EVENTS}
    assert {name for name in literals if name.startswith(subjects)} - others <= set(ACTIONS)
