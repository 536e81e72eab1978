"""Run a model in a child process with limits: open it, then answer batches; see `limbeck.process.confined`."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime  # noqa: F401 - before the limits begin: later no file can be opened

from limbeck.bundle.session import session_of
from limbeck.errors import LimbeckError, first_line
from limbeck.process.pipes import Arrays, Head

_open: dict[str, Any] = {}


def answer(head: Head, arrays: Arrays) -> tuple[Head, Arrays]:
    """Open the model of ``arrays`` and say what it takes and gives, or run it on a batch.

    A batch's texts come in the head, as [shape, list], and answers that are no numbers go back there.
    """
    if "model" in arrays:
        try:
            session = _open["session"] = session_of(arrays["model"].tobytes(), head["where"])
        except LimbeckError as error:
            raise _memory(error) from error
        told = [
            [[node.name, node.type, list(node.shape or [])] for node in nodes]
            for nodes in (session.get_inputs(), session.get_outputs())
        ]
        return {"inputs": told[0], "outputs": told[1]}, {}
    texts = {name: np.array(given, dtype=object).reshape(shape) for name, (shape, given) in head["texts"].items()}
    try:
        found = _open["session"].run(head["outputs"], {**arrays, **texts})
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise _memory(LimbeckError(f"onnxruntime: {first_line(error, 300)}")) from error
    made: Arrays = {}
    other: dict[str, Any] = {}
    for name, value in zip(head["outputs"], found, strict=True):
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            made[name] = value
        elif isinstance(value, np.ndarray):
            other[name] = ["texts", list(value.shape), [str(one) for one in value.reshape(-1)]]
        elif isinstance(value, list) and all(isinstance(row, dict) for row in value):
            other[name] = ["maps", [[[key, float(number)] for key, number in row.items()] for row in value]]
        else:
            raise LimbeckError(f"the output {name!r} holds a {type(value).__name__}, which is not read")
    return {"other": other}, made


def _memory(error: LimbeckError) -> Exception:
    """Return an error as one of memory, where onnxruntime got none."""
    return MemoryError() if any(words in error.what for words in ("bad_alloc", "allocate memory")) else error
