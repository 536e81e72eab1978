"""Answers to rows from memory, with what a program needs to act on them: margin, threshold, version, errors by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.select import Unreadable, Values

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Answers:
    """What a classifier says of N rows.

    Attributes
    ----------
    classes
        C class names, in the order of the probabilities' columns.
    labels
        The class name of each row by the bundle's threshold; None for a row without an answer.
    probabilities
        float32 [N, C], calibrated on valid; NaN for a row without an answer.
    margin
        float32 [N], how far the answer is from another one: with two classes |positive probability - threshold|, else
        the largest probability minus the second; NaN for a row without an answer.
    threshold
        Smallest positive probability that makes a row of two classes positive.
    version
        `Classifier.version` of the model.
    errors
        Place of a row without an answer -> why.
    """

    classes: tuple[str, ...]
    labels: tuple[str | None, ...]
    probabilities: Floats
    margin: Floats
    threshold: float
    version: str
    errors: dict[int, LimbeckError]

    def __len__(self) -> int:
        return len(self.labels)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dictionary a row, of numbers and texts only, as a server sends it.

        Its keys are ``label``, ``probability`` (of the label), ``probabilities`` (by class), ``margin``, ``threshold``,
        ``version`` and ``error``. Of a row without an answer the first four are None; of any other the last is.
        """
        common = {"threshold": self.threshold, "version": self.version}
        out = []
        for at, (label, row) in enumerate(zip(self.labels, self.probabilities.tolist(), strict=True)):
            named = dict(zip(self.classes, row, strict=True))
            told: dict[str, Any] = {"label": None, "probability": None, "probabilities": None, "margin": None}
            if label is not None:
                margin = float(self.margin[at])
                told = {"label": label, "probability": named[label], "probabilities": named, "margin": margin}
            error = self.errors.get(at)
            out.append({**told, **common, "error": None if error is None else str(error)})
        return out


def readable(values: Any, check: Callable[[Any], Values]) -> tuple[Values, NDArray[np.int64], Unreadable, int]:
    """Return those of N values that can be read, their places int64 [M], the errors of the others by place, and N.

    Values that can be read together are; otherwise each is tried alone, so that one costs no other its answer.

    Parameters
    ----------
    check
        Returns values as what the bundle reads, or raises.

    Raises
    ------
    LimbeckError
        When the values are no rows at all, or cannot be told apart.
    """
    try:
        rows = check(values)
        return rows, np.arange(len(rows)), {}, len(rows)
    except LimbeckError:
        if not isinstance(values, list | tuple | np.ndarray | pl.DataFrame):
            raise
    bad: Unreadable = {}
    for at in range(len(values)):
        try:
            check(values[at : at + 1])
        except LimbeckError as error:
            bad[at] = LimbeckError(error.what, fix=error.fix)  # its place is the key, not "value 0"
    good = np.array([at for at in range(len(values)) if at not in bad], dtype=np.int64)
    return check(_taken(values, good)), good, bad, len(values)


def _taken(values: Any, places: NDArray[np.int64]) -> Any:
    if isinstance(values, np.ndarray | pl.DataFrame):
        return values[places]
    return [values[at] for at in places.tolist()]


def margins(probabilities: Floats, positive: int, threshold: float) -> Floats:
    """Return float32 [N] of probabilities [N, C]; see `Answers`."""
    if probabilities.shape[1] == 2:
        return np.asarray(np.abs(probabilities[:, positive] - np.float32(threshold)), dtype=np.float32)
    two = np.sort(probabilities, axis=1)[:, -2:]  # NaN is sorted last, and stays NaN
    return np.asarray(two[:, 1] - two[:, 0], dtype=np.float32)


def spread(answered: Floats, places: NDArray[np.int64], rows: int) -> Floats:
    """Return answers float32 [M, C] to rows at int64 [M] as float32 [N, C], NaN for the rest."""
    out = np.full((rows, answered.shape[1]), np.nan, dtype=np.float32)
    out[places] = answered
    return out


def names_of(classes: Sequence[str], decided: NDArray[np.int64]) -> tuple[str | None, ...]:
    """Return class names of class indices int64 [N], None for -1."""
    return tuple(classes[index] if index >= 0 else None for index in decided.tolist())
