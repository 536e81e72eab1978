"""Hostile and damaged bundles and ONNX files: answered or refused in one line, in time, and without reading elsewhere.

Every bundle is loaded and asked three rows, and its stored rows and figures are read; changed models of one of the five
bundles are asked as ``onnx:`` teachers too. A process of its own does it case by case; one that takes longer than two minutes counts as hung, and one
that dies as a defect. Whatever opens a file beside the bundle is seen by the kernel (inotify), native code included.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

COMMAND = "make bench ONLY=reliability_hostile_models"
LONGEST = 120.0  # seconds of one case; a batch in a child process has a tenth of it, as the machine may be busy
STARTS = 900.0  # seconds in which the process has to be ready
LIMIT = 10.0  # seconds of one batch in a child process, where the product waits for two minutes
ROOT = Path(__file__).parent.parent


def measure(data: Path, *, quick: bool) -> list[Any]:
    """Return the numbers of defects, of hung cases and of files that were opened elsewhere."""
    from benchmarks import damaged_bundles
    from benchmarks.figures import Figure

    del data
    count = 20 if quick else 2000
    found: Counter[str] = Counter()
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="limbeck-hostile-") as folder:
        home = Path(folder)
        bases = damaged_bundles.bundles(home)
        if quick:
            bases = bases[:1]
        by_hand = list(damaged_bundles.BY_HAND)
        if quick:
            by_hand = [name for name in by_hand if "secret" in name or "answers" in name or "pipe" in name]
        place = home / "elsewhere"
        place.mkdir()
        (place / damaged_bundles.SECRET).write_bytes(bytes(range(256)))
        started = time.monotonic()
        with Opened(place) as opened, Asker(place) as asker:
            (place / damaged_bundles.SECRET).read_bytes()
            if damaged_bundles.SECRET not in opened.read():
                raise SystemExit("the kernel does not say which files are opened; run it on Linux")
            for case in [*by_hand, *range(count)]:
                work = place / "case"
                shutil.rmtree(work, ignore_errors=True)
                work.mkdir()
                if isinstance(case, str):
                    bundle = Path(shutil.copytree(bases[0], work / "bundle"))
                    damaged_bundles.BY_HAND[case](bundle)
                    if "member outside" not in case:
                        damaged_bundles.rehash(bundle)
                else:
                    rng = random.Random(f"bundle {case}")
                    bundle = damaged_bundles.mutated(rng, bases[case % len(bases)], work)
                opened.read()  # what this process did
                base = bases[0] if isinstance(case, str) else bases[case % len(bases)]
                alone = base == bases[0] and not _same(bundle / "model.onnx", base / "model.onnx")
                opened.read()
                for way, told in asker.ask(bundle, [way for way in WAYS if alone or way != TEACHER]):
                    found[told.partition(":")[0]] += 1
                    if told.startswith(("defect", "hung", "died")):
                        lines.append(f"{case}, {way}: {told}")
                for name in opened.read():
                    found["opened elsewhere"] += 1
                    lines.append(f"{case}: opened {name}")
        seconds = time.monotonic() - started
    print(dict(found), f"{seconds:.0f} s", flush=True)
    for line in lines[:60]:
        print("  ", line, flush=True)
    note = (
        f"{len(by_hand)} made by hand and {count:,} random ones with right hashes, each used in two or three ways; "
        f"{found['answered']:,} answers, {found['refused']:,} refusals in one line"
    )
    names = {
        "defects (exit 1, a traceback, a line of a library, a process that dies)": found["defect"] + found["died"],
        f"cases that hang (longer than {LONGEST:.0f} s)": found["hung"],
        "files opened outside the bundle": found["opened elsewhere"],
    }
    return [
        Figure(
            "reliability", f"hostile bundles and ONNX files: {name}", value, "", "lower", COMMAND, floor=0, note=note
        )
        for name, value in names.items()
    ]


def _same(file: Path, other: Path) -> bool:
    return file.is_file() and not file.is_symlink() and file.read_bytes() == other.read_bytes()


class Asker:
    """The process that opens what is hostile; another one takes its place when it hangs or dies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._begin()

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def _begin(self) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.reliability_hostile_models"], cwd=self.folder,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        if not self._line(STARTS):
            raise SystemExit("the process that opens hostile files does not start")

    def _line(self, seconds: float) -> str | None:
        """Return the next line, an empty one where the process has died, None where it takes too long."""
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return None
        return self._process.stdout.readline().decode("utf-8")

    def ask(self, bundle: Path, ways: list[str]) -> list[tuple[str, str]]:
        """Return for each of these ways of using a bundle what came of it."""
        assert self._process.stdin is not None
        told = []
        for way in ways:
            self._process.stdin.write(json.dumps([way, str(bundle)]).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line(LONGEST)
            if line:
                told.append((way, json.loads(line)))
                continue
            self._process.kill()
            told.append((way, "hung" if line is None else f"died: {self._process.wait()}"))
            self._begin()
        return told


class Opened:
    """Which files of a folder and of one beside the bundle are opened, by whomever."""

    _OPEN = 0x20

    def __init__(self, folder: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        self._libc.inotify_add_watch(self._handle, os.fsencode(folder), self._OPEN)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._handle)

    def read(self) -> list[str]:
        """Return the names of files that were opened since the last time; folders do not count."""
        out = []
        while True:
            try:
                content = os.read(self._handle, 65536)
            except BlockingIOError:
                return out
            at = 0
            while at < len(content):
                mask = int.from_bytes(content[at + 4 : at + 8], "little")
                size = int.from_bytes(content[at + 12 : at + 16], "little")
                if not mask & 0x40000000:
                    out.append(content[at + 16 : at + 16 + size].rstrip(b"\0").decode())
                at += 16 + size


# --- in the process of its own -----------------------------------------------------------------------------------


def _load(bundle: Path) -> None:
    import polars as pl

    from limbeck.bundle.classifier import Classifier

    with Classifier(bundle, threads=1) as classifier:
        texts = ["物流很快", "质量太差，再也不买 again", "a"]
        names = classifier.manifest.task.inputs
        table = pl.DataFrame(dict.fromkeys(names, texts))
        found = classifier.predict_proba(texts if classifier.manifest.task.rows == "text" else table)
        if found.shape != (3, len(classifier.classes)) or not (abs(found.sum(axis=1) - 1) < 0.01).all():
            raise AssertionError(f"answers {found.tolist()}")


def _teach(bundle: Path) -> None:
    import polars as pl

    from limbeck.recipe import Task, Teacher
    from limbeck.teachers import open_teacher

    task = Task(kind="text", input="x", classes={"0": "bad", "1": "good"})
    spec = Teacher(name="t", source="onnx:model.onnx", options={"inputs": {"ids": "x", "weights": "y"}})
    teacher = open_teacher(spec, ("bad", "good"), task=task, folders=[bundle])
    teacher.answer(pl.DataFrame({"x": [1, 2, 3], "y": [0.5, 0.25, 0.125]}))


def _read(bundle: Path) -> None:
    from limbeck.bundle.training_hashes import read_seen
    from limbeck.evaluation.bundle_files import export_facts, stored_metrics
    from limbeck.evaluation.report.trust import read_trust
    from limbeck.recipe import load_recipe

    read_seen(bundle)
    stored_metrics(bundle)
    export_facts(bundle)
    read_trust(bundle)
    load_recipe(bundle / "recipe.toml")


TEACHER = "as a teacher"  # each begins a process of its own, so it is tried for changed models of one bundle only
WAYS = {"load and ask": _load, TEACHER: _teach, "read what is stored": _read}


def serve() -> None:
    """Try one bundle in one way for each line of standard input."""
    from limbeck.bundle import session
    from limbeck.errors import LimbeckError

    session.SECONDS = LIMIT
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    printed = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
    for number in (1, 2):
        os.dup2(printed.fileno(), number)
    for name in ("limbeck.bundle.classifier", "limbeck.teachers", "limbeck.evaluation.evaluate"):
        __import__(name)
    out.write('"ready"\n')
    out.flush()
    for line in sys.stdin:
        way, bundle = json.loads(line)
        printed.seek(0)
        printed.truncate()
        try:
            WAYS[way](Path(bundle))
            told = "answered"
        except LimbeckError as error:
            told = "refused"
            if "\n" in str(error) or len(str(error)) > 3000 or "\x1b" in str(error):
                told = f"defect: not one plain line: {str(error)[:300]!r}"
        except BaseException as error:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if "limbeck" in frame.filename][-1]
            told = f"defect: {type(error).__name__}: {str(error)[:200]} ({Path(own.filename).name}:{own.lineno})"
        sys.stderr.flush()
        printed.seek(0)
        if said := printed.read(500):
            told = f"defect: printed {said[:200]!r}"
        out.write(json.dumps(told) + "\n")
        out.flush()


if __name__ == "__main__":
    serve()
