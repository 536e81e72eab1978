"""Hostile replies of an HTTP teacher: each is one line, costs no finished answer, little memory and no endless wait.

A real server on 127.0.0.1 answers eight texts, one of them with a hostile reply (`hostile_replies`). Each kind is asked
by a process of its own, whose memory is measured against the same run with good replies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.figures import ROOT, Figure
from benchmarks.hostile_replies import CHAT, V2, Send, hostile, packet

COMMAND = "make bench ONLY=reliability_http"
TIMEOUT = 3.0  # seconds that the teacher gives a reply
GRACE = 2.0  # for a busy machine, beyond that deadline
QUICK = ("lists inside lists", "3 MB that unpack to 3 GB", "a body that drips", "outputs: 5", "a message of text")
GOOD = packet(b'{"outputs": [{"name": "p", "datatype": "FP32", "shape": [1, 2], "data": [0.25, 0.75]}]}')
CHILD = """
import json, resource, sys, time
from pathlib import Path
import polars as pl
from limbeck.errors import LimbeckError
from limbeck.recipe import Task, Teacher
from limbeck.teachers import answers, connection, kept, open_teacher
times, request = [0.0], connection.Connections.request
def timed(*args, **named):
    began = time.monotonic()
    try:
        return request(*args, **named)
    finally:
        times.append(time.monotonic() - began)
connection.Connections.request = timed
address, kind, folder, timeout = sys.argv[1:]
classes = ("bad", "good")
options = {"tensor": "x", "parallel": 1} if kind == "v2" else {"api": "openai", "model": "m", "parallel": 1}
path = "/v2/models/m" if kind == "v2" else "/v1"
spec = Teacher(name="t", source=f"http:{address}{path}", options=options, batch_size=1, retries=0, timeout=float(timeout))
teacher = open_teacher(spec, classes, task=Task(kind="text", classes=list(classes)), folders=[Path()])
rows = pl.DataFrame({"text": [f"text {n}" for n in range(8)]})
ended, line = "defect", ""
try:
    answers([teacher], rows, folder=Path(folder), quiet=True)
    ended = "answered"
except LimbeckError as error:
    ended, line = "told", str(error)
except Exception as error:
    line = f"{type(error).__name__}: {error}"[:200]
took = max(times)  # of one request: the deadline is its own
there = int(kept(teacher, rows, folder=Path(folder)).there.sum())
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"ended": ended, "line": line, "kept": there, "memory": memory, "took": took}))
"""


def ask(reply: bytes | Send, kind: str) -> dict[str, Any]:
    """Return how a process ended that was given a reply: "told", "answered" or "defect", and what it took."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "NO_PROXY": "127.0.0.1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), environment.get("PYTHONPATH", "")])
    with tempfile.TemporaryDirectory(prefix="limbeck-http-") as folder, hostile(reply) as (address, seen):
        command = [sys.executable, "-c", CHILD, address, kind, folder, str(TIMEOUT)]
        began = time.monotonic()
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return {"ended": "hangs", "line": "", "kept": 0, "memory": 0.0, "took": time.monotonic() - began, "paid": 0}
        if done.returncode or not done.stdout.strip():
            return {"ended": "defect", "line": done.stderr[-200:], "kept": 0, "memory": 0.0, "took": 0.0, "paid": 0}
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return {**found, "paid": len(seen)}


def measure(data: Path, *, quick: bool) -> list[Figure]:
    """Return how many kinds of replies are a defect, lose answers, miss the deadline, and the memory they take."""
    del data
    kinds = [(name, "v2", reply) for name, reply in V2.items()] + [(name, "chat", r) for name, r in CHAT.items()]
    if quick:
        kinds = [one for one in kinds if one[0] in QUICK]
    usual = ask(GOOD, "v2")["memory"]

    def one(kind: tuple[str, str, bytes | Send]) -> tuple[str, dict[str, Any]]:
        told = ask(kind[2], kind[1])
        print(f"{kind[0]}: {told}", flush=True)
        return kind[0], told

    with ThreadPoolExecutor(4) as pool:  # they mostly wait
        found = dict(pool.map(one, kinds))
    defects = [name for name, one in found.items() if one["ended"] not in ("told", "answered")]
    # Of the requests that were made, all but the hostile one got an answer, and each of these is kept.
    lost = [
        n for n, one in found.items() if one["kept"] < (one["paid"] if one["ended"] == "answered" else one["paid"] - 1)
    ]
    late = [name for name, one in found.items() if one["took"] > TIMEOUT + GRACE]
    worst = max(found, key=lambda name: found[name]["memory"])
    asked = f"{len(found)} kinds of replies"
    return [
        Figure("reliability", "hostile replies of an HTTP teacher: runs that end in a defect or hang", len(defects), "",
               "lower", COMMAND, floor=0, note=f"{asked}. {', '.join(defects)}".strip()),
        Figure("reliability", "hostile replies of an HTTP teacher: runs that lose finished answers", len(lost), "",
               "lower", COMMAND, floor=0, note=f"{asked}. {', '.join(lost)}".strip()),
        Figure("reliability", "hostile replies of an HTTP teacher: requests past the deadline", len(late), "", "lower",
               COMMAND, floor=0, note=f"timeout {TIMEOUT:g} s. {', '.join(late)}".strip()),
        Figure("reliability", "hostile replies of an HTTP teacher: most memory over good replies",
               max(0.0, found[worst]["memory"] - usual), "MB", "lower", COMMAND, floor=200, note=f"{asked}; {worst}."),
    ]  # fmt: skip
