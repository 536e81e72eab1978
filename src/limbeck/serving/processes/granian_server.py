"""granian as Limbeck runs it: RSGI workers, logs as JSON lines, and a graceful stop."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any, Protocol

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

TARGET = "limbeck.serving.doors.rsgi:Application"
_CONNECTIONS = 16_384  # of one worker; an idle one costs about 10 KB
_LOGS = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "limbeck.serving.logs.JsonLines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
    "loggers": {"_granian": {"handlers": ["stderr"], "level": "WARNING", "propagate": False}},
}


class Follower(Protocol):
    """What is told of the server's start and of signals; see `limbeck.serving.processes.server.Watch`."""

    def started(self, stop: Any) -> None:
        """The workers have been started."""

    def asked(self, number: int, stop: Any) -> None:
        """A signal has come that ends the server."""


class Server(MPServer):
    """granian's server, whose signals go through a `Follower`."""

    follower: Follower
    main_process: int

    def signal_handler_interrupt(self, *args: Any, **kwargs: Any) -> None:
        """Let the follower decide when to stop; a worker that was forked just now, and has no handler yet, ends."""
        if os.getpid() != self.main_process:
            os._exit(0)
        self.follower.asked(args[0] if args else 0, self.stop)

    def stop(self) -> None:
        """Stop now: close the port and let requests in flight finish."""
        super().signal_handler_interrupt()

    def _spawn_workers(self, spawn_target: Any, target_loader: Any) -> None:
        super()._spawn_workers(spawn_target, target_loader)
        self.follower.started(self.stop)

    def shutdown(self, exit_code: int = 0) -> None:
        """Stop the workers; those that a terminal's Ctrl-C has ended too have not failed."""
        if self.interrupt_signal:
            self.interrupt_children.clear()
        super().shutdown(exit_code)


def make(
    follower: Follower, *, address: str, port: int, uds: Path | None, workers: int, grace: int, backlog: int
) -> Server:
    """Return a server that is ready to be started."""
    # Imported before the workers are forked, so that they share its memory and start at once.
    import onnxruntime  # noqa: F401

    gc.collect()
    gc.freeze()  # so that a look for garbage does not copy the pages that the workers share
    server = Server(
        TARGET,
        address=address,
        port=port,
        uds=uds,
        interface=Interfaces.RSGI,
        workers=workers,
        factory=True,
        websockets=False,
        backlog=backlog,
        backpressure=_CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=10_000),
        log_level=LogLevels.warning,
        log_dictconfig=_LOGS,
        respawn_failed_workers=True,
        workers_kill_timeout=grace,
    )
    server.follower, server.main_process = follower, os.getpid()
    return server
