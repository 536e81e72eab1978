"""What a distillation hands to the student's training: which rows, and what the teachers say of them together."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset


@dataclass(frozen=True)
class Targets:
    """What the student learns from: rows of the data set and the answer float32 [n, C] for each.

    ``held`` rows and their answers choose the best epoch where no labelled row can. ``hidden`` are a teacher's features
    float32 [n, D] of the rows, standardised, NaN where it has none; None where no loss asks. ``others`` are rows of the
    teachers' scenarios that fill up a small target; their answers stand at the end of ``answers``.
    """

    rows: NDArray[np.int64]
    answers: NDArray[np.float32]
    held: NDArray[np.int64]
    held_answers: NDArray[np.float32]
    hidden: NDArray[np.float32] | None = None
    others: pl.DataFrame | None = None

    def frame(self, data: Dataset) -> pl.DataFrame:
        """Return the rows to learn from, in the order of ``answers``."""
        rows = data.frame[self.rows]
        return rows if self.others is None else pl.concat([rows, self.others], how="diagonal_relaxed")

    def to_bytes(self) -> bytes:
        """Return all of it as one string of bytes, for another process."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        memory, table = io.BytesIO(), io.BytesIO()
        if self.others is not None:
            self.others.write_ipc(table)
            named["others"] = np.frombuffer(table.getvalue(), dtype=np.uint8)
        np.savez(memory, **{name: value for name, value in named.items() if value is not None})
        return memory.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> Targets:
        """Return what `to_bytes` was given."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            named: dict[str, Any] = dict(stored)
        if "others" in named:
            named["others"] = pl.read_ipc(io.BytesIO(named["others"].tobytes()))
        return Targets(**named)


@dataclass(frozen=True)
class Distilled:
    """Targets for the student, the trust report as plain data, and what a replay on known scenarios found, if any."""

    targets: Targets
    trust: dict[str, Any]
    replayed: Any = None
