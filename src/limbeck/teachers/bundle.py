"""``bundle:PATH``: a finished classifier of ours."""

from __future__ import annotations

import numpy as np
import polars as pl

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.manifest import FILE
from limbeck.files import sha256
from limbeck.teachers.base import Answers, Place, Teacher
from limbeck.teachers.cells import spread, texts
from limbeck.teachers.labels import LabelMap


class Bundle:
    """A bundle as a teacher; it reads the column it was trained on, unless ``input`` names another."""

    block = 4096

    def __init__(self, place: Place) -> None:
        place.options({})
        path = place.path()
        self.name, self.classes = place.spec.name, place.classes
        self.classifier = Classifier(path)
        self.columns = place.columns(self.classifier.manifest.task.input)
        if len(self.columns) != 1:
            raise place.wrong(f"it reads one column of text, not {list(self.columns)}", "name one in its input")
        self.labels = LabelMap(self.classifier.classes, place)
        # The manifest holds the hash of every other file, checked on loading.
        self.fingerprint = place.fingerprint(sha256(path / FILE))

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; an empty cell is an abstention."""
        given, there = texts(rows, self.columns[0], self.name)
        asked = [text for text, is_there in zip(given, there, strict=True) if is_there]
        answers = self.classifier.predict_proba(asked).astype(np.float64)
        return self.labels(spread(answers, there), self.name)


def open_bundle(place: Place) -> Teacher:
    """Open a bundle as a teacher."""
    return Bundle(place)
