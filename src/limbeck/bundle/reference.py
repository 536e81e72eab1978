"""``reference.json``: what the rows looked like that a bundle learned from, to hold later rows against.

Figures of many rows only: histograms, shares, quantiles, means. No row, no word and no file name is in it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limbeck.errors import LimbeckError
from limbeck.files import read_regular
from limbeck.kinds import kind_of
from limbeck.kinds.select import values_of
from limbeck.recipe import Task

FILE = "reference.json"
LARGEST = 20_000  # bytes
FEW = 10  # rows below which quantiles and means would tell of single rows
LOOKED = 2000  # rows at most whose sizes and features count
BINS = 20
LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_DIGITS = 4


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(ge=0)


class Scores(_Part):
    """Of rows of ``valid``: for each class how many probabilities fall into 20 bins from 0 to 1; shares of answers."""

    counts: dict[str, list[int]]
    shares: dict[str, float]


class Labels(_Part):
    """The share of each class among the labelled rows of ``train`` and ``valid``."""

    shares: dict[str, float]


class Sizes(_Part):
    """Quantiles of how large a row is, in ``unit``, at `LEVELS`."""

    unit: str
    quantiles: list[float]


class Features(_Part):
    """Mean and standard deviation of `Classifier.features`, float [D]."""

    mean: list[float]
    deviation: list[float]


class Reference(BaseModel):
    """The content of ``reference.json``; a part that too few rows, or rows too wide, would make is None."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scores: Scores | None = None
    labels: Labels | None = None
    sizes: Sizes | None = None
    features: Features | None = None


def reference_of(
    classes: Sequence[str], p: NDArray[np.float32], decided: NDArray[np.int64], labels: NDArray[np.int64],
    sizes: tuple[str, NDArray[np.float64]], vectors: NDArray[np.float32] | None,
) -> Reference:  # fmt: skip
    """Return the reference of rows, no larger than `LARGEST`.

    Parameters
    ----------
    p, decided
        Probabilities float32 [V, C] of rows of valid, and the classes that were decided for, int64 [V].
    labels
        int64 [N] of the rows that were learned from, -1 where there is none.
    sizes
        The unit, and how large M rows are.
    vectors
        float32 [M, D], NaN where a row has none; None to leave them out.
    """
    known = labels[labels >= 0]
    unit, many = sizes[0], sizes[1][np.isfinite(sizes[1])]
    good = None if vectors is None else vectors[np.isfinite(vectors).all(axis=1)]
    parts: dict[str, Any] = {
        "scores": _scores(classes, p, decided) if len(p) >= FEW else None,
        "labels": Labels(rows=len(known), shares=_shares(classes, known)) if len(known) >= FEW else None,
        "sizes": None,
        "features": None,
    }
    if len(many) >= FEW:
        parts["sizes"] = Sizes(rows=len(many), unit=unit, quantiles=_short(np.quantile(many, LEVELS)))
    if good is not None and len(good) >= FEW:
        mean, deviation = (_short(values) for values in (good.mean(axis=0), good.std(axis=0)))
        parts["features"] = Features(rows=len(good), mean=mean, deviation=deviation)
    # Wide rows, or hundreds of classes: what is largest goes first.
    for name in (None, "features", "scores", "labels"):
        if name is not None:
            parts[name] = None
        if len(to_json(found := Reference(**parts))) <= LARGEST:
            break
    return found


def to_json(reference: Reference) -> bytes:
    """Return the content of the file."""
    return json.dumps(reference.model_dump(), ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def read_reference(folder: Path) -> Reference | None:
    """Read the reference of a bundle; None of one of format 1, and of one that has none.

    Raises
    ------
    LimbeckError
        When it is damaged.
    """
    file = folder / FILE
    if not file.exists():
        return None
    try:
        return Reference.model_validate_json(read_regular(file, LARGEST, inside=folder))
    except OSError as error:
        raise LimbeckError(f"cannot be read ({error.strerror})", where=file, fix="check the path") from error
    except ValidationError as error:
        raise LimbeckError("damaged: not a reference", where=file, fix="export the bundle anew") from error


def sizes_of(frame: pl.DataFrame, task: Task) -> tuple[str, NDArray[np.float64]]:
    """Return the unit of how large rows of the task are, and the sizes float64 [N], NaN where one is not known."""
    kind = kind_of(task)
    if kind.sizes is None:
        return "rows", np.full(frame.height, np.nan)
    unit, found = kind.sizes(values_of(frame, task))
    return str(unit), np.asarray(found, dtype=np.float64)


def looked_at(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return at most `LOOKED` of some rows, evenly spread."""
    if len(rows) <= LOOKED:
        return rows
    return rows[np.linspace(0, len(rows) - 1, LOOKED).astype(np.int64)]


def _scores(classes: Sequence[str], p: NDArray[np.float32], decided: NDArray[np.int64]) -> Scores:
    edges = np.linspace(0.0, 1.0, BINS + 1)
    counts = {name: np.histogram(p[:, at], edges)[0].tolist() for at, name in enumerate(classes)}
    return Scores(rows=len(p), counts=counts, shares=_shares(classes, decided))


def _shares(classes: Sequence[str], found: NDArray[np.int64]) -> dict[str, float]:
    counts = np.bincount(found[found >= 0], minlength=len(classes)) / max(len(found), 1)
    return dict(zip(classes, _short(counts), strict=True))


def _short(values: NDArray[Any]) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values.tolist()]
