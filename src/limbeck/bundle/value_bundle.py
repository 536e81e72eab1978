"""An open bundle that takes raw values: texts, pictures, rows of a table or windows of a signal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.answer import readable, spread
from limbeck.bundle.engine import Answer, Probabilities
from limbeck.bundle.open_bundle import WINDOW, OpenBundle
from limbeck.errors import LimbeckError
from limbeck.events import check
from limbeck.kinds.select import Rows, Unreadable, Values, checked_values

_UNREADABLE = ("raise", "nan")
ONE_LABEL = ("label", "class", "probability")  # columns of an answer with one class


class ValueBundle(OpenBundle, ABC):
    """A verified bundle with a probability for each class; subclasses say what is decided by them."""

    @property
    def usual(self) -> tuple[str, ...]:
        """Columns of an answer that are written unless someone asks otherwise."""
        return ONE_LABEL

    @property
    def told(self) -> tuple[str, ...]:
        """Columns of an answer: the usual ones, and ``p:CLASS`` for each class."""
        return tuple(dict.fromkeys((*self.usual, *(f"p:{name}" for name in self.classes))))

    def each(self, probabilities: Probabilities) -> dict[str, NDArray[Any]]:
        """Return the columns ``p:CLASS`` of answers float32 [N, C]."""
        return {f"p:{name}": probabilities[:, at] for at, name in enumerate(self.classes)}

    @abstractmethod
    def columns_of(self, probabilities: Probabilities) -> dict[str, NDArray[Any]]:
        """Return the columns of N answers float32 [N, C] by name, each [N]; see `told`."""

    def set_thresholds(self, coverage: float) -> NDArray[np.float64]:
        """Refuse prediction sets, which only classifiers with one label a row have."""
        fix = "leave it out; the labels of a row are a set already"
        raise LimbeckError("prediction sets are of bundles with one label a row", where=self.path, fix=fix)

    def sets_of(self, probabilities: Probabilities, coverage: float = 0.9) -> list[tuple[str, ...]]:
        """Return the prediction sets of probabilities float32 [N, C]; see `set_thresholds`."""
        self.set_thresholds(coverage)
        return []

    def predict_proba(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> Probabilities:
        """Return class probabilities float32 [N, C] of N raw values, calibrated on valid.

        Values are texts; or pictures: paths, Pillow images or uint8 arrays [H, W, 3]; or rows of a table: a list of
        dictionaries, or an array or list of rows with its columns in the order of ``task.input``; or windows of a
        signal, see `limbeck.kinds.signal.encode.signal_rows`. Of a polars or pandas frame ``task.input`` is read.

        Parameters
        ----------
        unreadable
            What becomes of a value that holds nothing to answer (an empty or missing text, a picture that cannot be
            read), which `limbeck predict` rejects: ``"raise"`` an error that names the first, or ``"nan"``: its row is
            NaN, and `predict` names no class for it.

        Raises
        ------
        LimbeckError
            When the values are not what the task reads, or one holds nothing to answer.
        """
        check_unreadable(unreadable, "predict_proba")
        return self.answered(self.checked(values), raising=unreadable == "raise")[0]

    def features(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> NDArray[np.float32]:
        """Return a vector float32 [N, D] for each of N raw values: rows that are alike have vectors that are near.

        They serve to choose diverse rows, to watch drift and to find near copies. They depend on the values and on how
        the bundle reads them, not on its model: the same on every machine but for the last bits. D is the same for all
        rows of a bundle; what the numbers are is told by `limbeck.kinds.text.vectors` and its like for other kinds.

        Parameters
        ----------
        unreadable
            As in `predict_proba`.

        Raises
        ------
        LimbeckError
            As `predict_proba`.
        """
        check_unreadable(unreadable, "features")
        rows, find = self.checked(values), self.kind.load("vectors").vectors
        parts: list[NDArray[np.float32]] = []
        for at in range(0, max(len(rows), 1), WINDOW):
            found, bad = find(self.encoder, rows[at : at + WINDOW])
            if bad and unreadable == "raise":
                raise unanswerable(at, bad) from bad[min(bad)]
            found[sorted(bad)] = np.nan
            parts.append(found)
        return np.concatenate(parts)

    def checked(self, values: Any) -> Values:
        """Return values given from Python as what the encoder reads, all of one shape.

        Raises
        ------
        LimbeckError
            When the values are not what the task reads.
        """
        return self.encoder.completed(checked_values(values, self.manifest.task))

    def answered_each(self, values: Any) -> tuple[Probabilities, Unreadable]:
        """Return probabilities float32 [N, C] of N raw values, NaN for those that have none, and why.

        A value that cannot be read, or holds nothing to answer, costs no other its answer.

        Raises
        ------
        LimbeckError
            When the values are no rows at all, or the model cannot be run.
        """
        rows, places, bad, count = readable(values, self.checked)
        answered, empty = self.answered(rows, raising=False)
        return spread(answered, places, count), bad | {int(places[at]): error for at, error in empty.items()}

    def answered(self, rows: Values, *, raising: bool) -> tuple[Probabilities, Unreadable]:
        """Return probabilities float32 [N, C] of `checked` values, NaN where nothing can be answered, and why.

        Raises
        ------
        LimbeckError
            When the model cannot be run; with ``raising`` also for the first value that has no answer.
        """
        gone: Unreadable = {}
        starts = range(0, len(rows), self.window)
        # Windows are encoded while the one before is being answered.
        alone = len(starts) == 1
        out = self._joined([self.submit(self._readable(rows, at, raising, gone), alone=alone) for at in starts])
        out[sorted(gone)] = np.nan
        return out, gone

    def probabilities_of(self, rows: Values) -> Probabilities:
        """Return class probabilities float32 [N, C] of rows that `values_of` read for a judgement, empty texts too."""
        rows, window = self._with_record(rows), self.window
        pending = []
        for at in range(0, len(rows), window):
            check()
            pending.append(self.submit(self.encode(rows[at : at + window])))
        return self._joined(pending)

    def _readable(self, rows: Values, at: int, raising: bool, gone: Unreadable) -> Rows:
        """Encode the window that begins at ``at``; note the places that have no answer, or raise for the first."""
        encoded, bad = self.encode_each(rows[at : at + self.window])
        if bad and raising:
            raise unanswerable(at, bad) from bad[min(bad)]
        gone.update((at + place, error) for place, error in bad.items())
        return encoded

    def _with_record(self, rows: Values) -> Values:
        return self.encoder.completed(rows)

    def _joined(self, answers: list[Answer]) -> Probabilities:
        if len(answers) == 1:
            return answers[0].result()
        return np.concatenate([answer.result() for answer in answers] or [self._empty()])


def check_unreadable(given: str, where: str) -> None:
    """Raise where ``unreadable`` is neither "raise" nor "nan"."""
    if given not in _UNREADABLE:
        raise LimbeckError(f"unreadable is 'raise' or 'nan', not {given!r}", where=where)


def unanswerable(start: int, bad: Unreadable) -> LimbeckError:
    """Return the error of the first value that cannot be answered, of those from ``start`` on."""
    fix = "leave it out, or give unreadable='nan' for NaN in its place"
    return LimbeckError(str(bad[min(bad)]), where=f"value {start + min(bad)}", fix=fix)
