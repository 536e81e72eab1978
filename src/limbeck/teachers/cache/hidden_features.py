"""Hidden features of the teachers that can give them, kept like their answers and under the same keys.

Features know no bounds, and a transformer has a few dimensions hundreds of times larger than the rest, which half
precision may not hold. So each row is divided by a power of two that brings its largest number under one, and the
exponent is kept beside it: nothing is clipped, and every number keeps 11 bits, or an error under 1e-7 of the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.teachers.base import AnswerError, Features, Teacher
from limbeck.teachers.cache import cache_folder, recall
from limbeck.teachers.cache.store import Halves, Store

_VERSION = 1  # part of the file's name; raise it when the same teacher would give other features


def gives_features(teacher: Any) -> bool:
    """Return whether a teacher shows more than its answers."""
    return bool(getattr(teacher, "width", 0))


def guide_of(teachers: Sequence[Teacher], name: str | None) -> Teacher:
    """Return the teacher of that name, or the only one that gives features when None.

    Raises
    ------
    LimbeckError
        When there is none, when it gives no features, or when there are several to choose from.
    """
    names = [teacher.name for teacher in teachers]
    able = [teacher for teacher in teachers if gives_features(teacher)]
    fix = "use a huggingface: teacher, or a column: teacher with options.features"
    if name is not None and name not in names:
        raise LimbeckError(f"objective.hidden: no teacher is named {name!r}", fix=did_you_mean(name, names))
    if name is not None:
        able = [teacher for teacher in able if teacher.name == name]
    if not able:
        who = "no teacher gives features" if name is None else f"the teacher {name!r} gives no features"
        raise LimbeckError(f"{who}, which the loss 'distil-hidden' learns", where="recipe", fix=fix)
    if len(able) > 1:
        what = f"{len(able)} teachers give features: {', '.join(repr(teacher.name) for teacher in able)}"
        raise LimbeckError(what, where="recipe", fix="name one in objective.hidden")
    return able[0]


def features(
    teacher: Any, rows: pl.DataFrame, *, folder: Path | None = None, view: int = 0, quiet: bool = False
) -> Features:
    """Return a teacher's hidden features of N rows, float32 [N, D], asking only for what is not kept yet.

    Parameters
    ----------
    folder, view, quiet
        As for `limbeck.teachers.answers`.

    Returns
    -------
    float32 [N, D]
        The same from the cache as fresh; a row of NaN where the teacher has none.

    Raises
    ------
    LimbeckError
        When the teacher fails, or gives what is no feature.
    """
    name = f"{teacher.fingerprint}-features{_VERSION}"
    store = Store(folder or cache_folder(), name, teacher.width + 1)

    def ask(asked: pl.DataFrame) -> Features:
        return _checked(teacher.features(asked), teacher, asked.height)

    return _restored(recall(teacher, rows, store, ask, _halves, _sound, view=view, quiet=quiet))


def standardised(given: Features) -> Features:
    """Return features float32 [N, D] with mean 0 and deviation 1 in each dimension over the rows that have them.

    A dimension that is the same in every row becomes 0.
    """
    known = np.isfinite(given).all(axis=1)
    if not known.any():
        return given
    mean = given[known].mean(axis=0, dtype=np.float64)
    spread = given[known].std(axis=0, dtype=np.float64)
    flat = spread <= 1e-6 * np.maximum(np.abs(mean), 1e-6)  # of a constant only rounding is left
    return ((given - mean) / np.where(flat, np.inf, spread)).astype(np.float32)


def _checked(given: Any, teacher: Any, rows: int) -> Features:
    found = np.asarray(given)
    if found.shape != (rows, teacher.width):
        what = f"it gave features of the shape {found.shape} for {rows} rows of {teacher.width}"
        raise AnswerError(what, teacher=teacher.name)
    found = found.astype(np.float32)
    empty = np.isnan(found)
    bad = np.isinf(found).any(axis=1) | (empty.any(axis=1) & ~empty.all(axis=1))
    if bad.any():
        what = "its features hold a number that is not finite"
        raise AnswerError(what, teacher=teacher.name, row=int(bad.argmax()), answers=found, done=~bad)
    return found


def _halves(given: Features) -> Halves:
    """Return float16 [N, D + 1]: each row over a power of two, then the exponent."""
    exponent = np.frexp(np.nan_to_num(np.abs(given).max(axis=1, keepdims=True, initial=0)))[1]
    return np.concatenate([np.ldexp(given, -exponent), exponent], axis=1).astype(np.float16)


def _sound(kept: Halves) -> NDArray[np.bool_]:
    """Return bool [N]: which kept rows are features, or none."""
    empty = np.isnan(kept[:, :-1])
    return np.asarray(~np.isinf(kept).any(axis=1) & ~np.isnan(kept[:, -1]) & (empty.all(axis=1) | ~empty.any(axis=1)))


def _restored(kept: Halves) -> NDArray[np.float32]:
    exponent = kept[:, -1:].astype(np.int32)
    return np.ldexp(kept[:, :-1].astype(np.float32), exponent)
