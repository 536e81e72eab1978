"""What a model answered, checked: what a broken or hostile model gives must not pass for probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError

_TOLERANCE = 1e-3  # of a row's sum; int8 and half precision stay far below
_AGAIN = "copy the bundle again, or export it anew"


def probabilities(answer: Any, rows: int, classes: int, where: Path) -> NDArray[np.float32]:
    """Return a model's answer as float32 [N, C] when it is one.

    Raises
    ------
    LimbeckError
        When it has another shape or type, or a row holds a number that is no probability, or does not sum to one.
    """
    found = _numbers(answer, where)
    if found.shape != (rows, classes):
        what = f"the model answers {rows} rows of {classes} classes with the shape {list(found.shape)}"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    if rows:
        with np.errstate(invalid="ignore", over="ignore"):
            sums = found.sum(axis=1)
            # So written that NaN fails: it compares with nothing.
            good = bool((found >= -_TOLERANCE).all() and (abs(sums - 1.0) <= _TOLERANCE).all())
        if not good:
            with np.errstate(invalid="ignore", over="ignore"):
                fine = (found >= -_TOLERANCE).all(axis=1) & (abs(sums - 1.0) <= _TOLERANCE)
            shown = ", ".join(f"{value:.4g}" for value in found[int(fine.argmin())][:8])
            what = f"the model answers a row with ({shown}), which are no probabilities"
            raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def independent(answer: Any, rows: int, labels: int, where: Path) -> NDArray[np.float32]:
    """Return a model's answer as float32 [N, L], a probability for each label by itself, when it is one.

    Raises
    ------
    LimbeckError
        When it has another shape or type, or holds a number that is no probability.
    """
    found = _numbers(answer, where)
    with np.errstate(invalid="ignore"):
        good = found.shape == (rows, labels) and bool(((found >= 0) & (found <= 1)).all())
    if not good:
        what = f"the model answers {rows} rows of {labels} labels with what are no probabilities for them"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def maps(answer: Any, rows: int, where: Path) -> NDArray[np.float32]:
    """Return a model's maps as float32 [N, h, w] when it gives one for each row.

    Raises
    ------
    LimbeckError
        When it does not, or they hold a number that is not finite.
    """
    found = _numbers(answer, where)
    if found.ndim != 3 or len(found) != rows or not np.isfinite(found).all():
        what = f"the model gives maps of the shape {list(found.shape)} for {rows} rows, or some that are not finite"
        raise LimbeckError(what, where=where, fix=_AGAIN)
    return found


def _numbers(answer: Any, where: Path) -> NDArray[np.float32]:
    if not isinstance(answer, np.ndarray) or answer.dtype != np.float32:
        kind = f"numbers of type {answer.dtype}" if isinstance(answer, np.ndarray) else f"a {type(answer).__name__}"
        raise LimbeckError(f"the model answers with {kind} instead of float32", where=where, fix=_AGAIN)
    return answer
