"""What `limbeck serve` was asked for, as the main process hands it to its workers."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.model_names import SCHEME, split_name

RUN = "LIMBECK_SERVING_RUN"  # environment variable: the folder that the processes of one server share
_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?", re.ASCII)
_LONGEST = 100


@dataclass(frozen=True)
class Settings:
    """How a server runs.

    Attributes
    ----------
    models
        Name -> bundle: a path, or "models:NAME" or "models:NAME@VERSION" of the registry.
    most_bytes
        Of a body, unpacked.
    most_rows
        Of one request.
    queue_seconds
        Work that may wait before requests are refused with 429.
    deadline
        Seconds within which a request is answered, if it does not say.
    drain
        Seconds between "not ready" and the end of listening.
    control
        Whether models may be loaded, unloaded and routed through the server.
    grpc
        Address on which gRPC listens, "127.0.0.1:8081"; None for not at all.
    keys_file
        File of API keys; see `limbeck.serving.keys`.
    """

    models: dict[str, str]
    workers: int = 1
    most_bytes: int = 64 * 2**20
    most_rows: int = 65_536
    queue_seconds: float = 2.0
    deadline: float = 60.0
    drain: float = 0.0
    control: bool = False
    keys_file: str | None = None
    log_requests: bool = False
    grpc: str | None = None

    @classmethod
    def given(cls, **values: Any) -> Settings:
        """Return settings, those that are None left at their default."""
        return cls(**{name: value for name, value in values.items() if value is not None})

    def dumps(self) -> str:
        """Return the settings as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Settings:
        """Return settings of JSON."""
        return cls(**json.loads(text))


def named_bundles(given: Sequence[str]) -> dict[str, str]:
    """Return name -> bundle of words "NAME=BUNDLE" or "BUNDLE", whose name is that of its folder or in the registry.

    Raises
    ------
    LimbeckError
        For a name that cannot stand in an address, or that is there twice.
    """
    found: dict[str, str] = {}
    for word in given:
        name, equals, bundle = word.partition("=")
        if not equals or Path(word).exists():
            name, bundle = _own_name(word), word
        if not _NAME.fullmatch(name) or len(name) > _LONGEST:
            fix = "write NAME=BUNDLE with a name of letters, digits, '.', '_' and '-'"
            raise LimbeckError(f"{name!r} cannot be the name of a served model", where=word, fix=fix)
        if name in found:
            raise LimbeckError(f"two models are called {name!r}", where=word, fix="write NAME=BUNDLE")
        is_name = bundle.startswith(SCHEME)
        found[name] = bundle if is_name else str(Path(bundle).absolute())
    return found


def _own_name(bundle: str) -> str:
    if bundle.startswith(SCHEME):
        return split_name(bundle.removeprefix(SCHEME))[0]
    return Path(bundle).absolute().name
