"""One worker process: its application, the models it follows, its figures, and its end with its parent."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from limbeck.files import marks
from limbeck.model_names import CURRENT, SCHEME, home
from limbeck.serving.app import App
from limbeck.serving.logs import log
from limbeck.serving.processes.control import POLL, Shared, State
from limbeck.serving.repository import Route
from limbeck.serving.settings import RUN

_FLUSH = 1.0  # seconds between two writes of the figures
_GRACE = 20.0  # seconds that calls over gRPC have to end
_GARBAGE = (20_000, 20, 20)  # new objects between two looks for garbage, by generation; requests leave few cycles
_ORPHANED = 0.5  # seconds between two looks at the parent


class Worker:
    """What runs beside the requests of one process."""

    def __init__(self) -> None:
        self.shared = Shared(Path(os.environ[RUN]))
        self.app = App(self.shared)
        self._tasks: list[asyncio.Task[None]] = []
        self.grpc: Any = None
        self._applied: asyncio.Task[None] | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to follow the wanted state; models are loaded while the server listens already."""
        end_with_parent()
        gc.set_threshold(*_GARBAGE)
        self._tasks = [loop.create_task(self._follow()), loop.create_task(self._flush())]
        if self.app.settings.grpc is not None:
            from limbeck.serving.doors.grpc import Door

            self.grpc = Door(self.app)
            self._tasks.append(loop.create_task(self.grpc.start(self.app.settings.grpc)))

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Write the last figures; the server has answered its last request over HTTP."""
        if self.grpc is not None:
            loop.run_until_complete(self.grpc.stop(_GRACE))
        for task in self._tasks:
            task.cancel()
        self.app.flush()

    async def _follow(self) -> None:
        before: tuple[tuple[int, int], ...] = ()
        followed: list[Path] = []
        while (mark := self.shared.mark()) is not None:
            if (mark, *map(marks, followed)) != before:
                state = self.shared.state()
                followed = [file for route in state.routes.values() for file in in_use_files(route)]
                before = (mark, *map(marks, followed))
                self.app.draining = state.draining
                self._applied = asyncio.create_task(self._apply(state, self._applied))
            await asyncio.sleep(POLL)
        os.kill(os.getpid(), signal.SIGTERM)  # the server's folder is gone, so the server is

    async def _apply(self, state: State, earlier: asyncio.Task[None] | None) -> None:
        if earlier is not None:
            await earlier
        repository = self.app.repository
        start = time.perf_counter()
        gc.unfreeze()
        try:
            await repository.apply(state.routes)
        except Exception as error:  # whatever is wrong with a bundle costs this worker nothing else
            log("defect", "error", error=f"{type(error).__name__}: {error}")
            repository.failed |= dict.fromkeys(set(state.routes) - set(repository.models), "a defect; see the log")
        # What stays for good need not be looked through for garbage again: under load that took a fifth of the time.
        gc.collect()
        gc.freeze()
        ready = all(name in repository.models for name in state.routes)
        self.shared.report(state.generation, repository.failed, ready=ready)
        loaded = {name: model.current.version for name, model in repository.models.items()}
        seconds = round(time.perf_counter() - start, 3)
        log("models", models=loaded, failed=repository.failed, seconds=seconds, draining=state.draining)

    async def _flush(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH)
            self.app.flush()


def in_use_files(route: Route) -> list[Path]:
    """Return the files by which the registry says which version of a model is in use, of a route's names without one.

    They change when a version is promoted or rolled back there.
    """
    names = [source.removeprefix(SCHEME) for source in (route.source, route.candidate) if source is not None
             and source.startswith(SCHEME) and "@" not in source]  # fmt: skip
    return [home() / name / CURRENT for name in names]


def end_with_parent() -> None:
    """End this process when the one that started it ends, however that happens.

    A worker whose main process was killed would go on to serve the port for ever.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_ORPHANED)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10 * _ORPHANED)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="limbeck-parent", daemon=True).start()


def loadable(shared: Shared, workers: int, seconds: float) -> dict[str, str]:
    """Wait in the main process until every worker has loaded all models; return which failed, and why.

    Those that take longer than ``seconds`` have failed.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        told = shared.reports()
        failed = {name: why for one in told for name, why in one["failed"].items()}
        if failed or sum(one["ready"] for one in told) >= workers:
            return failed
        time.sleep(POLL / 2)
    return dict.fromkeys(shared.settings().models, f"the workers have not loaded the models within {seconds:g} s")
