"""Limits of a bundle, measured: its size on disk, and the rows that one core answers in a second."""

from __future__ import annotations

import math
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.events import check, silent
from limbeck.kinds.select import values_of
from limbeck.messages.message import Message, message
from limbeck.recipe import Export, Recipe, override
from limbeck.recipe.amounts import size_text
from limbeck.training.export.bundle_parts import seen_rows
from limbeck.training.export.write_bundle import write_bundle
from limbeck.training.student import Student
from limbeck.training.warm_start import WEIGHTS

_ROWS, _RUNS, _LEAST = 500, 5, 0.05  # rows of a run, runs, and seconds of a run at least


@dataclass(frozen=True)
class SizeAndSpeed:
    """Of a bundle: ``size`` in bytes, and ``rate``, the rows that one core answers a second, 0 where not measured."""

    size: int
    rate: float = 0.0

    def too_large(self, limits: Export) -> bool:
        """Whether the bundle is larger than allowed."""
        return limits.max_size is not None and self.size > limits.max_size

    def too_slow(self, limits: Export) -> bool:
        """Whether the bundle is slower than allowed."""
        return limits.min_rows_per_second is not None and self.rate < limits.min_rows_per_second

    def excess(self, limits: Export) -> float:
        """Return by which factor the worse of the limits is exceeded; at most 1 where both hold."""
        large = self.size / limits.max_size if limits.max_size else 0.0
        slow = limits.min_rows_per_second / max(self.rate, 1e-9) if limits.min_rows_per_second else 0.0
        return max(large, slow)

    def over(self, limits: Export, name: str) -> list[Message]:
        """Return a line for each limit that the bundle called ``name`` does not hold."""
        lines = []
        if limits.max_size is not None and self.too_large(limits):
            size, most = size_text(self.size), size_text(limits.max_size)
            lines.append(message("limits.too_large", name=name, size=size, most=most))
        if limits.min_rows_per_second is not None and self.too_slow(limits):
            rate, least = int(self.rate), math.ceil(limits.min_rows_per_second)
            lines.append(message("limits.too_slow", name=name, rate=rate, least=least))
        return lines


class TooLargeError(LimbeckError):
    """A finished bundle, with its report, is larger than allowed."""

    def __init__(self, measured: SizeAndSpeed, limits: Export) -> None:
        super().__init__(
            measured.over(limits, "the bundle")[0], where="export.max_size", fix=message("limits.none_fix")
        )
        self.measured = measured


def size_of(folder: Path) -> int:
    """Return the bytes of all files of a bundle."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def refuse_too_large(recipe: Recipe, folder: Path) -> None:
    """Raise `TooLargeError` where a finished bundle does not hold the limit of its size."""
    measured = SizeAndSpeed(size_of(folder))
    if measured.too_large(recipe.export):
        raise TooLargeError(measured, recipe.export)


def smallest_form(recipe: Recipe, rows: Dataset, student: Student, report: int = 0) -> tuple[Recipe, SizeAndSpeed]:
    """Return the recipe with the keys of ``[export]`` that hold the limits for this student, and its size and speed.

    Where it is too large, the weights that a student may begin from are left out, then the int8 model: neither changes
    an answer of the single-precision model. Where nothing holds, the last form is returned. Of the report, which is not
    written yet, ``report`` bytes are counted. Whether int8 is kept depends on the clock, and is settled in the recipe.
    """
    while True:
        check()
        with silent(), tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            write_bundle(recipe, rows, student, folder, "measured")
            int8 = (folder / "model.int8.onnx").exists()
            rate = 0.0 if recipe.export.min_rows_per_second is None else rows_per_second(folder, recipe, rows)
            measured = SizeAndSpeed(size_of(folder) + report, rate)
            weights = (folder / WEIGHTS).stat().st_size if recipe.export.weights else 0
        recipe = override(recipe, {"export.int8": "keep" if int8 else "never"})
        if weights and measured.too_large(recipe.export):  # answers and speed do not depend on them
            recipe = override(recipe, {"export.weights": False})
            measured = replace(measured, size=measured.size - weights)
        if not (int8 and measured.too_large(recipe.export)):
            return recipe, measured
        recipe = override(recipe, {"export.int8": "never"})


def rows_per_second(folder: Path, recipe: Recipe, rows: Dataset) -> float:
    """Return how many rows a bundle answers in a second of one core, from raw values to probabilities.

    It is the median of several runs over rows of valid, and of train where these are few. Processor time
    counts, which other programs on the machine do not change.
    """
    learned = seen_rows(recipe, rows)
    chosen = np.concatenate([rows.part("valid"), learned[rows.split[learned] != "valid"]])[:_ROWS]
    values = values_of(rows.frame[chosen], recipe.task)
    taken: list[float] = []
    with Classifier(folder, threads=0) as classifier:
        classifier.probabilities_of(values)
        while len(taken) < _RUNS:
            check()
            began, times = time.process_time(), 0
            while times == 0 or time.process_time() - began < _LEAST:
                classifier.probabilities_of(values)
                times += 1
            taken.append((time.process_time() - began) / times)
    return len(chosen) / float(np.median(taken))
