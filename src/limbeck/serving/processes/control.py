"""What the processes of one server share: a folder with the settings, the wanted state, and how far each worker is.

The wanted state is one JSON file with a rising generation. Whoever changes it holds a lock and replaces it in one step;
every worker sees the change within `POLL` seconds, does what it says and writes that it has. So a change reaches all
workers, and whoever asked for it can wait until it has.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from limbeck.errors import LimbeckError
from limbeck.files import write_json
from limbeck.locks import sole_writer
from limbeck.serving.repository import Route
from limbeck.serving.settings import Settings

POLL = 0.1  # seconds
_STATE, _SETTINGS, _WORKERS, _METRICS = "state.json", "settings.json", "workers", "metrics"


def alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class State:
    """What the workers are to do; ``draining`` means that the server is about to stop and says that it is not ready."""

    generation: int = 0
    draining: bool = False
    routes: dict[str, Route] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class Shared:
    """The folder that the processes of one server share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = folder / _METRICS

    @classmethod
    def made(cls, folder: Path, settings: Settings) -> Shared:
        """Fill an empty folder."""
        shared = cls(folder)
        for name in (_WORKERS, _METRICS):
            (folder / name).mkdir()
        (folder / _SETTINGS).write_text(settings.dumps(), "utf-8")
        routes = {name: Route(source) for name, source in settings.models.items()}
        write_json(folder / _STATE, State(1, routes=routes).to_dict())
        return shared

    def settings(self) -> Settings:
        """Return how the server runs."""
        return Settings.loads((self.folder / _SETTINGS).read_text("utf-8"))

    def state(self) -> State:
        """Return the wanted state."""
        told = json.loads((self.folder / _STATE).read_text("utf-8"))
        return State(**told | {"routes": {name: Route(**route) for name, route in told["routes"].items()}})

    def mark(self) -> tuple[int, int] | None:
        """Return what changes with the wanted state; None when the server's folder is gone."""
        with contextlib.suppress(OSError):
            found = (self.folder / _STATE).stat()
            return found.st_ino, found.st_mtime_ns
        return None

    @contextlib.contextmanager
    def change(self) -> Iterator[dict[str, Any]]:
        """Yield the wanted state as a dictionary to change; it is written when the body ends without an error."""
        with sole_writer(self.folder / _STATE, wait=True):
            told = self.state().to_dict()
            yield told
            write_json(self.folder / _STATE, told | {"generation": told["generation"] + 1})

    def report(self, generation: int, failed: dict[str, str], *, ready: bool) -> None:
        """Write how far this worker is."""
        told = {"generation": generation, "ready": ready, "failed": failed}
        part = self.folder / _WORKERS / f".{os.getpid()}.part"
        with contextlib.suppress(OSError):
            part.write_text(json.dumps(told), "utf-8")
            part.replace(part.with_name(f"{os.getpid()}.json"))

    def living(self) -> list[int]:
        """Return the processes of the workers that run."""
        pids = [int(file.stem) for file in (self.folder / _WORKERS).glob("*.json") if file.stem.isdigit()]
        return [pid for pid in pids if alive(pid)]

    def reports(self) -> list[dict[str, Any]]:
        """Return how far each living worker is."""
        found = []
        for pid in self.living():
            with contextlib.suppress(OSError, ValueError):
                found.append(json.loads((self.folder / _WORKERS / f"{pid}.json").read_text("utf-8")))
        return found

    async def reached(self, generation: int, seconds: float) -> dict[str, str]:
        """Wait until every worker has done what a generation of the state says; return which models failed, and why.

        Raises
        ------
        LimbeckError
            When it takes longer.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            told = self.reports()
            if told and all(one["generation"] >= generation for one in told):
                return {name: why for one in told for name, why in one["failed"].items()}
            await asyncio.sleep(POLL / 2)
        raise LimbeckError("the workers have not taken over the change yet", fix="ask for the index again")
