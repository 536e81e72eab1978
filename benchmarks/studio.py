"""The studio: how soon a page is there, what is left after a kill, and a batch whose worker is killed again and again.

Every site is a process tree of its own with a data folder of its own on SQLite; a batch is made and looked at through the
REST API, as a program of a user does. Kills are SIGKILL, which nothing can catch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from benchmarks.figures import Figure
from benchmarks.killed_tasks import recipe, write_rows

COMMAND = "make bench ONLY=studio"
KILLS, ROWS = 20, 100_000
AFTER_KILL = 5.0  # seconds
TOKEN = """
import django; django.setup()
from limbeck.studio.accounts.models import User
from limbeck.studio.api.services import create
from limbeck.studio.roles import Ability
user = User.objects.create(username="bench", role="administrator")
print(create(user, "bench", list(Ability), 1)[1])
"""


class Site:
    """A running site: its address, its first process, and a token of an administrator."""

    def __init__(self, home: Path, port: int) -> None:
        self.home, self.address = home, f"http://localhost:{port}"
        environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
        self.environment = environment | {"LIMBECK_HOME": str(home), "LIMBECK_LEASE_SECONDS": "5"}
        self.process: subprocess.Popen[bytes] | None = None
        self.port, self.token = port, ""

    def start(self, *options: str) -> float:
        """Start it, and return the seconds until the page for signing in was there."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "limbeck", "studio", "--port", str(self.port), *options]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        while time.perf_counter() - began < 120:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.address}/account/sign-in/", timeout=5):
                return time.perf_counter() - began
            time.sleep(0.02)
        raise RuntimeError("the site does not answer")

    def sign(self) -> None:
        """Make the token."""
        environment = self.environment | {"DJANGO_SETTINGS_MODULE": "limbeck.studio.settings"}
        done = subprocess.run(
            [sys.executable, "-c", TOKEN], env=environment, capture_output=True, text=True, check=True
        )
        self.token = done.stdout.strip()

    def send(
        self, path: str, body: bytes | None = None, kind: str = "application/json", *, raw: bool = False
    ) -> Any:  # fmt: skip
        """Send a request and return the body of the response, decoded unless it is wanted raw."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        with urllib.request.urlopen(urllib.request.Request(f"{self.address}/api/v1{path}", body, headers)) as response:
            content = response.read()
            return json.loads(content) if not raw and "json" in response.headers["Content-Type"] else content

    def batch(self, model: str, table: Path) -> int:
        """Start a batch and return its number."""
        return self.upload("/batches", "files", table, model=model)

    def upload(self, path: str, name: str, table: Path, **fields: str) -> int:
        """Send a file and fields of a form; return the number of the job."""
        mark = uuid.uuid4().hex
        head = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        )
        file = f'--{mark}\r\nContent-Disposition: form-data; name="{name}"; filename="{table.name}"\r\n\r\n'
        body = head.encode() + file.encode() + table.read_bytes() + f"\r\n--{mark}--\r\n".encode()
        return int(self.send(path, body, f"multipart/form-data; boundary={mark}")["id"])

    def worker(self) -> psutil.Process | None:
        """Return the worker, None while there is none."""
        assert self.process is not None
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children():
                if "worker" in child.cmdline():
                    return child
        return None


@contextlib.contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Yield a site that is not started yet, and end it."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    one = Site(folder / "home", port)
    try:
        yield one
    finally:
        if one.process is not None:
            one.process.terminate()
            one.process.wait(60)


def measure(data: Path, quick: bool = False) -> list[Figure]:  # noqa: ARG001 - all have it
    """Return the figures; ``data`` is not read."""
    import limbeck

    kills, rows = (2, 4000) if quick else (KILLS, ROWS)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_rows(folder / "rows.csv", 300)
        write_rows(folder / "questions.csv", rows)
        bundle = limbeck.train(recipe(), data=folder, out=folder / "ngram").bundle
        with site(folder) as one:
            first = one.start("--bundle", str(bundle))
            one.sign()
            plain, seconds, _ = finished(one, folder / "questions.csv", 0)
            killed, _, done = finished(one, folder / "questions.csv", kills)
            left = survivors(one)
        shared = {"subject": "studio", "command": COMMAND}
        return [
            Figure(name="first page on an empty data folder", value=first, unit="s", better="lower", floor=10.0, **shared),
            Figure(
                name=f"rows of a batch of {ROWS:,} that differ after {KILLS} kills of the worker",
                value=float(differences(plain, killed)), unit="rows", better="lower", floor=0.0,
                note=f"{rows:,} rows, killed {done} times", **shared,
            ),
            Figure(name="batch, answered and stored", value=rows / seconds, unit="rows/s", better="higher", **shared),
            Figure(
                name="processes left 5 s after SIGKILL of the first one", value=float(left), unit="", better="lower",
                floor=0.0, **shared,
            ),
        ]  # fmt: skip


def finished(one: Site, table: Path, kills: int) -> tuple[list[bytes], float, int]:
    """Run a batch, kill its worker at random moments, and return the table's lines, the seconds, and the kills."""
    began = time.perf_counter()
    number = one.batch("ngram", table)
    stored, done = until_finished(one, number, kills)
    seconds = time.perf_counter() - began
    lines = one.send(f"/jobs/{number}/answers.csv").splitlines()
    assert stored["rows"] == len(lines) - 1, (stored, len(lines))
    return lines, seconds, done


def until_finished(one: Site, number: int, kills: int = 0) -> tuple[dict[str, Any], int]:
    """Wait for a job, kill its worker at random moments, and return its result and the kills."""
    moments, done = random.Random(0), 0
    while (state := one.send(f"/jobs/{number}"))["state"] in ("queued", "running"):
        if done < kills and state["state"] == "running" and (worker := one.worker()) is not None:
            time.sleep(moments.uniform(0.05, 1.5))
            worker.kill()
            done += 1
        time.sleep(0.05)
    if state["state"] != "finished":
        raise RuntimeError(state["reason"])
    return state["result"], done


def differences(plain: list[bytes], killed: list[bytes]) -> int:
    """Return how many rows are not the same, or are there twice or not at all."""
    one, other = [[hashlib.sha256(line).digest() for line in lines] for lines in (plain, killed)]
    return sum(a != b for a, b in zip(one, other, strict=False)) + abs(len(one) - len(other))


def survivors(one: Site) -> int:
    """Kill the first process, and return how many of the others live after 5 seconds."""
    assert one.process is not None
    children = psutil.Process(one.process.pid).children(recursive=True)
    one.process.kill()
    one.process.wait()
    return len(psutil.wait_procs(children, timeout=AFTER_KILL)[1])
