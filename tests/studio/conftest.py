"""A studio with one person of each role and a published model; DATABASE_URL chooses the database."""

import atexit
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf import settings

HOME = Path(tempfile.mkdtemp(prefix="studio-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
with pytest.MonkeyPatch.context() as patch:
    patch.setenv("LIMBECK_HOME", str(HOME))  # while the settings are read; tests elsewhere keep theirs
    import studio_settings
# Not by DJANGO_SETTINGS_MODULE: every process that tests start, workers of pytest-xdist too, would inherit it.
settings.configure(**{name: value for name, value in vars(studio_settings).items() if name.isupper()})
django.setup()

from django.core.cache import cache  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from limbeck import registry  # noqa: E402
from limbeck.studio.accounts.models import User  # noqa: E402
from limbeck.studio.registry.facts import Version, version_of  # noqa: E402

PASSWORD = "correct horse 9"
ROLES = ("viewer", "operator", "reviewer", "administrator")


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of these tests."""
    monkeypatch.setenv("LIMBECK_HOME", str(HOME))
    cache.clear()
    return HOME


def person(name: str, role: str, **values: object) -> User:
    """Make a person."""
    user = User(username=name, name=name.title(), role=role, email=f"{name}@example.org", **values)
    user.set_password(PASSWORD)
    user.save()
    return user


@pytest.fixture
def configure(settings: Any) -> Callable[..., None]:
    """A function that changes settings of the site: name of a field of `Config` -> value."""

    def change(**values: object) -> None:
        settings.CONFIG = settings.CONFIG.model_copy(update=values)

    return change


def is_signed_in(client: Client) -> bool:
    """Whether a browser has a session of a person."""
    return bool(client.get(reverse("home")).status_code == 200)


@pytest.fixture
def people(db: None) -> dict[str, User]:
    """Role -> a person of it; and ``other``, another operator."""
    return {role: person(role, role) for role in ROLES} | {"other": person("other", "operator")}


@pytest.fixture
def sign_in(people: dict[str, User]) -> Callable[[str], Client]:
    """Role -> a browser in which a person of it is signed in."""

    def signed_in(role: str) -> Client:
        client = Client()
        client.force_login(people[role])
        return client

    return signed_in


@pytest.fixture
def model(bundles: Callable[[str], Path], home: Path) -> Version:
    """The published text model ``reviews``."""
    if "reviews" not in {found.name for found in registry.models()}:
        registry.add(bundles("ngram"), "reviews")
    return version_of("reviews")


@pytest.fixture
def own_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty registry for tests that change it."""
    monkeypatch.setenv("LIMBECK_HOME", str(tmp_path / "home"))
    yield tmp_path / "home" / "models"
