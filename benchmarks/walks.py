"""How far a row travels: modules that a text passes in `predict`, and how often `train` decodes one picture.

A module passes a text on if, while `limbeck.predict` runs with an open classifier, one of its functions is given or
returns what belongs to the row: its text, a frame or an array with it, encoded rows, a batch, or its answer. Values are
looked into as far as lists, tuples, dictionaries and dataclasses go; threads are watched too. What is called with paths,
settings or counts only (opening, locks, the journal's state, progress) does not count. The row stands in a table that is
larger than the samples by which its encoding is found, and in none of these: finding it is part of opening.

Every decode of a picture is a call of `look` or `reduced` of `limbeck.kinds.image.reading.decode`. Of each file, those
of a whole `limbeck.train` are counted, with baseline, report and small pictures, and the most of any file is given.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

import limbeck
from benchmarks.figures import Figure

COMMAND = "make bench ONLY=walks"
HOME = str(Path(limbeck.__file__).parent)
DECODE, DECODERS = f"{HOME}/kinds/image/reading/decode.py", ("look", "reduced")
MARK = "quokka"  # a word that stands in the one row alone
_DEEP = 4


def measure(data: Path, *, quick: bool) -> list[Figure]:
    del data
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        passed = modules_passed(home / "texts")
        decoded = decodes(home / "pictures", count=24 if quick else 120)
    return [
        Figure("layout", "modules that a text passes in predict", len(passed), "modules", "lower", COMMAND, floor=16,
               note=", ".join(passed) + "."),
        Figure("layout", "decodes of one picture in train, with baseline and report", max(decoded.values()), "decodes",
               "lower", COMMAND, floor=3,
               note="looked at, checked for its size, encoded; up to some 9,700 pictures (256 MiB) the baseline needs no "
                    "decode of its own. Teachers and attacks decode again."),
    ]  # fmt: skip


def modules_passed(folder: Path) -> list[str]:
    """Return the names of the modules of limbeck that a text passes from its cell to its answer."""
    folder.mkdir()
    words = ("good", "bad")
    rows = [{"text": f"parcel {at} was {words[at % 2]} indeed", "label": words[at % 2]} for at in range(80)]
    pl.DataFrame(rows).write_csv(folder / "rows.csv")
    recipe = _recipe("text", {"train": "rows.csv"}, {"encoder": "ngrams"}, "ngram")
    done = limbeck.train(recipe, data=folder, out=folder / "bundle")
    # The samples are 9 stretches of 256 KiB: at the beginning, the end, and between.
    texts = ["a parcel of some weight " * 40] * 5_000
    texts[400] = f"a {MARK} parcel"
    pl.DataFrame({"id": range(len(texts)), "text": texts}).write_csv(folder / "new.csv")
    found: set[str] = set()
    warm = False

    def watch(frame: FrameType, event: str, value: Any) -> None:
        file = frame.f_code.co_filename
        if not warm or not file.startswith(HOME) or event not in ("call", "return"):
            return
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount + frame.f_code.co_kwonlyargcount]
        held = [value] if event == "return" else [frame.f_locals.get(name) for name in names]
        if any(_of_row(one) for one in held):
            found.add(file[len(HOME) + 1 :].removesuffix(".py").replace("/", "."))

    with _watched(watch), limbeck.load(done.bundle) as classifier:
        classifier.predict(["warm"])
        warm = True
        limbeck.predict(classifier, folder / "new.csv", folder / "out.csv", quiet=True)
    return sorted(found)


def _of_row(value: Any, depth: int = 0) -> bool:
    """Return whether a value holds the text, or a frame or an array, as all of these are of the one row."""
    if isinstance(value, str):
        return MARK in value
    if isinstance(value, bytes):
        return MARK.encode() in value
    if isinstance(value, pl.DataFrame | pl.Series):
        return len(value) > 0
    if isinstance(value, np.ndarray):
        return value.size > 0
    if depth == _DEEP:
        return False
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return any(_of_row(getattr(value, one.name, None), depth + 1) for one in dataclasses.fields(value))
    if isinstance(value, dict):
        return any(_of_row(one, depth + 1) for one in value.values())
    return isinstance(value, list | tuple) and any(_of_row(one, depth + 1) for one in value)


def decodes(folder: Path, *, count: int) -> Counter[str]:
    """Return how often a training decodes each of ``count`` pictures."""
    random = np.random.default_rng(0)
    for at in range(count):
        name = ("dark", "light")[at % 2]
        (folder / name).mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 128, (40, 40, 3)) + 100 * (at % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{at}.png")
    found: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename == DECODE and frame.f_code.co_name in DECODERS:
            source = frame.f_locals["picture"].source
            found.update([str(source)] if isinstance(source, str | Path) else [])

    recipe = _recipe("image", {"train": "."}, {"size": 32}, "squeezenet")
    with _watched(watch):
        limbeck.train(recipe, data=folder, out=folder.with_name("pictures.bundle"))
    return found


def _recipe(kind: str, data: dict[str, Any], given: dict[str, Any], network: str) -> Any:
    from limbeck.recipe import parse_recipe

    return parse_recipe(
        {
            "task": {"kind": kind},
            "data": data,
            "input": given,
            "student": {"network": network},
            "training": {"epochs": 2, "batch_size": 16, "threads": 1, "device": "cpu"},
            "evaluation": {"bootstrap": 20, **({"pictures": True} if kind == "image" else {})},
            "export": {"int8": "never"},
        }
    )


@contextmanager
def _watched(watch: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    """Watch the calls of this thread and of those that are started, until the end."""
    before = sys.getprofile()
    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
