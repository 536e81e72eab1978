"""``column:NAME`` or ``column:NAME1,NAME2``: scores that are already in the table.

One column holds the probability of the positive class of two; several hold one class each, in the order of
``options.classes``, which is ours when left out. A row with an empty cell in all of them is an abstention. Columns of
numbers named in ``options.features`` are its hidden features.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from limbeck.errors import did_you_mean
from limbeck.teachers.base import Answers, Features, Place, Teacher
from limbeck.teachers.columns import numbers
from limbeck.teachers.label_map import LabelMap, probabilities


class Column:
    """Columns of scores as a teacher."""

    block = 65536

    def __init__(self, place: Place) -> None:
        options = place.options({"classes": [], "gives": "probabilities", "features": []})
        self.gives = place.one_of("gives", options["gives"], ("probabilities", "logits"))
        self.name, self.classes = place.spec.name, place.classes
        self.scores = tuple(part.strip() for part in place.place.split(","))
        self.hidden = tuple(str(name) for name in options["features"])
        self.columns, self.width = tuple(dict.fromkeys((*self.scores, *self.hidden))), len(self.hidden)
        theirs = tuple(options["classes"]) or place.classes
        wanted = 2 if len(self.scores) == 1 and place.exclusive else len(self.scores)
        if len(theirs) != wanted or not all(self.scores):
            what = f"{len(self.scores)} column(s) of scores for the {len(theirs)} classes {list(theirs)}"
            raise place.wrong(what, "name one column a class, or one alone for the positive of two")
        positive = place.task.positive if not options["classes"] else None
        if positive is not None and positive not in theirs:
            raise place.wrong(f"task.positive {positive!r} is no class", did_you_mean(positive, theirs))
        self.reverse = place.exclusive and wanted == 2 and len(self.scores) == 1 and positive == theirs[0]
        self.labels = LabelMap(theirs, place)
        self.fingerprint = place.fingerprint(self.scores, theirs, self.reverse)

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; a score out of range is an error that names its row."""
        given = numbers(rows, self.scores, self.name, np.float32)
        scores = probabilities(given, self.gives, exclusive=self.labels.exclusive)
        return self.labels(scores[:, ::-1] if self.reverse else scores, self.name)

    def features(self, rows: pl.DataFrame) -> Features:
        """Return the feature columns, float32 [N, D]; a row with an empty cell among them has none."""
        found = numbers(rows, self.hidden, self.name, np.float32)
        found[np.isnan(found).any(axis=1)] = np.nan
        return found


def open_column(place: Place) -> Teacher:
    """Open columns of scores as a teacher."""
    return Column(place)
