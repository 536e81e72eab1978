"""A loaded bundle: raw values in, probabilities out, on every core and in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.answer import Answers, margins, names_of
from limbeck.bundle.engine import Probabilities
from limbeck.bundle.value_bundle import ValueBundle, check_unreadable
from limbeck.errors import LimbeckError
from limbeck.kinds.explanation import Explanation
from limbeck.kinds.select import checked_values
from limbeck.metrics.fitted.conformal import USUAL, members
from limbeck.tasks import task_of

EXPLAINED = 64  # rows that are explained together


class Classifier(ValueBundle):
    """A verified bundle, ready to answer.

    Parameters
    ----------
    path
        The bundle's folder, or its name in the registry: "models:NAME", "models:NAME@VERSION".
    threads
        Batches answered at once; by default one for each core. With 0 there is no pool: rows are encoded, pictures
        decoded and batches answered in the calling thread, for programs with threads of their own. (polars reads tables
        and signals by its one pool for the whole process; POLARS_MAX_THREADS sets its size.)
    model
        Model file to use instead of the one that the bundle serves with, e.g. ``model.onnx``.

    Raises
    ------
    LimbeckError
        When the folder is no bundle, or is damaged, or unsafe.
    """

    def _check_fit(self, file: Path, made: list[str]) -> None:
        task_of(self.manifest.task).need_labels()
        super()._check_fit(file, made)

    def answer(self, values: Sequence[Any] | pl.DataFrame) -> Answers:
        """Return label, probabilities, margin, threshold and version of N raw values; see `Answers`.

        A value that cannot be read, or holds nothing to answer, has an error of its own and costs no other its answer.

        Raises
        ------
        LimbeckError
            When the values are no rows at all, as `predict_proba`, or the model cannot be run.
        """
        p, bad = self.answered_each(values)
        labels = names_of(self.classes, self.decide(p))
        margin = margins(p, self.manifest.positive, self.threshold)
        return Answers(self.classes, labels, p, margin, self.threshold, self.version, dict(sorted(bad.items())))

    def explain(
        self, values: Sequence[Any] | pl.DataFrame, *, top: int = 5, unreadable: str = "raise"
    ) -> list[Explanation | None]:
        """Return what drove the answer to each of N raw values: words, regions, stretches or columns, weighed.

        How the weights are found, and how often the model is asked for one row, is told by `limbeck.kinds.text.explain`
        and its like for other kinds.

        Parameters
        ----------
        top
            Parts of a row at most.
        unreadable
            As in `predict_proba`; with ``"nan"`` a row without an answer has None.

        Raises
        ------
        LimbeckError
            As `predict_proba`.
        """
        check_unreadable(unreadable, "explain")
        if top < 1:
            raise LimbeckError(f"top is 1 or more, not {top}", where="explain")
        rows, kind = self.checked(values), self.kind.load("explain")
        p, gone = self.answered(rows, raising=unreadable == "raise")
        decided = self.decide(p)
        good = np.setdiff1d(np.arange(len(rows)), sorted(gone))
        out: list[Explanation | None] = [None] * len(rows)
        for start in range(0, len(good), EXPLAINED):
            places = good[start : start + EXPLAINED]
            asked = rows[places] if isinstance(rows, pl.DataFrame) else [rows[at] for at in places.tolist()]
            for at, parts in zip(places.tolist(), kind.explained(self, asked, decided[places], top), strict=True):
                index = int(decided[at])
                out[at] = Explanation(self.classes[index], float(p[at, index]), parts)
        return out

    def predict(self, values: Sequence[Any] | pl.DataFrame, *, unreadable: str = "raise") -> list[str | None]:
        """Return the class name of each raw value, by the bundle's threshold; None where `predict_proba` gives NaN."""
        decided = self.decide(self.predict_proba(values, unreadable=unreadable))
        return [self.classes[index] if index >= 0 else None for index in decided.tolist()]

    def decide(self, probabilities: Probabilities) -> NDArray[np.int64]:
        """Return class indices int64 [N]: by threshold for two classes, else the most probable; -1 of a row of NaN."""
        if len(self.classes) > 2:
            decided: NDArray[np.int64] = probabilities.argmax(axis=1)
        else:
            positive = self.manifest.positive
            above = probabilities[:, positive] >= self.threshold
            decided = np.array([1 - positive, positive], dtype=np.int64)[above.astype(np.int64)]
        decided[np.isnan(probabilities).any(axis=1)] = -1
        return decided

    def columns_of(self, probabilities: Probabilities) -> dict[str, NDArray[Any]]:
        """Return the columns of N answers float32 [N, C] by name, each [N]; see `ValueBundle.told`."""
        decided = self.decide(probabilities)
        classes = np.array([*self.classes, None], dtype=object)  # -1, a row without an answer, is the last
        labels = np.array([*(self.manifest.labels[name] for name in self.classes), None], dtype=object)
        best = probabilities[np.arange(len(decided)), decided]
        return {"label": labels[decided], "class": classes[decided], "probability": best, **self.each(probabilities)}

    def predict_sets(
        self, values: Sequence[Any] | pl.DataFrame, *, coverage: float = USUAL, unreadable: str = "raise"
    ) -> list[tuple[str, ...] | None]:
        """Return for each raw value the classes that it may have, the most probable first; None as in `predict`.

        Of new rows of each class at least a share ``coverage`` have theirs in the set, as far as they are like the
        rows that the bundle was calibrated on; see `limbeck.metrics.fitted.conformal`. A set may be empty: no
        class fits.

        Raises
        ------
        LimbeckError
            As `predict_proba`; for a coverage that is not between 0 and the largest of the bundle's levels; and for a
            bundle without thresholds: one made before 0.2, or with too few rows, or recalibrated without labels.
        """
        self.set_thresholds(coverage)
        p = self.predict_proba(values, unreadable=unreadable)
        gone = np.isnan(p.sum(axis=1))
        return [None if gone[at] else names for at, names in enumerate(self.sets_of(p, coverage))]

    def set_thresholds(self, coverage: float) -> NDArray[np.float64]:
        """Return the threshold of each class for a coverage, float [C]; see `predict_sets`."""
        sets = self.manifest.sets
        if sets is None:
            fix = "train it again, or recalibrate it with 40 labelled rows or more"
            raise LimbeckError("this bundle holds no thresholds of prediction sets", where=self.path, fix=fix)
        if not 0 < coverage <= sets.levels[-1]:
            fix = f"give a share above 0, at most {sets.levels[-1]:g}"
            raise LimbeckError(f"there are no prediction sets of coverage {coverage:g}", where=self.path, fix=fix)
        return np.array(sets.at(coverage, self.classes))

    def sets_of(self, probabilities: Probabilities, coverage: float = USUAL) -> list[tuple[str, ...]]:
        """Return the sets of probabilities float32 [N, C]; empty for a row of NaN."""
        cuts, sets = self.set_thresholds(coverage), self.manifest.sets
        assert sets is not None
        inside = members(probabilities, cuts, sets.score)
        order = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            tuple(self.classes[k] for k in row.tolist() if inside[at, k]) for at, row in enumerate(order)
        ]  # fmt: skip

    def maps(self, values: Sequence[Any] | pl.DataFrame) -> NDArray[np.float32]:
        """Return of N pictures the maps of where they are strange, float32 [N, h, w] on a quarter of the input's grid.

        0 is what is usual, 1 what few normal pictures of valid reach anywhere.

        Raises
        ------
        LimbeckError
            As `predict_proba`; and when the bundle is no detector of pictures.
        """
        if not self.mapped:
            fix = "train one with task.kind = 'anomaly-image'"
            raise LimbeckError("this bundle gives no maps", where=self.path, fix=fix)
        rows = checked_values(values, self.manifest.task)
        found = [self.maps_of(self.encode(rows[at : at + self.window])) for at in range(0, len(rows), self.window)]
        return np.concatenate(found) if found else np.empty((0, 0, 0), dtype=np.float32)

    def __repr__(self) -> str:
        return f"<Classifier {self.manifest.name!r}: {self.manifest.network}, classes {list(self.classes)}>"
