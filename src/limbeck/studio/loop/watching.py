"""Has what comes in changed? The newest answers of the published version against the reference in its bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from limbeck.bundle.reference import read_reference, sizes_of
from limbeck.kinds.text.explaining.words import word_spans
from limbeck.monitoring.changed_words import ChangedWord, changed_words
from limbeck.monitoring.drift import Drift, Signal, drift
from limbeck.monitoring.estimated_accuracy import Estimated, estimated_accuracy
from limbeck.monitoring.two_samples import TwoSamples, two_samples
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.models import Prediction
from limbeck.studio.detection.stored_rows import values_of
from limbeck.studio.loop.comparing import shown
from limbeck.studio.registry.facts import Version

WINDOW = 1000  # newest answers that are looked at, and as many before them to compare with
FEWEST, MOST_CLASSES = 30, 50
REACH = 500  # characters of a text whose words count


@dataclass(frozen=True)
class Watched:
    """What the newest answers show.

    Attributes
    ----------
    rows
        How many there are.
    drift
        Against the reference of the bundle; None where it has none, or there are too few answers.
    before, words
        Whether they can be told from those before them, and the words that changed; None and none where there are too
        few answers, or rows are no texts.
    expected
        Accuracy as the model's own probabilities lead one to expect it; None without answers.
    """

    rows: int
    drift: Drift | None
    before: TwoSamples | None
    words: list[ChangedWord]
    expected: Estimated | None

    @property
    def signals(self) -> list[tuple[Signal, bool]]:
        """What was held against the reference, and whether it has drifted."""
        if self.drift is None:
            return []
        drifted = self.drift.drifted
        return [(signal, signal in drifted) for signal in self.drift.signals]

    def warning(self, language: str) -> str:
        """Return why not to trust the expected accuracy, in a language of the site; empty without a reason."""
        found = None if self.expected is None else self.expected.warning
        return "" if found is None else shown(found, language)


def watched(version: Version) -> Watched:
    """Look at the newest answers of a version.

    Raises
    ------
    LimbeckError
        When the bundle is damaged.
    """
    newest = _newest(version)
    window, before = newest[:WINDOW], newest[WINDOW:]
    if len(window) < FEWEST:
        return Watched(len(window), None, None, [], None)
    classes = list(version.manifest.classes)
    p = np.array([[_number(row[3].get(name)) for name in classes] for row in window])
    decided = np.array([classes.index(row[2]) if row[2] in classes else -1 for row in window])
    reference, found, apart, words = read_reference(version.path), None, None, []
    vectors = sizes = None
    if version.one_text or version.cells:
        values = [values_of(version, [(row[0], row[1]) for row in part]) for part in (window, before) if part]
        vectors = [classifier_of(version).features(part, unreadable="nan") for part in values]
        if version.one_text:
            frame = pl.DataFrame({version.manifest.task.inputs[0]: [row[0] for row in window]})
            sizes = sizes_of(frame, version.manifest.task)[1]
        if len(before) >= FEWEST:
            apart = two_samples(vectors[1], vectors[0])
    if reference is not None:
        found = drift(reference, p, decided, sizes=sizes, vectors=vectors[0] if vectors else None)
    if apart is not None and apart.drifted and version.one_text:
        words = changed_words([_words(row[0]) for row in before], [_words(row[0]) for row in window])
    expected = estimated_accuracy(p, decided, apart=None if apart is None else apart.auc)
    return Watched(len(window), found, apart, words, expected)


def _newest(version: Version) -> list[tuple[Any, ...]]:
    """Return content, file, class and probabilities of the newest answers.

    The numbers of the newest of each class are read off an index, so that a million answers cost what a thousand do.
    """
    mine, numbers = Prediction.objects.filter(model=version.name), []
    for name in version.manifest.classes[:MOST_CLASSES]:
        numbers += mine.filter(label=name).order_by("-pk").values_list("pk", flat=True)[: 2 * WINDOW]
    if not numbers:
        return []
    oldest = sorted(numbers, reverse=True)[: 2 * WINDOW][-1]
    found = mine.filter(pk__gte=oldest, version=version.version).order_by("-pk")
    return list(found.values_list("content", "file", "label", "probabilities")[: 2 * WINDOW])


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _words(text: str) -> list[str]:
    return [text[first:behind] for first, behind in word_spans(text, REACH)]
