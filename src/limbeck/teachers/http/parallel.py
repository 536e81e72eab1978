"""Several requests at once; when some fail, however they fail, the answers of the others are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, first_line
from limbeck.teachers.base import AnswerError, Answers
from limbeck.teachers.label_map import LabelMap

Part = NDArray[np.int64]


def ask_all(
    parts: Sequence[Part], ask: Callable[[Part], Any], labels: LabelMap, *, rows: int, parallel: int, name: str
) -> Answers:
    """Return float32 [rows, C] in our classes of ``ask(part)`` for each part; rows in no part are NaN.

    After the first failure no further request is started.

    Raises
    ------
    AnswerError
        With the rows that were answered, naming the first one that was not.
    """
    out = np.full((rows, len(labels.theirs)), np.nan)
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
        except Exception as error:  # a reply that nobody has thought of costs no other answer
            odd = LimbeckError(f"its reply cannot be read: {type(error).__name__}: {first_line(error)}")
            odd.__cause__ = error
            failures.append(odd)
            missing[part] = True

    with ThreadPoolExecutor(max(1, min(parallel, len(parts)))) as pool:
        for asked in [pool.submit(copy_context().run, one, part) for part in parts]:
            asked.result()
    if not failures:
        return labels(out, name)
    done = ~missing
    try:
        answers = labels(out, name)
    except AnswerError as error:
        if error.answers is None or error.done is None:
            raise
        answers, done = error.answers, error.done & done
    what = str(failures[0]).removeprefix(f"teacher {name!r}: ")
    raise AnswerError(what, teacher=name, row=int(missing.argmax()), answers=answers, done=done) from failures[0]
