"""Damaged tables and recipes, 2,000 of each kind: answered and accounted for row by row, or refused in one line.

Every table goes through `limbeck.predict` (what the verb calls) and through `prepare` (what `train` and `doctor` read
rows with), every recipe through `load_recipe` and, where it is valid, `prepare`, all in this process. A defect is
whatever is no `LimbeckError`, a row that is neither answered nor rejected or is both, or a line that a library prints.
Excel files are read by one child process after the other as in the product, but a child that answers is asked again.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import limbeck
from benchmarks import damaged_tables
from limbeck.bundle.classifier import Classifier
from limbeck.data.tables import excel_file as excelfile
from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.process.confined import Confined
from limbeck.recipe import Recipe, load_recipe, parse_recipe

COMMAND = "make bench ONLY=reliability_fuzz_tables"
MAKERS: dict[str, Callable[[random.Random, Path], tuple[Path, int | None]]] = {
    "CSV": damaged_tables.csv_file,
    "JSON Lines": damaged_tables.jsonl_file,
    "Parquet": damaged_tables.parquet_file,
    "Excel": damaged_tables.excel_file,
}


def measure(data: Path, *, quick: bool) -> list[Any]:
    """Return for each kind the number of defects."""
    from benchmarks.figures import Figure

    del data
    figures = []
    count = 30 if quick else 2000
    with tempfile.TemporaryDirectory(prefix="limbeck-fuzz-") as home, Classifier(_bundle(Path(home))) as classifier:
        for kind in (*MAKERS, "recipes"):
            found = fuzzed(kind, count, Path(home) / "work", classifier)
            print(kind, dict(found.counts), f"{found.seconds:.0f} s, slowest {found.slowest:.1f} s", flush=True)
            for line in found.defects[:20]:
                print("  ", line, flush=True)
            note = (
                f"{count:,} of them; {found.counts['answered']:,} answered, {found.counts['refused']:,} refused in a line; "
                f"{found.counts['rows']:,} rows answered, {found.counts['rejected']:,} rejected with a reason"
            )
            if kind == "Excel":
                note += f"; {found.counts['children']:,} child processes, as one is asked again while it answers"
            name = f"damaged {kind}: defects (exit 1, rows lost or doubled, lines of libraries)"
            figures.append(Figure("reliability", name, len(found.defects), "", "lower", COMMAND, floor=0, note=note))
    return figures


class Found:
    """What a kind of file came to."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.defects: list[str] = []
        self.seconds = self.slowest = 0.0


def fuzzed(kind: str, count: int, folder: Path, classifier: Classifier) -> Found:
    """Try so many files of a kind; the same ones in every run."""
    found, started = Found(), time.monotonic()
    folder.mkdir(exist_ok=True)
    rows = folder / "rows.csv"
    rows.write_text("text,label,domain,score\n" + "".join(f"第{k}条,{k % 2},fruit,0.5\n" for k in range(20)), "utf-8")
    with quiet(found, kind), one_child(found), warnings.catch_warnings():
        warnings.simplefilter("error")
        for seed in range(count):
            began = time.monotonic()
            for old in folder.glob("[!r]*"):
                old.unlink()
            name = f"{kind} {seed}"
            rng = random.Random(f"{kind} {seed}")
            if kind == "recipes":
                path = damaged_tables.recipe_file(rng, folder)
                attempt(found, name, lambda path=path: _read_recipe(path, folder))
            else:
                path, known = MAKERS[kind](rng, folder)
                for recipe in (RECIPE, LABELLED):
                    attempt(found, f"{name} prepare", lambda p=path, r=recipe: _prepared(r, p), count=False)
                attempt(found, name, lambda p=path, k=known: _predicted(found, classifier, p, k))
            found.slowest = max(found.slowest, time.monotonic() - began)
    found.seconds = time.monotonic() - started
    return found


def attempt(found: Found, name: str, work: Callable[[], str | None], *, count: bool = True) -> None:
    try:
        problem = work()
        found.counts["answered"] += count
        if problem:
            found.defects.append(f"{name}: {problem}")
    except LimbeckError as error:
        found.counts["refused"] += count
        if "\n" in str(error) or len(str(error)) > 3000:
            found.defects.append(f"{name}: not one short line: {str(error)[:300]!r}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "limbeck" in frame.filename][-1]
        place = f"{Path(own.filename).name}:{own.lineno} > {Path(where.filename).name}:{where.lineno}"
        found.defects.append(f"{name}: {type(error).__name__}: {str(error)[:200]} ({place})")


def _predicted(found: Found, classifier: Classifier, path: Path, known: int | None) -> str | None:
    out = path.with_name("answers.csv")
    done = limbeck.predict(classifier, path, out, columns=["row", "input.text", "class"], quiet=True)
    answered = [int(row[0]) for row in cells(out)]
    rejected = [int(row[1]) for row in cells(done.rejects)] if done.rejects else []
    found.counts["rows"] += len(answered)
    found.counts["rejected"] += len(rejected)
    if (len(answered), len(rejected)) != (done.rows, done.rejected):
        return f"{len(answered)} + {len(rejected)} rows are written, {done.rows} + {done.rejected} are said"
    if sorted(answered + rejected) != list(range(1, len(answered) + len(rejected) + 1)):
        return "a row is missing or stands twice"
    if known is not None and known != len(answered) + len(rejected):
        return f"{len(answered) + len(rejected)} rows of {known}"
    return None


def cells(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(1 << 30)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        next(reader)
        yield from reader


def _prepared(recipe: Recipe, path: Path) -> None:
    task = recipe.model_copy(update={"data": recipe.data.model_copy(update={"train": path.name})})
    prepare(task, path.parent, refuse=lambda refusal: None)


def _read_recipe(path: Path, folder: Path) -> None:
    prepare(load_recipe(path), folder, recipe_folder=folder)


def _recipe(**task: Any) -> Recipe:
    return parse_recipe({"task": {"kind": "text", **task}, "data": {"train": "x"}, "student": {"network": "ngram"},
                         "input": {"encoder": "ngrams", "buckets": 4096}})  # fmt: skip


RECIPE, LABELLED = _recipe(), _recipe(classes={"0": "bad", "1": "good"})


def _bundle(home: Path) -> Path:
    rows = "".join(f"第{k}条评论讲的是{k * k * 97}这件事{'很好' if k % 2 else '太差'},{k % 2}\n" for k in range(200))
    (home / "rows.csv").write_text("text,label\n" + rows, "utf-8")
    raw = LABELLED.model_dump(mode="json", exclude_none=True)
    raw |= {"data": {"train": "rows.csv"}, "training": {"epochs": 1, "threads": 1, "device": "cpu"},
            "evaluation": {"bootstrap": 5, "baseline": False}, "export": {"int8": "never"}}  # fmt: skip
    return limbeck.train(parse_recipe(raw), data=home, out=home / "bundle").bundle


@contextmanager
def quiet(found: Found, kind: str) -> Iterator[None]:
    """Catch what is written to standard error, by native code too: every line of it is a defect."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            lines = caught.read().decode("utf-8", "replace").splitlines()
            found.defects += [f"{kind}: printed: {line[:200]}" for line in lines if line.strip()]


@contextmanager
def one_child(found: Found) -> Iterator[None]:
    """Let a child process that has answered read the next workbook too: starting one takes longer than reading."""
    child: list[Confined] = []
    ask_once = excelfile.ask_once

    def ask(module: str, asked: Any, *, limits: Any, where: object, doing: str) -> Any:
        if not (child and child[0].alive):
            while child:
                child.pop().close()
            child.append(Confined(module, limits, where=where, doing=doing))
            found.counts["children"] += 1
        return child[0].ask(asked)

    excelfile.ask_once = ask  # type: ignore[assignment]
    try:
        yield
    finally:
        excelfile.ask_once = ask_once
        for one in child:
            one.close()
