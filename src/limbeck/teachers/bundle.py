"""``bundle:PATH``: a finished classifier of ours, of texts, pictures or tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl

from limbeck.bundle import manifest
from limbeck.bundle.classifier import Classifier
from limbeck.bundle.load import load
from limbeck.bundle.multilabel import MultiLabelClassifier
from limbeck.bundle.value_bundle import ValueBundle
from limbeck.files import sha256
from limbeck.kinds import kind_of
from limbeck.teachers.base import Answers, Place, Teacher
from limbeck.teachers.columns import need, spread, texts
from limbeck.teachers.label_map import LabelMap


class Bundle:
    """A bundle as a teacher; it reads the columns it was trained on, unless ``input`` names others.

    A table may lack some of the columns that a bundle of tables was trained on, but none that ``input`` names.
    """

    def __init__(self, place: Place) -> None:
        place.options({})
        path = place.path()
        self.name, self.classes, self.block = place.spec.name, place.classes, place.block(4096)
        self.classifier: ValueBundle = self._opened(path, place)
        task = self.classifier.manifest.task
        self.kind, self.named = kind_of(task), place.spec.input is not None
        self.columns = self.kind.as_teacher.columns(place.columns(task.input))
        if self.kind.one_text and len(self.columns) != 1:
            raise place.wrong(f"it reads one column of text, not {list(self.columns)}", "name one in its input")
        self.labels = LabelMap(self.classifier.classes, place)
        # The manifest holds the hash of every other file, checked on loading.
        self.fingerprint = place.fingerprint(sha256(path / manifest.FILE), self.columns, self.named)

    def _opened(self, path: Path, place: Place) -> ValueBundle:
        if place.exclusive:
            return Classifier(path)
        opened = load(path)
        if not isinstance(opened, MultiLabelClassifier):
            opened.close()
            what = "it gives a row one class, and several labels are to be learned"
            raise place.wrong(what, "name a bundle of several labels, or give each label a column:")
        return opened

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C]; an empty text is an abstention."""
        if not self.kind.one_text:
            task, needed = self.classifier.manifest.task, partial(need, rows, name=self.name)
            values = self.kind.as_teacher.asked(rows, task, self.columns, needed, named=self.named)
            return self.labels(self.classifier.predict_proba(values), self.name)
        given, filled = texts(rows, self.columns[0], self.name)
        asked = [text for text, is_there in zip(given, filled, strict=True) if is_there]
        return self.labels(spread(self.classifier.predict_proba(asked, unreadable="nan"), filled), self.name)


def open_bundle(place: Place) -> Teacher:
    """Open a bundle as a teacher."""
    return Bundle(place)
