"""A load generator: closed loop over kept-alive connections, or open loop at a given rate.

A closed loop is wrk's (`apt-get install wrk`), which costs next to nothing beside a server; without it, and for open
loops, this file runs as a process of its own, with raw sockets in one thread, at about 20 microseconds a request.
"""

from __future__ import annotations

import json
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from typing import Any


def load(
    address: str, path: str, bodies: list[bytes], *, connections: int, seconds: float, rate: float = 0.0
) -> dict[str, Any]:
    """Return what a run of the load generator in a process of its own found; see `run`."""
    if not rate and shutil.which("wrk"):
        return by_wrk(address, path, bodies, connections, seconds)
    asked = {"address": address, "path": path, "bodies": [body.decode() for body in bodies], "connections": connections,
             "seconds": seconds, "rate": rate}  # fmt: skip
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


_SCRIPT = """
wrk.method = 'POST'
wrk.headers['content-type'] = 'application/json'
local bodies, at = {BODIES}, 0
request = function() at = at % #bodies + 1; return wrk.format(nil, 'PATH', nil, bodies[at]) end
done = function(summary, latency)
  io.write(string.format('RESULT %d %d %d %d %f %f', summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


def by_wrk(address: str, path: str, bodies: list[bytes], connections: int, seconds: float) -> dict[str, Any]:
    """Return what wrk found in a closed loop."""
    listed = ", ".join(f"[===[{body.decode()}]===]" for body in bodies)
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write(_SCRIPT.replace("BODIES", listed).replace("PATH", path))
        script.flush()
        words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name, address]
        said = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    sent, microseconds, refused, failed, p50, p99 = map(float, said.rpartition("RESULT ")[2].split())
    counts = {"200": int(sent - refused)} | ({"other": int(refused)} if refused else {})
    return {
        "counts": counts, "per_second": (sent - refused) / microseconds * 1e6, "p50": {"200": p50 / 1e6},
        "p99": {"200": p99 / 1e6}, "failed": int(failed), "sent": int(sent),
    }  # fmt: skip


def request(host: str, path: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Line:
    """A connection with one request on its way."""

    def __init__(self, place: tuple[str, int]) -> None:
        self.socket = socket.create_connection(place)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.got = b""
        self.need = 0
        self.sent = self.due = 0.0
        self.left = memoryview(b"")

    def send(self, raw: bytes, due: float) -> None:
        """Begin to send a request that was due at a time."""
        self.sent, self.due, self.got, self.need = time.perf_counter(), due, b"", 0
        self.left = memoryview(raw)
        self.push()

    def push(self) -> None:
        """Send as much as the connection takes."""
        while self.left:
            try:
                self.left = self.left[self.socket.send(self.left) :]
            except BlockingIOError:
                return

    def receive(self) -> int:
        """Return the status once the answer is complete, else 0."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError("the server closed the connection")
        self.got += part
        if not self.need:
            end = self.got.find(b"\r\n\r\n")
            if end < 0:
                return 0
            at = self.got.lower().find(b"content-length:", 0, end)
            self.need = end + 4 + int(self.got[at + 15 : self.got.find(b"\r", at)])
        return int(self.got[9:12]) if len(self.got) >= self.need else 0


def run(address: str, path: str, bodies: list[str], connections: int, seconds: float, rate: float) -> dict[str, Any]:
    """Send the bodies in turn; ``rate`` requests a second whatever the answers are, or with 0 one after the other."""
    host, port = address.removeprefix("http://").split(":")
    raws = [request(host, path, body.encode()) for body in bodies]
    lines = [Line((host, int(port))) for _ in range(connections)]
    chosen = selectors.DefaultSelector()
    for line in lines:
        chosen.register(line.socket, selectors.EVENT_READ, line)
    times: dict[int, list[float]] = {}
    failed = number = 0
    start = now = time.perf_counter()
    end = start + seconds
    idle = list(lines)
    while True:
        while idle and now < end and (not rate or number < (now - start) * rate):
            idle.pop().send(raws[number % len(raws)], start + number / rate if rate else now)
            number += 1
        if (now >= end and len(idle) + failed >= len(lines)) or now > end + 30:
            break
        for key, _ in chosen.select(0.001 if rate else 0.1):
            line = key.data
            try:
                status = line.receive()
            except OSError:
                chosen.unregister(line.socket)
                if line in idle:  # the server ends connections that nobody uses, and clients open new ones
                    idle[idle.index(line)] = fresh = Line((host, int(port)))
                    chosen.register(fresh.socket, selectors.EVENT_READ, fresh)
                else:
                    failed += 1
                continue
            if status:
                now = time.perf_counter()
                times.setdefault(status, []).append(now - line.sent)
                idle.append(line)
            elif line.left:
                line.push()
        now = time.perf_counter()
    took = min(now, end) - start
    told = {str(status): sorted(found) for status, found in times.items()}
    return {
        "counts": {status: len(found) for status, found in told.items()},
        "per_second": len(told.get("200", [])) / took,
        "p99": {status: found[int(0.99 * (len(found) - 1))] for status, found in told.items()},
        "p50": {status: found[len(found) // 2] for status, found in told.items()},
        "failed": failed,
        "sent": number,
    }


if __name__ == "__main__":
    print(json.dumps(run(**json.load(sys.stdin))))
