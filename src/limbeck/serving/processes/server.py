"""The main process of a server: it checks what is to be served, starts the workers, and stops them gracefully.

SIGTERM makes ``/v2/health/ready`` say no, and answers ask clients to connect anew; after ``drain`` seconds, in which a
probe has seen it, the port is closed, requests in flight are finished, and the processes end. SIGINT and a second
SIGTERM skip the wait.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from limbeck.bundle.manifest import read_manifest
from limbeck.errors import LimbeckError, needing
from limbeck.files import remove
from limbeck.model_names import model_path
from limbeck.serving.keys import Keys
from limbeck.serving.logs import log
from limbeck.serving.processes.control import Shared, alive
from limbeck.serving.processes.worker import loadable
from limbeck.serving.settings import RUN, Settings

GRACE = 30  # seconds that requests in flight have once the port is closed
_START = 120.0  # seconds for all models to load
_BACKLOG = 4096
_FOLDER = "limbeck-serve-"
_OWNER = re.compile(rf"{_FOLDER}([0-9]{{1,9}})-")  # a process; others may make folders of any name there
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")  # one for each worker: workers = cores


def serve(
    settings: Settings, *, host: str = "127.0.0.1", port: int = 8080, unix_socket: Path | None = None,
    share_port: bool = False, told: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Serve bundles until SIGTERM or SIGINT.

    Parameters
    ----------
    port
        0 takes a free one.
    unix_socket
        Listen there instead of on a port.
    share_port
        Let another server listen on the same port, for replacing this process without a gap (Linux).
    told
        Is called with the server's address once every model answers.

    Raises
    ------
    LimbeckError
        When a bundle cannot be loaded, the port is taken, or the keys cannot be read.
    """
    with needing("granian", "serve", "serving over HTTP"):
        from limbeck.serving.processes.granian_server import make
    if settings.grpc is not None:
        with needing("grpcio", "grpc", "serving over gRPC"):
            import limbeck.serving.doors.grpc  # noqa: F401
    if not settings.models:
        raise LimbeckError("no bundle to serve", where="serve", fix="name one or more")
    Keys.read(Path(settings.keys_file) if settings.keys_file else None)
    for source in settings.models.values():
        read_manifest(model_path(source))
    if unix_socket is None and not (share_port and port):
        port = _free_port(host, port)
    for name in _THREADS:
        os.environ[name] = "1"
    _open_files()
    folder = _own_folder()
    try:
        shared = Shared.made(folder, settings)
        os.environ[RUN] = str(folder)
        address = f"unix:{unix_socket}" if unix_socket else f"http://{f'[{host}]' if ':' in host else host}:{port}"
        watch = Watch(shared, settings, lambda: told(address))
        server = make(
            watch, address=host, port=port, uds=unix_socket, workers=settings.workers, grace=GRACE, backlog=_BACKLOG
        )
        server.serve()
        if watch.failed:
            name, why = next(iter(watch.failed.items()))
            raise LimbeckError(f"the model {name!r} cannot be served: {why}", where="serve")
    finally:
        os.environ.pop(RUN, None)
        remove(folder)


class Watch:
    """What the main process does beside granian: it waits for the models, and drains before the end."""

    def __init__(self, shared: Shared, settings: Settings, ready: Callable[[], None]) -> None:
        self.shared, self.settings, self.ready = shared, settings, ready
        self.failed: dict[str, str] = {}
        self.stopping = threading.Event()

    def started(self, stop: Callable[[], None]) -> None:
        """Wait in a thread until every model answers; ``stop`` the server when one cannot be loaded."""

        def wait() -> None:
            self.failed = loadable(self.shared, self.settings.workers, _START)
            if self.failed:
                stop()
            elif not self.stopping.is_set():
                self.ready()

        threading.Thread(target=wait, name="limbeck-start", daemon=True).start()

    def asked(self, number: int, stop: Callable[[], None]) -> None:
        """Drain after the first SIGTERM, in a thread; then, or at once for anything else, ``stop`` the server."""
        again = self.stopping.is_set()
        self.stopping.set()
        if again or number != signal.SIGTERM or not self.settings.drain:
            stop()
            return

        def drain() -> None:
            log("draining", seconds=self.settings.drain)
            with self.shared.change() as state:
                state["draining"] = True
            time.sleep(self.settings.drain)
            stop()

        threading.Thread(target=drain, name="limbeck-drain", daemon=True).start()


def _free_port(host: str, port: int) -> int:
    """Return the port, or for 0 a free one; refuse one on which something listens, as granian would share it."""
    try:
        family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(place)
            return int(trial.getsockname()[1])
    except OSError as error:
        fix = "stop what uses it, or give --port"
        raise LimbeckError(f"cannot listen: {error.strerror or error}", where=f"{host}:{port}", fix=fix) from error


def _own_folder() -> Path:
    """Return a folder that the processes of this server share; those of servers that were killed are removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        found = _OWNER.match(left.name)
        if found is not None and not alive(int(found[1])):
            remove(left)
    return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))


def _open_files() -> None:
    """Allow as many connections as the system lets this user have."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
