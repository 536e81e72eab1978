"""A loaded bundle that gives a row several labels: raw values in, a probability for each label out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.engine import Probabilities, as_independent
from limbeck.bundle.value_bundle import ValueBundle
from limbeck.data.label_sets import joined
from limbeck.errors import LimbeckError


class MultiLabelClassifier(ValueBundle):
    """A verified bundle of the task ``multilabel``, ready to answer; parameters as of `Classifier`.

    Probabilities are of each label by itself: a row of `predict_proba` sums to anything from 0 to L.
    """

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """Label -> the smallest probability that gives it."""
        several = self.manifest.multilabel
        assert several is not None  # `_check_fit` has looked
        return {name: several.thresholds[name] for name in self.classes}

    @property
    def usual(self) -> tuple[str, ...]:
        """Columns of an answer that are written unless someone asks otherwise: the labels, and each probability."""
        return ("label", *(f"p:{name}" for name in self.classes))

    def predict(
        self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise"
    ) -> list[tuple[str, ...] | None]:  # fmt: skip
        """Return the labels of each raw value, in the order of ``classes``; None where `predict_proba` gives NaN."""
        p = self.predict_proba(values, unreadable=unreadable)
        given, gone = self.decide(p), _gone(p)
        return [None if gone[at] else self.names_of(row) for at, row in enumerate(given)]

    def decide(self, probabilities: Probabilities) -> NDArray[np.bool_]:
        """Return which labels are given, bool [N, L], by the threshold of each; none in a row of NaN."""
        return np.asarray(probabilities >= np.array(list(self.thresholds.values()), dtype=np.float32))

    def names_of(self, given: NDArray[np.bool_]) -> tuple[str, ...]:
        """Return the labels of a row bool [L]."""
        return tuple(self.classes[at] for at in np.flatnonzero(given))

    def columns_of(self, probabilities: Probabilities) -> dict[str, NDArray[Any]]:
        """Return the columns of N answers float32 [N, L]: ``label``, joined as training rows wrote them, and each."""
        task, raw = self.manifest.task, self.manifest.labels
        given, gone = self.decide(probabilities), _gone(probabilities)
        cells = np.empty(len(given), dtype=object)
        for at, row in enumerate(given):
            cells[at] = None if gone[at] else joined([raw[name] for name in self.names_of(row)], task)
        return {"label": cells, **self.each(probabilities)}

    def _check_fit(self, file: Path, made: list[str]) -> None:
        if self.manifest.multilabel is None:
            fix = "copy the bundle again, or export it anew"
            raise LimbeckError("bundle.json does not say how labels are given", where=file, fix=fix)
        super()._check_fit(file, made)

    def _answer_of(self, answer: Any, rows: int, where: Path) -> NDArray[np.float32]:
        return as_independent(answer, rows, len(self.classes), where)

    def __repr__(self) -> str:
        return f"<MultiLabelClassifier {self.manifest.name!r}: {self.manifest.network}, labels {list(self.classes)}>"


def _gone(p: Probabilities) -> NDArray[np.bool_]:
    """Return which rows have no answer, bool [N]."""
    return np.asarray(np.isnan(p).any(axis=1))
