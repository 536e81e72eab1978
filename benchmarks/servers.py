"""Servers as processes: FastAPI as people write it, what the processes of a server cost, and plain requests to them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from limbeck.serving.child import Child


@contextlib.contextmanager
def fastapi(bundle: Path, workers: int) -> Iterator[str]:
    """Serve a bundle as people do by hand; yield the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "uvicorn", "benchmarks.fastapi_app:app", "--port", str(port), "--workers", str(workers),
             "--no-access-log", "--log-level", "error"]  # fmt: skip
    root = Path(__file__).parents[1]
    env = os.environ | {"BUNDLE": str(bundle), "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    process = subprocess.Popen(words, env=env, cwd=root)
    try:
        address = f"http://127.0.0.1:{port}"
        until(lambda: urllib.request.urlopen(f"{address}/health", timeout=5).status == 200)
        time.sleep(1.0)  # its other workers
        yield address
    finally:
        process.terminate()
        process.wait(30)


def until(true: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if true():
                return
        time.sleep(0.02)
    raise TimeoutError


def tree(pid: int) -> list[int]:
    """Return a process and those that it started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found


def cpu(child: Child) -> float:
    """Return processor seconds of a server's processes."""
    ticks = 0
    for pid in tree(child.process.pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def megabytes(child: Child, name: str) -> float:
    """Return memory of a server's processes in MB: of each its share of what they share (Pss), or all of it (Rss)."""
    total = 0
    for pid in tree(child.process.pid):
        total += int(re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)[1])
    return total / 1024


def ask(address: str, path: str, body: Any) -> Any:
    request = urllib.request.Request(address + path, json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=120) as found:
        return json.load(found)


def load_one(address: str, texts: list[str]) -> None:
    """Ask for one text after the other over one connection."""
    line = HTTPConnection(address.removeprefix("http://"))
    for text in texts:
        line.request("POST", "/predict", json.dumps({"texts": [text]}))
        assert line.getresponse().read()
    line.close()
