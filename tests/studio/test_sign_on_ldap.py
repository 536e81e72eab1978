"""Signing in by a directory, against a real slapd that scripts/directory starts."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from pydantic import SecretStr

from limbeck.studio.accounts.models import Attempt, User
from limbeck.studio.audit.models import Entry
from limbeck.studio.roles import Role
from limbeck.studio.sign_on.directory import DirectoryError, look_up
from studio.conftest import PASSWORD as LOCAL
from studio.conftest import is_signed_in, person
from studio.test_launch import free_port

ldap = pytest.importorskip("ldap", reason="python-ldap is not installed: pip install limbeck[ldap]")
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(
        shutil.which("slapd", path="/usr/sbin:/usr/bin") is None, reason="no slapd: apt-get install slapd ldap-utils"
    ),
]
ROOT = Path(__file__).parents[2]
WANG, ZHAO = "wang's password", "zhao's password"
GROUPS = "ou=groups,dc=example,dc=org"


@pytest.fixture(scope="module")
def directory() -> Iterator[dict[str, str]]:
    """A directory that runs: the names and values that the script prints."""
    place = Path(tempfile.mkdtemp(prefix="ldap-")) / "slapd"
    place.parent.chmod(0o711)
    script = ROOT / "scripts" / "directory"
    ports = {"LDAP_PORT": str(free_port()), "LDAPS_PORT": str(free_port()), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    try:
        command = [script, "start", place, ROOT / "tests" / "directory.ldif"]
        done = subprocess.run(command, env=ports, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + (place / "log").read_text()
        yield dict(word.split("=", 1) for word in done.stdout.removeprefix("export ").split())
    finally:
        subprocess.run([script, "stop", place], env=ports)
        shutil.rmtree(place.parent, ignore_errors=True)


@pytest.fixture
def configured(directory: dict[str, str], configure: Callable[..., None]) -> Callable[..., None]:
    """A site with this directory, with StartTLS; a function that changes its settings."""
    configure(
        ldap_uri=directory["LDAP_URL"], ldap_ca=Path(directory["LDAP_CA"]), ldap_bind_dn="cn=studio,dc=example,dc=org",
        ldap_bind_password=SecretStr("service password"),
        ldap_user_base="ou=people,dc=example,dc=org", ldap_group_base=GROUPS,
        ldap_roles={"moderators": Role.REVIEWER, f"cn=admins,{GROUPS}": Role.ADMINISTRATOR},
    )  # fmt: skip
    return configure


@pytest.fixture
def group(directory: dict[str, str]) -> Iterator[Callable[[int, str], None]]:
    """Put wang into a group, or out of it."""
    admin = ldap.initialize(directory["LDAP_URL"])
    admin.simple_bind_s("cn=admin,dc=example,dc=org", "secret")
    member = [b"uid=wang,ou=people,dc=example,dc=org"]
    done: list[tuple[int, str]] = []

    def change(act: int, name: str) -> None:
        admin.modify_s(f"cn={name},{GROUPS}", [(act, "member", member)])
        done.append((act, name))

    yield change
    for act, name in reversed(done):
        admin.modify_s(
            f"cn={name},{GROUPS}", [(ldap.MOD_DELETE if act == ldap.MOD_ADD else ldap.MOD_ADD, "member", member)]
        )
    admin.unbind_s()


def sign_in(name: str, password: str) -> tuple[Client, str]:
    """Send the form; return the browser and the page."""
    client = Client()
    page = client.post(reverse("account_login"), {"login": name, "password": password})
    return client, page.content.decode()


def test_a_person_signs_in_with_the_role_of_the_groups(configured: Callable[..., None]) -> None:
    client, _ = sign_in("wang", WANG)
    user = User.objects.get()
    assert is_signed_in(client)
    assert (user.username, user.name, user.email, user.role) == ("wang", "王芳", "wang@example.org", "reviewer")
    assert list(Entry.objects.order_by("number").values_list("action", flat=True)) == [
        "account.register", "account.sign_in",
    ]  # fmt: skip
    sign_in("WANG", WANG)  # directories do not look at case
    sign_in("zhao", ZHAO)
    assert sorted(User.objects.values_list("username", "role")) == [("wang", "reviewer"), ("zhao", "viewer")]


def test_roles_follow_the_groups_at_each_sign_in(
    configured: Callable[..., None], group: Callable[[int, str], None]
) -> None:
    person("lin", "administrator")
    sign_in("wang", WANG)
    for act, name, role in (
        (ldap.MOD_ADD, "admins", "administrator"), (ldap.MOD_DELETE, "admins", "reviewer"),
    ):  # fmt: skip
        group(act, name)
        sign_in("wang", WANG)
        assert User.objects.get(username="wang").role == role


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("wang", "wrong"), ("nobody", WANG), ("*", WANG), ("wang)(uid=*", WANG), ("{dn}", WANG), ("wang\0", WANG),
        ("wang", ZHAO), ("w*", WANG),
    ],
)  # fmt: skip
def test_wrong_names_and_passwords_are_refused(configured: Callable[..., None], name: str, password: str) -> None:
    client, _page = sign_in(name, password)
    assert not is_signed_in(client) and not User.objects.exists()
    assert look_up(name, password) is None


def test_no_password_is_no_sign_in(configured: Callable[..., None], directory: dict[str, str]) -> None:
    anonymous = ldap.initialize(directory["LDAP_URL"])
    anonymous.simple_bind_s("uid=wang,ou=people,dc=example,dc=org", "")  # the directory takes it
    anonymous.unbind_s()
    assert look_up("wang", "") is None


def test_the_sixth_wrong_password_is_refused(configured: Callable[..., None]) -> None:
    for _ in range(5):
        sign_in("wang", "wrong")
    client, page = sign_in("wang", WANG)
    assert not is_signed_in(client) and "Too many" in page
    assert is_signed_in(sign_in("zhao", ZHAO)[0])


def test_a_name_of_this_site_is_another_person(configured: Callable[..., None]) -> None:
    own = person("wang", "administrator")
    theirs, _ = sign_in("wang", WANG)
    assert is_signed_in(theirs)
    assert User.objects.exclude(pk=own.pk).get().role == "reviewer"
    mine, _ = sign_in("wang", LOCAL)
    assert int(mine.session["_auth_user_id"]) == own.pk


def test_who_is_disabled_here_stays_out(configured: Callable[..., None]) -> None:
    sign_in("wang", WANG)
    User.objects.update(is_active=False)
    client, page = sign_in("wang", WANG)
    assert not is_signed_in(client) and "disabled" in page and not Attempt.objects.exists()


def test_new_people_and_those_without_a_role(configured: Callable[..., None]) -> None:
    configured(sso_create=False)
    assert "no account" in sign_in("wang", WANG)[1]
    configured(sso_create=True, sso_default_role=None)
    assert "groups" in sign_in("zhao", ZHAO)[1]
    assert not User.objects.exists()


def test_without_passwords_of_this_site_the_directory_stays(configured: Callable[..., None]) -> None:
    person("local", "administrator")
    configured(password_sign_in=False)
    assert b'name="password"' in Client().get(reverse("account_login")).content
    assert not is_signed_in(sign_in("local", LOCAL)[0])
    assert is_signed_in(sign_in("wang", WANG)[0])


def test_ldaps_and_plain_on_this_machine(configured: Callable[..., None], directory: dict[str, str]) -> None:
    configured(ldap_uri=directory["LDAPS_URL"])
    assert is_signed_in(sign_in("wang", WANG)[0])
    configured(ldap_uri=directory["LDAP_URL"], ldap_start_tls=False, ldap_ca=None)
    assert is_signed_in(sign_in("wang", WANG)[0])


@pytest.mark.parametrize("uri", ["LDAP_URL", "LDAPS_URL"])
def test_a_certificate_that_nobody_signed_is_refused(
    configured: Callable[..., None], directory: dict[str, str], uri: str
) -> None:
    configured(ldap_uri=directory[uri], ldap_ca=None)
    with pytest.raises(DirectoryError):
        look_up("wang", WANG)


def test_a_directory_that_is_away_lets_people_of_this_site_in(configured: Callable[..., None]) -> None:
    person("local", "operator")
    configured(ldap_uri=f"ldap://127.0.0.1:{free_port()}")
    assert is_signed_in(sign_in("local", LOCAL)[0])
    client, page = sign_in("wang", WANG)
    assert not is_signed_in(client) and "cannot be reached" in page
    for _ in range(5):
        sign_in("local", "wrong")  # counted, or passwords could be tried while the directory is away
    assert not is_signed_in(sign_in("local", LOCAL)[0])
