"""A running server that the tests of this folder share."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from limbeck.serving.child import Child, serving
from old_bundles import bundle_of

SERVED = ("text-ngram", "image", "signal", "table")


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(address: str, path: str, body: Any = None, method: str | None = None, **headers: str) -> Answer:
    """Send one request; a body that is no bytes is sent as JSON. `_` in names of headers stands for `-`."""
    raw = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address + path, raw, told, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as found:
            return Answer(found.status, found.read(), {k.lower(): v for k, v in found.headers.items()})
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read(), {k.lower(): v for k, v in error.headers.items()})


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """A server with two workers and a bundle of each kind, named after the kind."""
    named = [f"{name}={bundle_of(name)}" for name in SERVED]
    log = tmp_path_factory.mktemp("serving") / "log"
    with serving(named, "--workers", "2", "--log-requests", "--max-bytes", str(2**20), log=log) as child:
        yield child


@pytest.fixture(scope="session")
def server_log(server: Child, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file with the log of `server`."""
    return next(tmp_path_factory.getbasetemp().glob("serving*/log"))
