"""Phone numbers and e-mail addresses are encrypted in the database, and found there; keys are replaced."""

from __future__ import annotations

import importlib
import json
import re
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings
from django.core import mail
from django.core.exceptions import FieldError, ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse

from limbeck.errors import LimbeckError
from limbeck.studio.accounts.models import User
from limbeck.studio.encryption import rotation
from limbeck.studio.encryption.keyring import Key, Keyring, checked_keys, sealed_length
from limbeck.studio.operations.backup.export import export
from limbeck.studio.operations.check import check

pytestmark = pytest.mark.django_db


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keyring:
    """A ring whose key is in a file of its own."""
    (tmp_path / "keys").mkdir(mode=0o700)
    found = Keyring("", tmp_path / "keys" / "columns")
    monkeypatch.setattr(settings, "KEYRING", found)
    return found


@pytest.fixture
def person(ring: Keyring) -> User:
    """A person with an address and a number."""
    return User.objects.create(username="wang", email="Wang@Example.org", phone="+86 138 0013 8000")


def stored(person: User) -> tuple[str, str]:
    """Return what the database holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT email, phone FROM accounts_user WHERE id = %s", [person.pk])
        row: tuple[str, str] = cursor.fetchone()
    return row


def test_the_database_holds_no_address_and_no_number(person: User) -> None:
    email, phone = stored(person)
    assert "wang" not in email.lower() and "138" not in phone.partition(":")[2] and email[8] == phone[8] == ":"
    person.refresh_from_db()
    assert (person.email, person.phone) == ("wang@example.org", "+86 138 0013 8000")
    assert User.objects.get(email="WANG@example.ORG") == User.objects.get(email__iexact="wang@Example.org") == person
    assert User.objects.get(phone="+86 138 0013 8000") == person
    assert not User.objects.filter(email="wang@example").exists()
    assert User.objects.exclude(email="").count() == User.objects.filter(email="", phone="").count() + 1 == 1
    with pytest.raises(FieldError):
        User.objects.filter(email__icontains="wang").exists()
    for wrong in ("no address", "a" * 250 + "@example.org"):
        with pytest.raises(ValidationError):
            User(username="x", email=wrong).clean_fields(exclude=["password"])


def test_a_value_of_another_column_or_that_was_changed_is_told(person: User, ring: Keyring) -> None:
    email, _phone = stored(person)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET phone = email WHERE id = %s", [person.pk])
    with pytest.raises(LimbeckError, match=r"accounts\.user\.phone: an encrypted value was changed"):
        person.refresh_from_db()
    other = Keyring("", ring._file.with_name("another"))
    with pytest.raises(LimbeckError, match=r"another: the key [0-9a-f]{8} of encrypted columns is missing; restore it"):
        other.open(email, "accounts.user.email")


@pytest.mark.parametrize("text", ["a", "王芳", "x" * 254, "𝄞" * 254])
def test_the_longest_text_fits_into_the_column(text: str) -> None:
    key = Key("k" * 40)
    sealed = key.seal(text, "column")
    assert key.open(sealed, "column") == text
    assert len(sealed) <= sealed_length(len(text))


def test_a_key_is_replaced_while_another_process_writes_with_the_one_before(person: User, ring: Keyring) -> None:
    first = ring.keys[0]
    before = stored(person)
    assert rotation.rotate() == 2
    second = ring.keys[0]
    assert second != first and set(rotation.in_use()) == {second.mark}
    assert all(one != other for one, other in zip(before, stored(person), strict=True))
    late = first.seal("late@example.org", "accounts.user.email")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = %s WHERE id = %s", [late, person.pk])
    assert User.objects.get(email="late@example.org") == person  # found whichever key it has
    assert rotation.rotate() == 2
    assert len(ring.keys) == 2 and first not in ring.keys
    assert User.objects.get(email="late@example.org").phone == "+86 138 0013 8000"
    assert stat.S_IMODE(ring._file.stat().st_mode) == 0o600


def test_keys_of_the_environment(person: User, ring: Keyring, monkeypatch: pytest.MonkeyPatch) -> None:
    old = ring.keys[0].secret
    with pytest.raises(LimbeckError, match="LIMBECK_COLUMN_KEYS: the key is a default one, or shorter"):
        checked_keys(f"{old},changeme", "LIMBECK_COLUMN_KEYS")
    given = Keyring(checked_keys(f"{'n' * 40}, {old}", "LIMBECK_COLUMN_KEYS"), Path("not-read"))
    monkeypatch.setattr(settings, "KEYRING", given)
    assert User.objects.get(email="wang@example.org") == person
    assert rotation.rotate() == 2
    monkeypatch.setattr(settings, "KEYRING", Keyring("n" * 40, Path("not-read")))
    rotation.require_keys()
    assert User.objects.get(email="wang@example.org") == person
    monkeypatch.setattr(settings, "KEYRING", Keyring("o" * 40, Path("not-read")))
    with pytest.raises(LimbeckError, match=r"LIMBECK_COLUMN_KEYS: the key [0-9a-f]{8} of encrypted columns is missing"):
        rotation.require_keys()
    line = next(line for line in check() if line.name == "columns")
    assert line.state == "failed" and "is missing" in line.text


def test_the_state_of_the_columns_is_told(person: User, ring: Keyring) -> None:
    def line() -> str:
        return next(str(line) for line in check() if line.name == "columns")

    assert re.search(r"ok .*2 phone numbers and e-mail addresses, encrypted with keys that are there$", line())
    ring.add_new()
    assert re.search(r"warning .*; 2 with an older key, run limbeck studio rotate-keys$", line())


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_what_the_database_holds(person: User, tmp_path: Path) -> None:
    manifest = export(tmp_path / "site.zip", files=False)
    with zipfile.ZipFile(tmp_path / "site.zip") as archive:
        everything = b"".join(archive.read(name) for name in archive.namelist())
    assert b"wang@example.org" not in everything and stored(person)[0].encode() in everything
    assert manifest["column_keys"] == [settings.KEYRING.keys[0].mark]
    assert json.dumps(settings.KEYRING.keys[0].secret).encode() not in everything


def test_what_was_readable_before_is_encrypted_by_the_migration(person: User) -> None:
    EmailAddress.objects.bulk_create([EmailAddress(user=person, email="wang@example.org", primary=True)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET email = 'Old@example.org', phone = '123' WHERE id = %s", [person.pk])
    migration = importlib.import_module("limbeck.studio.accounts.migrations.0002_encrypted_columns")
    migration.encrypt(apps, SimpleNamespace(connection=connection))
    person.refresh_from_db()
    assert (person.email, person.phone) == ("old@example.org", "123")
    assert "old" not in stored(person)[0].lower()
    assert not EmailAddress.objects.exists()


def test_who_registers_gets_a_link_for_a_new_password_though_no_address_can_be_read(
    client: Client, ring: Keyring, sign_in: Callable[[str], Client]
) -> None:
    asked = {
        "username": "li",
        "email": "Li@example.org",
        "password1": "correct horse 12",
        "password2": "correct horse 12",
    }
    client.post(reverse("account_signup"), asked)
    person = User.objects.get(username="li")
    assert person.email == "li@example.org"
    assert not EmailAddress.objects.exists()
    client.logout()
    client.post(reverse("account_reset_password"), {"email": "LI@example.org"})
    assert [message.to for message in mail.outbox] == [["li@example.org"]]
    client.post(reverse("account_signup"), {**asked, "username": "li2", "email": "li@Example.org"})
    assert not User.objects.filter(username="li2").exists()  # the address is known, whatever its case
    found = sign_in("administrator").get(reverse("users"), {"q": "LI@example.org"}).context["page"].object_list
    assert [one.username for one in found] == ["li"]
