"""`limbeck studio` and `limbeck worker` as processes: they start, end together, and lose no job."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest


def free_port() -> int:
    """A port that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path) -> dict[str, str]:
    """The variables of a site of its own, on SQLite."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return kept | {"LIMBECK_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}


def start(home: Path, port: int, *options: str) -> subprocess.Popen[bytes]:
    """Start a site."""
    command = [sys.executable, "-m", "limbeck", "studio", "--port", str(port), *options]
    return subprocess.Popen(command, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def wait_until_ready(address: str, seconds: float = 60) -> None:
    """Wait until a site answers."""

    def ready() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/ready", timeout=2) as response:
            return bool(response.status == 200)
        return False

    wait_for(ready, seconds)


def ended(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes to end, and return those that have not."""
    return psutil.wait_procs(processes, timeout=seconds)[1]


def wait_for(found: Callable[[], bool], seconds: float = 20) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def vendor() -> None:
    """Skip where the front-end libraries are not copied."""
    import limbeck.studio

    if not (Path(limbeck.studio.__path__[0]) / "static" / "vendor").is_dir():
        pytest.skip("the front-end libraries are not copied; run python assets/copy_assets.py")


def test_the_whole_tree_ends(tmp_path: Path, vendor: None, bundles: Callable[[str], Path]) -> None:
    home, port = tmp_path / "home", free_port()
    address = f"http://localhost:{port}"
    site = start(home, port, "--bundle", str(bundles("ngram")))
    try:
        wait_until_ready(address)
        link = (home / "setup-link").read_text()
        assert link.startswith(f"{address}/invitation/") and (home / "setup-link").stat().st_mode & 0o777 == 0o600
        tree = psutil.Process(site.pid)
        wait_for(lambda: len(tree.children(recursive=True)) >= 3)  # two that answer requests, one that does jobs
        children = tree.children(recursive=True)
        worker = next(child for child in children if "worker" in child.cmdline())
        worker.kill()
        wait_for(lambda: any("worker" in child.cmdline() for child in tree.children() if child.pid != worker.pid))
        children = tree.children(recursive=True)
        site.kill()  # it can tell nobody
        assert [child.cmdline() for child in ended(children, 5)] == []
    finally:
        site.kill()
        site.communicate()
    again = start(home, port)
    try:
        wait_until_ready(address)  # nobody keeps the port, and the database is whole
        children = psutil.Process(again.pid).children(recursive=True)
        again.send_signal(signal.SIGTERM)
        assert again.wait(20) == 0
        assert ended(children, 5) == []
    finally:
        again.kill()
        again.communicate()


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--host", "0.0.0.0"], "LIMBECK_PUBLIC_URL"), (["--bundle", "/nothing"], "/nothing")],
)
def test_what_is_wrong_is_one_line(tmp_path: Path, vendor: None, options: list[str], told: str) -> None:
    site = start(tmp_path / "home", free_port(), *options)
    _, error = site.communicate(timeout=60)
    assert site.returncode == 2
    assert told in error.decode() and error.decode().startswith("error: ") and error.count(b"\n") == 1
