"""Several requests at once; when some fail, the answers of the others are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.teachers.base import AnswerError

Part = NDArray[np.int64]


def ask_all(
    parts: Sequence[Part], ask: Callable[[Part], Any], *, rows: int, classes: int, parallel: int, name: str
) -> NDArray[np.float64]:
    """Return float64 [rows, classes] of ``ask(part)`` for each part; rows in no part are NaN.

    After the first failure no further request is started.

    Raises
    ------
    AnswerError
        With the rows that were answered, naming the first one that was not.
    """
    out = np.full((rows, classes), np.nan)
    missing = np.zeros(rows, dtype=bool)
    failures: list[LimbeckError] = []

    def one(part: Part) -> None:
        if failures:
            missing[part] = True
            return
        try:
            out[part] = ask(part)
        except LimbeckError as error:
            failures.append(error)
            missing[part] = True

    with ThreadPoolExecutor(max(1, min(parallel, len(parts)))) as pool:
        list(pool.map(one, parts))
    if failures:
        raise _failed(failures[0], out, missing, name)
    return out


def _failed(error: LimbeckError, out: NDArray[np.float64], missing: NDArray[np.bool_], name: str) -> AnswerError:
    what = str(error).removeprefix(f"teacher {name!r}: ")
    done = ~missing
    row = int(missing.argmax())
    return AnswerError(what, teacher=name, row=row, answers=out.astype(np.float32), done=done)
