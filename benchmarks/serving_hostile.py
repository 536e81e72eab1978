"""The server under what nobody should send: ten thousand idle connections, wrong requests, mutated binary tensors."""

from __future__ import annotations

import http.client
import json
import random
import resource
import socket
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure
from benchmarks.serving import SMALL, reviews, trained
from limbeck.serving.child import Child, serving
from limbeck.serving.http import Refusal
from limbeck.serving.oip.request import read_request

COMMAND = "make bench ONLY=serving_hostile"
INFER = "/v2/models/m/infer"
TYPES = ("BYTES", "FP32", "FP64", "UINT8", "INT64", "BOOL", "FP16", "X", None, 7)
NUMBERS = (-2, -1, 0, 1, 2, 3, 12, 2**31 - 1, 2**31, 2**32, 2**62, 10**30, True, None, 1.5, "2")


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        texts = reviews(data, Path(scratch), 400)
        bundle = trained(next(iter(SMALL)), Path(scratch))
        with serving([f"m={bundle}"], "--workers", "2", "--max-bytes", str(2**20)) as child:
            found = [idle(child, texts, 200 if quick else 10_000), *refusals(child, 2 if quick else 50)]
    return [*found, fuzz(texts, 1.0 if quick else 600.0)]


def figure(name: str, value: float, unit: str, better: str, **more: Any) -> Figure:
    return Figure("serving", name, value, unit, better, COMMAND, **more)


def connection(child: Child) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(child.address.removeprefix("http://"), timeout=30)


def idle(child: Child, texts: list[str], count: int) -> Figure:
    """Return how long an answer takes beside connections that say nothing."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 500, hard), hard))
    host, port = child.address.removeprefix("http://").split(":")
    lines: list[socket.socket] = []
    try:
        lines.extend(socket.create_connection((host, int(port)), timeout=30) for _ in range(count))
        taken = []
        for at in range(200):
            one = connection(child)
            started = time.perf_counter()
            one.request("POST", "/predict", json.dumps({"texts": [texts[at % len(texts)]]}))
            if one.getresponse().status != 200:
                raise RuntimeError("an answer is missing")
            taken.append(1000 * (time.perf_counter() - started))
            one.close()
    finally:
        for line in lines:
            line.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    note = "200 requests with one text, each on a new connection, to two workers"
    return figure(
        f"{count:,} idle connections: 99th percentile of an answer",
        float(np.percentile(taken, 99)),
        "ms",
        "lower",
        floor=50.0,
        note=note,
    )


def refusals(child: Child, rounds: int) -> Iterator[Figure]:
    """Return how soon wrong requests are refused, and how many got anything else than a 4xx with a reason."""
    head = {"name": "text", "shape": [1], "datatype": "BYTES"}

    def one(**changes: Any) -> bytes:
        return json.dumps({"inputs": [head | {"data": ["a"]} | changes]}).encode()

    wrong: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("shape", INFER, one(shape=[2]), {}), ("negative shape", INFER, one(shape=[-1]), {}),
        ("datatype", INFER, one(datatype="FP32"), {}), ("no datatype", INFER, one(datatype=None), {}),
        ("column", INFER, one(name="other"), {}), ("no input", INFER, b'{"inputs": []}', {}),
        ("number for a text", INFER, one(data=[7]), {}), ("NaN", INFER, one(data=[float("nan")]), {}),
        ("no JSON", INFER, b"\xff\xfe{", {}), ("deep JSON", INFER, b"[" * 100_000, {}),
        ("huge declared size", INFER, json.dumps({"inputs": [head | {"parameters": {"binary_data_size": 2**62}}]}).encode(), {"inference-header-content-length": "40"}),
        ("truncated tail", INFER, json.dumps({"inputs": [head | {"parameters": {"binary_data_size": 12}}]}).encode() + b"\0", {}),
        ("model", "/v2/models/none/infer", one(), {}), ("version", "/v2/models/m/versions/none/infer", one(), {}),
        ("invalid UTF-8", "/predict", b'{"texts": ["\xff"]}', {}),
        ("a body declared too large", "/predict", b"{", {"content-length": str(2**20 + 1)}),
        ("false gzip", "/predict", b"no gzip", {"content-encoding": "gzip"}),
    ]  # fmt: skip
    taken, others = [], Counter[str]()
    for _ in range(rounds):
        for name, path, body, headers in wrong:
            line = connection(child)
            started = time.perf_counter()
            line.putrequest("POST", path)
            for key, value in {"content-length": str(len(body)), **headers}.items():
                line.putheader(key, value)
            line.endheaders(body)
            answer = line.getresponse()
            told = answer.read()
            taken.append(1000 * (time.perf_counter() - started))
            if not 400 <= answer.status < 500 or not json.loads(told).get("error"):
                others[f"{name}: {answer.status}"] += 1
            line.close()
    note = f"{len(wrong)} kinds, {rounds} times each: " + ", ".join(name for name, *_ in wrong)
    yield figure(
        "wrong requests: 99th percentile until refused",
        float(np.percentile(taken, 99)),
        "ms",
        "lower",
        floor=50.0,
        note=note,
    )
    yield figure(
        "wrong requests that were not refused with a 4xx and a reason",
        float(sum(others.values())),
        "",
        "lower",
        floor=0.0,
        note=str(dict(others)) if others else "",
    )


def fuzz(texts: list[str], seconds: float) -> Figure:
    """Return how many mutated requests of the binary extension ended in anything but a tensor or a refusal."""
    rng, end, tried, crashes = random.Random(0), time.monotonic() + seconds, 0, Counter[str]()
    while time.monotonic() < end:
        for _ in range(200):
            body, length = mutated(rng, texts)
            tried += 1
            try:
                read_request(body, length, 100)
            except Refusal:
                pass
            except Exception as error:
                crashes[type(error).__name__] += 1
    return figure(
        "fuzzed requests of the binary extension: crashes",
        float(sum(crashes.values())),
        "",
        "lower",
        floor=0.0,
        note=f"{tried:,} requests in {seconds:.0f} s; {dict(crashes) or 'each was read or refused'}",
    )


def mutated(rng: random.Random, texts: list[str]) -> tuple[bytes, str]:
    """Return a body with tensors in JSON and binary, some of it wrong, and the length of its head."""
    tensors, tail = [], b""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 5))):
        raw = [rng.choice(texts).encode() for _ in range(rng.randint(0, 3))]
        data = b"".join(struct.pack("<I", rng.choice((len(one), len(one), 2**32 - 1, 0))) + one for one in raw)
        tensor: dict[str, Any] = {
            "name": rng.choice(("text", "path", "", "x" * 300)),
            "shape": [len(raw)],
            "datatype": "BYTES",
            "parameters": {"binary_data_size": len(data)},
        }
        for key in tensor:
            if rng.random() < 0.15:
                tensor[key] = rng.choice(
                    (
                        rng.choice(NUMBERS),
                        rng.choice(TYPES),
                        [rng.choice(NUMBERS)] * rng.randint(0, 4),
                        {"binary_data_size": rng.choice(NUMBERS)},
                        {},
                    )
                )
        tensors.append(tensor)
        tail += data
    head = json.dumps(
        {
            "inputs": tensors,
            "id": rng.choice(("7", None, 7)),
            "outputs": rng.choice(([], None, [{"name": "label"}], [7])),
        }
    ).encode()
    body = bytearray(head + tail)
    for _ in range(rng.choice((0, 0, 1, 3))):
        if body:
            body[rng.randrange(len(body))] = rng.randrange(256)
    if rng.random() < 0.2:
        del body[rng.randrange(len(body) + 1) :]
    return bytes(body), rng.choice((str(len(head)), str(len(head)), str(rng.randint(-1, 2000)), "", "x", "9" * 30))
