"""Settings from the environment: secrets from files, no default keys, and what a deployment needs."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from limbeck.errors import LimbeckError
from limbeck.studio.config import Config, config
from limbeck.studio.databases import database
from limbeck.studio.home import checked_key, kept_key, prepare_home


def test_secrets_come_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("sqlite:////tmp/x.sqlite3\n")
    (tmp_path / "key").write_text("k" * 50)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("LIMBECK_SECRET_KEY_FILE", str(tmp_path / "key"))
    found = Config()
    assert found.database_url.get_secret_value() == "sqlite:////tmp/x.sqlite3"
    assert found.secret_key.get_secret_value() == "k" * 50
    assert "k" * 50 not in repr(found)


def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIMBECK_WEB_PROCESSES", "many")
    config.cache_clear()
    try:
        with pytest.raises(LimbeckError, match="LIMBECK_WEB_PROCESSES"):
            config()
    finally:
        monkeypatch.delenv("LIMBECK_WEB_PROCESSES")
        config.cache_clear()


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIMBECK_SECRET_KEY_FILE", str(tmp_path / "no"))
    with pytest.raises(LimbeckError, match="LIMBECK_SECRET_KEY_FILE"):
        Config()


@pytest.mark.parametrize("key", ["changeme" * 8, "django-insecure-" + "x" * 50, "short", "secret" * 10])
def test_default_keys_are_refused(key: str) -> None:
    with pytest.raises(LimbeckError, match="LIMBECK_SECRET_KEY"):
        checked_key(key, "LIMBECK_SECRET_KEY")


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    home = prepare_home(tmp_path / "home")
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    home.chmod(0o755)
    prepare_home(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    key = kept_key(home / "keys" / "secret")
    assert kept_key(home / "keys" / "secret") == key and len(key) >= 50
    assert stat.S_IMODE((home / "keys" / "secret").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("url", "engine", "name"),
    [
        ("mysql://u:p%40ss@h:3307/studio", "mysql", "studio"),
        ("mariadb://u@h/studio", "mysql", "studio"),
        ("postgresql://u:p@h:5432/studio", "postgresql", "studio"),
        ("sqlite:////var/x.sqlite3", "sqlite3", Path("/var/x.sqlite3")),
    ],
)
def test_databases(url: str, engine: str, name: object, tmp_path: Path) -> None:
    found = database(url, tmp_path)
    assert found["ENGINE"].endswith(engine) and found["NAME"] == name
    if "%40" in url:
        assert found["PASSWORD"] == "p@ss" and found["OPTIONS"]["charset"] == "utf8mb4"


@pytest.mark.parametrize("url", ["oracle://h/x", "mysql://h", "nonsense", "postgresql://h:port/x"])
def test_other_urls_are_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(LimbeckError, match="DATABASE_URL"):
        database(url, tmp_path)


def test_processes_started_by_tests_do_not_inherit_their_settings() -> None:
    # Workers of pytest-xdist are such processes: with DJANGO_SETTINGS_MODULE of the tests they do not start.
    command = [sys.executable, "-m", "pytest", "-n", "1", "-p", "no:cacheprovider", __file__, "-k", "default_keys"]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == 0 and "4 passed" in done.stdout, done.stdout + done.stderr
    assert "DJANGO_SETTINGS_MODULE" not in os.environ


def test_a_deployment_passes_django_s_check(tmp_path: Path) -> None:
    environment = {
        **os.environ, "LIMBECK_HOME": str(tmp_path / "home"), "LIMBECK_PUBLIC_URL": "https://studio.example.org",
        "DJANGO_SETTINGS_MODULE": "limbeck.studio.settings",
    }  # fmt: skip
    command = [sys.executable, "-W", "error::DeprecationWarning:limbeck", "-m", "limbeck.studio.manage"]
    done = subprocess.run(
        [*command, "check", "--deploy", "--fail-level", "WARNING"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)  # it exits where one is


PROVIDER = {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "studio"}
DIRECTORY = {"LDAP_URI": "ldaps://ldap.example.org", "LDAP_USER_BASE": "dc=example,dc=org"}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        (PROVIDER, None),
        (PROVIDER | {"OIDC_ISSUER": "http://127.0.0.1:9000"}, None),
        (PROVIDER | {"OIDC_ISSUER": "http://login.example.org"}, "OIDC_ISSUER"),
        (PROVIDER | {"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID"),
        (PROVIDER | {"OIDC_ROLES": "admins"}, "OIDC_ROLES"),
        (PROVIDER | {"OIDC_ROLES": '{"admins": "king"}'}, "OIDC_ROLES"),
        (PROVIDER | {"PASSWORD_SIGN_IN": "false"}, None),
        ({"PASSWORD_SIGN_IN": "false"}, "PASSWORD_SIGN_IN"),
        ({"SSO_DEFAULT_ROLE": "none"}, None),
        (DIRECTORY, None),
        (DIRECTORY | {"LDAP_URI": "ldap://ldap.example.org"}, None),  # with StartTLS
        (DIRECTORY | {"LDAP_URI": "ldap://ldap.example.org", "LDAP_START_TLS": "false"}, "LDAP_URI"),
        (DIRECTORY | {"LDAP_URI": "ldap://127.0.0.1", "LDAP_START_TLS": "false"}, None),
        (DIRECTORY | {"LDAP_USER_BASE": ""}, "LDAP_USER_BASE"),
        (DIRECTORY | {"LDAP_USER_FILTER": "uid={user}"}, "LDAP_USER_FILTER"),
    ],
)
def test_settings_of_sign_on(values: dict[str, str], named: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if "LDAP_URI" in values:
        pytest.importorskip("ldap", reason="python-ldap is not installed: pip install limbeck[ldap]")
    for name, value in values.items():
        monkeypatch.setenv(f"LIMBECK_{name}", value)
    config.cache_clear()
    try:
        if named is None:
            config()
        else:
            with pytest.raises(LimbeckError, match=f"LIMBECK_{named}"):
                config()
    finally:
        config.cache_clear()
