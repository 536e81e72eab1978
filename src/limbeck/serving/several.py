"""A loaded bundle that gives a row several labels."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.bundle.engine import Probabilities
from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.data.label_sets import joined
from limbeck.errors import LimbeckError
from limbeck.kinds.select import Unreadable
from limbeck.serving.loaded import LoadedRows
from limbeck.serving.oip.request import CLASSES, Offered
from limbeck.serving.waiting import Outcome


class LoadedLabels(LoadedRows):
    """A bundle of the task ``multilabel`` that answers; ``label`` is the cell of a row, labels joined."""

    offered = Offered(CLASSES.outputs[: CLASSES.usual], CLASSES.usual)
    classifier: MultiLabelClassifier

    def _opened(self, source: str) -> MultiLabelClassifier:
        return MultiLabelClassifier(source, threads=0)

    def facts(self) -> dict[str, Any]:
        """Return the thresholds of the labels."""
        return {"thresholds": self.classifier.thresholds}

    def told(self, answer: Outcome) -> list[Any]:
        """Return the labels of each row as one cell, "" without an answer."""
        task, given = self.classifier.manifest.task, self._given(answer, None)
        return [
            joined(self.classifier.names_of(row), task) if decided >= 0 else ""
            for row, decided in zip(given, answer.decided.tolist(), strict=True)
        ]

    def counted(self, answer: Outcome) -> Counter[str]:
        """Return how many rows have which label."""
        return Counter(name for row in self._given(answer, None) for name in self.classifier.names_of(row))

    def refusal(self, name: str, threshold: float | None, *, explain: bool) -> str | None:
        """Return what cannot be answered: explanations."""
        return f"explain: {name!r} gives several labels, which are not explained" if explain else None

    def rows(self, answer: Outcome, threshold: float | None, top: int | None) -> list[dict[str, Any]]:
        """Return the labels and probabilities of each row; with ``top`` the probabilities of the likeliest labels."""
        out = []
        for at, given in enumerate(self._given(answer, threshold)):
            if answer.decided[at] < 0:
                out.append(self.unread(answer.errors.get(at)))
                continue
            named = dict(zip(self.classifier.classes, answer.probabilities[at].tolist(), strict=True))
            if top is not None:
                named = dict(sorted(named.items(), key=lambda pair: -pair[1])[:top])
            out.append({"labels": list(self.classifier.names_of(given)), "probabilities": named, "error": None})
        return out

    def unread(self, error: LimbeckError | None) -> dict[str, Any]:
        """Return what the plain door says of a row that cannot be read."""
        return {"labels": None, "probabilities": None, "error": None if error is None else str(error)}

    def _given(self, answer: Outcome, threshold: float | None) -> NDArray[np.bool_]:
        """Return which labels are given, bool [N, L], at a threshold or at those of the labels."""
        p = answer.probabilities
        return self.classifier.decide(p) if threshold is None else np.asarray(p >= np.float32(threshold))

    def _outcome(self, p: Probabilities, errors: Unreadable) -> Outcome:
        decided = np.where(np.isnan(p).any(axis=1), -1, 0)
        return Outcome(p, decided, np.zeros(len(p), dtype=np.float32), errors)
