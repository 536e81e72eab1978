"""Serving: `limbeck serve` beside FastAPI and uvicorn with the same bundles, and what the server does under stress.

Both servers are up at once with two workers each; bursts come in pairs, in random order, and the ratio is the median
over the pairs. The clients and the servers share the machine's cores.
"""

from __future__ import annotations

import contextlib
import csv
import json
import random
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import limbeck
from benchmarks.figures import Figure
from benchmarks.load import load
from benchmarks.servers import ask, cpu, fastapi, load_one, megabytes
from limbeck.recipe import parse_recipe
from limbeck.serving.child import serving

COMMAND = "make bench ONLY=serving"
WORKERS = 2
ROWS = {"full": 20_000, "quick": 400}
SMALL: dict[str, dict[str, Any]] = {
    "n-gram bundle": {
        "input": {"encoder": "ngrams", "ngrams": [1, 3], "word_ngrams": 2, "buckets": 2**18, "max_length": 192},
        "student": {"network": "ngram"},
        "export": {"int8": "never"},
    },
    "small transformer, int8": {
        "input": {"encoder": "wordpiece", "vocabulary": 4000, "max_length": 64},
        "student": {"network": "albert", "embedding": 64, "hidden": 128, "layers": 3, "heads": 4, "intermediate": 256},
        "export": {"int8": "keep"},
    },
}
# Connections -> smallest ratio, aim; then the largest ratio of the 99th percentiles at 64.
GOALS: dict[str, dict[int, tuple[float, float | None]]] = {
    "n-gram bundle": {64: (6, 10), 16: (2.5, 5), 1: (1.25, 2)},
    "small transformer, int8": {64: (2, 2.5), 16: (1.5, None), 1: (1.0, None)},
}
SLOWEST: dict[str, tuple[float, float | None]] = {"n-gram bundle": (0.2, 0.1), "small transformer, int8": (0.6, None)}
CHEAPER = {"n-gram bundle": 8.0, "small transformer, int8": 1.5}


def measure(data: Path, *, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        texts = reviews(data, home, ROWS["quick" if quick else "full"])
        bundles = {name: trained(name, home) for name in (list(SMALL)[:1] if quick else SMALL)}
        figures = []
        for name, bundle in bundles.items():
            figures += beside_fastapi(name, bundle, texts, quick=quick)
            figures.append(cost_of_a_text(name, bundle, texts, quick=quick))
        ngram = bundles["n-gram bundle"]
        figures += [
            encoding(ngram, texts),
            *on_two_cores(bundles, texts, home, quick=quick),
            *overload(ngram, texts, quick=quick),
            replacement(ngram, texts, quick=quick),
            *memory(ngram, quick=quick),
            start(ngram, quick=quick),
            *same_answers(ngram, texts, quick=quick),
        ]
    return figures


def figure(name: str, value: float, unit: str, better: str, **more: Any) -> Figure:
    return Figure("serving", name, value, unit, better, COMMAND, **more)


def reviews(data: Path, home: Path, count: int) -> list[str]:
    """Write the first rows as reviews.csv, and return their texts."""
    with (data / "reviews" / "reviews.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row, _ in zip(csv.DictReader(file), range(count * 3), strict=False) if row["text"].strip()]
    random.Random(0).shuffle(rows)
    pl.DataFrame(rows[:count]).select("text", "label").write_csv(home / "reviews.csv")
    return [row["text"] for row in rows[:count]]


def trained(name: str, home: Path) -> Path:
    recipe = {
        "task": {"kind": "text", "classes": {"0": "negative", "1": "positive"}},
        "data": {"train": "reviews.csv", "split": {"valid": 0.1, "test": 0.1}},
        "training": {"epochs": 1, "threads": 0, "device": "cpu"},
        "evaluation": {"bootstrap": 0, "baseline": False},
        **SMALL[name],
    }
    folder = home / re.sub(r"\W+", "-", name)
    limbeck.train(parse_recipe(recipe), data=home, out=folder)
    return folder


def one_text(texts: list[str]) -> list[bytes]:
    return [json.dumps({"texts": [text]}).encode() for text in texts[:400]]


def beside_fastapi(name: str, bundle: Path, texts: list[str], *, quick: bool) -> Iterator[Figure]:
    pairs, seconds = (1, 0.3) if quick else (7, 2.0)
    bodies = one_text(texts)
    with fastapi(bundle, WORKERS) as theirs, serving([f"m={bundle}"], "--workers", str(WORKERS)) as child:
        addresses = {"limbeck": child.address, "fastapi": theirs}
        for connections, (floor, aim) in list(GOALS[name].items())[: 1 if quick else None]:
            found: dict[str, list[dict[str, Any]]] = {who: [] for who in addresses}
            for who in addresses:  # warm
                load(addresses[who], "/predict", bodies, connections=connections, seconds=seconds / 2)
            for pair in range(pairs):
                order = list(addresses)
                random.Random(pair).shuffle(order)
                for who in order:
                    told = load(addresses[who], "/predict", bodies, connections=connections, seconds=seconds)
                    assert told["failed"] == 0 and set(told["counts"]) == {"200"}, told
                    found[who].append(told)
            rates = {who: [one["per_second"] for one in many] for who, many in found.items()}
            ratios = [a / b for a, b in zip(rates["limbeck"], rates["fastapi"], strict=True)]
            note = f"{statistics.median(rates['limbeck']):,.0f} against {statistics.median(rates['fastapi']):,.0f} requests/s"
            yield figure(f"{name}: requests/s, {connections} connections, against FastAPI + uvicorn", statistics.median(ratios),
                         "x", "higher", spread=spread(ratios), floor=floor, aim=aim, note=note)  # fmt: skip
            if connections == 64:
                slow = {who: [one["p99"]["200"] for one in many] for who, many in found.items()}
                tails = [a / b for a, b in zip(slow["limbeck"], slow["fastapi"], strict=True)]
                most, aim = SLOWEST[name]
                note = " against ".join(f"{1000 * statistics.median(slow[who]):.0f}" for who in addresses) + " ms"
                yield figure(f"{name}: 99th percentile at 64 connections, against FastAPI", statistics.median(tails), "x",
                             "lower", spread=spread(tails), floor=most, aim=aim, note=note)  # fmt: skip


def spread(values: list[float]) -> float | None:
    return statistics.stdev(values) if len(values) > 1 else None


def cost_of_a_text(name: str, bundle: Path, texts: list[str], *, quick: bool) -> Figure:
    count = 200 if quick else 1000
    times = 1 if quick else 7
    many = (texts * (count // len(texts) + 1))[:count]
    with serving([f"m={bundle}"], "--workers", "1") as child:
        ratios = []
        for _ in range(times):
            before = cpu(child)
            for _ in range(5):
                ask(child.address, "/predict", {"texts": many})
            between = cpu(child)
            load_one(child.address, many)
            ratios.append((cpu(child) - between) / max((between - before) / 5, 0.01))
    return figure(f"{name}: processor time of {count} requests of one text against one request of {count}",
                  statistics.median(ratios), "x", "higher", spread=spread(ratios), floor=CHEAPER[name])  # fmt: skip


def encoding(bundle: Path, texts: list[str]) -> Figure:
    from limbeck.kinds.text.encoding import ngrams

    with limbeck.load(bundle, threads=0) as classifier:
        taken = []
        for _ in range(7):
            start = time.perf_counter()
            for text in texts[:300]:
                classifier.encode([text])
            taken.append((time.perf_counter() - start) / len(texts[:300]) * 1e6)
    how = "in C" if ngrams._bags is not None else "with NumPy, as no C compiler was there"
    return figure("`encode` of one text", statistics.median(taken), "us", "lower", floor=120, aim=60, note=how)


def on_two_cores(bundles: dict[str, Path], texts: list[str], home: Path, *, quick: bool) -> Iterator[Figure]:
    goals = {"n-gram bundle": (1.8, 500_000), "small transformer, int8": (1.6, 60_000)}
    for name in bundles:
        floor, rows = goals[name]
        count = 2000 if quick else rows
        pl.DataFrame({"text": (texts * (count // len(texts) + 1))[:count]}).write_csv(home / "many.csv")
        taken: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(1 if quick else 3):
            for threads in taken:
                with limbeck.load(bundles[name], threads=threads) as classifier:
                    start = time.perf_counter()
                    limbeck.predict(classifier, home / "many.csv", home / f"{threads}.csv", quiet=True)
                    taken[threads].append(time.perf_counter() - start)
        assert (home / "1.csv").read_bytes() == (home / "2.csv").read_bytes()
        one, two = (statistics.median(taken[threads]) for threads in taken)
        yield figure(f"{name}: `limbeck predict` of texts on two cores against one", one / two, "x", "higher", floor=floor,
                     note=f"{count / two:,.0f} rows/s on two")  # fmt: skip


def overload(bundle: Path, texts: list[str], *, quick: bool) -> Iterator[Figure]:
    seconds = 1.0 if quick else 60.0
    body = [json.dumps({"texts": texts[at : at + 64]}).encode() for at in range(0, min(len(texts), 1280), 64)]
    with serving([f"m={bundle}"], "--workers", str(WORKERS), "--queue", "0.5") as child:
        peak = load(child.address, "/predict", body, connections=32, seconds=max(seconds / 6, 0.5))["per_second"]
        before = megabytes(child, "Rss")
        told = load(child.address, "/predict", body, connections=256, seconds=seconds, rate=3 * peak)
        after = megabytes(child, "Rss")
    assert told["failed"] == 0 and set(told["counts"]) <= {"200", "429"}, told
    told["p99"].setdefault("429", 0.0)
    yield figure("three times overload: goodput against peak", told["per_second"] / peak, "", "higher", floor=0.9,
                 note=f"{told['counts']} of {told['sent']} requests of 64 texts in {seconds:g} s")  # fmt: skip
    yield figure(
        "three times overload: 99th percentile of refusals", 1000 * told["p99"]["429"], "ms", "lower", floor=50
    )
    yield figure("three times overload: growth of memory", after - before, "MB", "lower", floor=20)


def replacement(bundle: Path, texts: list[str], *, quick: bool) -> Figure:
    """Replace the process behind a port under load: a new one starts, the old one drains; clients keep connections."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    options = ["--port", port, "--share-port", "--workers", "1", "--drain", "1"]
    failed, done = [], threading.Event()
    counted = [0]

    def client() -> None:
        from http.client import HTTPConnection, HTTPException

        line = HTTPConnection("127.0.0.1", int(port), timeout=30)
        while not done.is_set():
            try:
                line.request("POST", "/predict", json.dumps({"texts": texts[:2]}))
                found = line.getresponse()
                found.read()
                if found.status != 200:
                    failed.append(found.status)
            except (OSError, HTTPException) as error:
                failed.append(repr(error))
                line.close()
            counted[0] += 1

    clients = [threading.Thread(target=client) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        old = stack.enter_context(serving([f"m={bundle}"], *options))
        for one in clients:
            one.start()
        for _ in range(1 if quick else 3):
            new = stack.enter_context(serving([f"m={bundle}"], *options))
            old.process.terminate()
            old.process.wait(40)
            old = new
            time.sleep(0.2)
        done.set()
        for one in clients:
            one.join()
    return figure("rolling replacement of the process under load: failed requests", len(failed), "", "lower", floor=0,
                  note=f"of {counted[0]:,}; {sorted(set(map(str, failed)))[:2] or 'none'}")  # fmt: skip


def memory(bundle: Path, *, quick: bool) -> Iterator[Figure]:
    many = 3 if quick else 20
    with serving([f"m={bundle}"], "--workers", "2") as child:
        one, resident = megabytes(child, "Pss"), megabytes(child, "Rss")
    with serving([f"m{at}={bundle}" for at in range(many)], "--workers", "2") as child:
        all_of_them = megabytes(child, "Pss")
    size = sum(file.stat().st_size for file in bundle.glob("*.onnx")) / 2**20
    yield figure("memory of two workers, one bundle", one, "MB", "lower", floor=280,
                 note=f"proportional set size of all three processes; their resident sizes sum up to {resident:.0f} MB")  # fmt: skip
    each = (all_of_them - one) / (many - 1)
    yield figure("memory of one more bundle, by the size of its model", each / WORKERS / size, "x", "lower",
                 note=f"{each / WORKERS:.1f} MB in each worker; the model has {size:.1f} MB")  # fmt: skip


def start(bundle: Path, *, quick: bool) -> Figure:
    taken = []
    for _ in range(1 if quick else 7):
        begun = time.perf_counter()
        with serving([f"m={bundle}"], "--workers", "2"):
            taken.append(time.perf_counter() - begun)
    return figure(
        "from command to ready", statistics.median(taken), "s", "lower", floor=2.0, aim=1.0, spread=spread(taken)
    )


def same_answers(bundle: Path, texts: list[str], *, quick: bool) -> Iterator[Figure]:
    rows = (texts * 10)[: 500 if quick else 10_000]
    with limbeck.load(bundle) as classifier:
        sought = classifier.predict_proba(rows)
        labels = classifier.predict(rows)
        classes = classifier.classes
    with serving([f"m={bundle}"], "--workers", "2") as child:
        found = [
            one
            for at in range(0, len(rows), 250)
            for one in ask(child.address, "/predict", {"texts": rows[at : at + 250]})["predictions"]
        ]
    p = np.array([[one["probabilities"][name] for name in classes] for one in found])
    yield figure(
        "largest difference from `predict_proba`",
        float(abs(p - sought).max()),
        "",
        "lower",
        floor=1e-6,
        note=f"{len(rows):,} rows",
    )
    yield figure(
        "labels that differ from `predict`",
        sum(a["label"] != b for a, b in zip(found, labels, strict=True)),
        "",
        "lower",
        floor=0,
    )
