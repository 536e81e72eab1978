"""``limbeck studio``: prepare the data folder and the database, then run the web site and its worker in one tree."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from limbeck import registry
from limbeck.errors import LimbeckError, needing
from limbeck.files import write_text
from limbeck.locks import sole_writer
from limbeck.progress import say
from limbeck.studio.hosts import is_loopback
from limbeck.studio.parent import PARENT, end_with_parent

SETTINGS = "limbeck.studio.settings"
GRACE = 30  # seconds for requests and jobs to come to a safe point
PAUSE = 2.0  # seconds before a worker that ended is started again


def load() -> None:
    """Load Django; the database is not touched.

    Raises
    ------
    LimbeckError
        When a package, a setting or the data folder is not usable.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    with needing("Django", "studio", "limbeck studio"):
        import allauth  # noqa: F401
        import django
        import granian  # noqa: F401
        import ninja  # noqa: F401
    from limbeck.studio.config import config

    os.environ["LIMBECK_HOME"] = str(config().home.absolute())
    django.setup()


def prepare() -> None:
    """Load Django and bring the database to this version, one process at a time.

    Raises
    ------
    LimbeckError
        When a package, a setting, the data folder or the database is not usable.
    """
    load()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import DatabaseError

    if not (Path(__file__).parent / "static" / "vendor" / "tabler.min.css").exists():
        fix = "run make install, or python assets/copy_assets.py"
        raise LimbeckError("the front-end libraries are not copied", where="limbeck/studio/static/vendor", fix=fix)
    with sole_writer(Path(settings.HOME) / "migration", wait=True):
        try:
            call_command("migrate", verbosity=0, interactive=False)
            call_command("createcachetable", verbosity=0)
        except DatabaseError as error:
            first = str(error).strip().splitlines()[0]
            raise LimbeckError(f"the database cannot be used: {first}", where="DATABASE_URL") from error
    from limbeck.studio.encryption.rotation import require_keys

    require_keys()


def add_bundles(bundles: list[Path]) -> None:
    """Put bundles into the registry under their folders' names."""
    for bundle in bundles:
        model = registry.add(bundle, bundle.resolve().name)
        say(f"model {model.name}@{model.version}")


def serve(host: str, port: int, bundles: list[Path], review: Path | None = None) -> None:
    """Run the site until it is told to stop; the first rows of the table ``review`` are put under review before.

    Raises
    ------
    LimbeckError
        As `prepare`; and when others can reach the address but ``LIMBECK_PUBLIC_URL`` does not say by which name.
    """
    load()
    from django.conf import settings
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    from limbeck.studio.accounts.services import setup_token

    # What is wrong with the command is told before a database is made, which takes seconds.
    if not is_loopback(host) and not settings.CONFIG.public_url:
        fix = "set it to the address that people type, e.g. https://studio.example.org"
        raise LimbeckError(f"is needed with --host {host}", where="LIMBECK_PUBLIC_URL", fix=fix)
    add_bundles(bundles)
    prepare()
    if review is not None:
        # In a process of its own: the server forks, and must not inherit an open model or a connection.
        command = [sys.executable, "-m", "limbeck", "studio", "review", bundles[0].resolve().name, str(review)]
        if code := subprocess.run(command).returncode:  # noqa: S603 - this program itself
            raise SystemExit(code)
    address = settings.CONFIG.public_url or f"http://{'localhost' if is_loopback(host) else host}:{port}"
    token = setup_token()
    link = Path(settings.HOME) / "setup-link"
    if token:
        write_text(link, f"{address}/invitation/{token}/\n")
        link.chmod(0o600)
        say(f"first administrator, register here: {address}/invitation/{token}/")
    else:
        link.unlink(missing_ok=True)
    say(f"studio: {address}   data: {settings.HOME}")
    os.environ[PARENT] = str(os.getpid())
    workers = Workers()
    workers.start()
    server = Granian(
        "limbeck.studio.wsgi:application", address=host, port=port, interface=Interfaces.WSGI,
        workers=settings.CONFIG.web_processes, blocking_threads=4, respawn_failed_workers=True,
        workers_kill_timeout=GRACE, log_access=False, log_level=LogLevels.warning,
    )  # fmt: skip
    try:
        server.serve()
    finally:
        workers.stop()


class Workers:
    """The worker process, started again whenever it ends by itself."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="worker", daemon=True)

    def start(self) -> None:
        """Start the worker and watch it."""
        # Here and not in the thread: the server forks its processes, and one forked while a child is being started
        # keeps the pipe open by which that start is reported, so that it is never seen to have ended.
        self._child = self._spawn()
        self._thread.start()

    def stop(self) -> None:
        """Ask the worker to end at its next safe point; end it after `GRACE` seconds."""
        self._stopping.set()
        if (child := self._child) is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(GRACE)
            except subprocess.TimeoutExpired:
                child.kill()

    def _keep(self) -> None:
        while not self._stopping.is_set():
            assert self._child is not None
            self._child.wait()
            if not self._stopping.wait(PAUSE):
                say("the worker ended; it is started again")
                self._child = self._spawn()

    def _spawn(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C on the terminal reaches the first process alone, which tells the others.
        return subprocess.Popen([sys.executable, "-m", "limbeck", "worker"], start_new_session=True)


def work(*, until_empty: bool = False) -> int:
    """Run one worker until it is told to stop; return how many jobs it did."""
    end_with_parent()
    prepare()
    from limbeck.studio.jobs.worker import Worker

    worker = Worker()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    return worker.run(until_empty=until_empty)
