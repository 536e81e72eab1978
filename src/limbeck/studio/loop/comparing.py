"""Two versions of a model on the same audited rows: the verdict, figures side by side, and the rows they differ on."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from limbeck.errors import LimbeckError
from limbeck.evaluation.seen_rows import seen_by
from limbeck.messages.message import Message, render
from limbeck.monitoring.verdict import Verdict, verdict
from limbeck.studio.detection.classifiers import classifier_of
from limbeck.studio.detection.stored_rows import frame_of, values_of
from limbeck.studio.loop.reviewed import audit_sample, unlabelled
from limbeck.studio.registry.facts import Version

MOST, MOST_SHADOW = 5000, 2000  # audited rows, and rows without a label, that are compared on
KEPT = 8  # comparisons that a process remembers

_remembered: dict[str, Compared] = {}


@dataclass(frozen=True)
class Row:
    """An audited row that two versions answer differently."""

    item: int
    content: str
    truth: str
    current: str
    candidate: str


@dataclass(frozen=True)
class PerClass:
    """Recall of a class on so many audited rows, by both versions; None without such rows."""

    name: str
    rows: int
    current: float | None
    candidate: float | None


@dataclass(frozen=True)
class Compared:
    """What a comparison found. ``learned`` audited rows were left out because a version had learned from them."""

    verdict: Verdict
    accuracy: tuple[float, float] | None
    classes: list[PerClass]
    differing: list[Row]
    learned: int
    disagreement: float | None
    shadowed: int

    def sentence(self, language: str) -> str:
        """Return the verdict in a language of the site."""
        return shown(self.verdict.sentence, language)


def shown(sentence: Message, language: str) -> str:
    """Return a message in a language of the site."""
    return render(sentence, "zh" if language.startswith("zh") else "en")


def compare(current: Version, candidate: Version) -> Compared:
    """Compare a candidate with the version in use on the audit sample; a process remembers its newest comparisons.

    Raises
    ------
    LimbeckError
        When the two tell different classes apart, or rows of different kinds.
    """
    if candidate.finds_boxes:
        raise LimbeckError("versions that find boxes are compared by limbeck evaluate")
    if set(current.manifest.classes) != set(candidate.manifest.classes) or current.kind != candidate.kind:
        raise LimbeckError("the two versions tell different classes apart")
    audited = list(audit_sample(current.name).values_list("pk", "content", "file", "final_label")[:MOST])
    newest = list(unlabelled(current.name).values_list("pk", "content", "file")[:MOST_SHADOW])
    key = f"compare:{current.full}:{candidate.version}:{_digest(audited)}:{newest[0][0] if newest else 0}"
    found = _remembered.get(key)
    if found is None:
        while len(_remembered) >= KEPT:
            _remembered.pop(next(iter(_remembered)), None)
        found = _remembered[key] = _compare(current, candidate, audited, newest)
    return found


def _compare(current: Version, candidate: Version, audited: list[Any], newest: list[Any]) -> Compared:
    classes = list(current.manifest.classes)
    index = {name: at for at, name in enumerate(classes)}
    audited = [row for row in audited if row[3] in index]
    contents = [(content, file) for _, content, file, _ in audited]
    learned = np.zeros(len(audited), dtype=bool)
    for one in (current, candidate):
        if audited and (one.one_text or one.cells):
            frame = frame_of(one, [(content, "") for content, _ in contents], "label").drop("label")
            seen, _ = seen_by(classifier_of(one), frame)
            learned |= False if seen is None else seen.rows | seen.near
    kept = np.flatnonzero(~learned)
    y = np.array([index[audited[at][3]] for at in kept], dtype=np.int64)
    a, b = (_decided(one, [contents[at] for at in kept.tolist()], index) for one in (current, candidate))
    share = None
    if newest:
        rows = [(content, file) for _, content, file in newest]
        share = float((_decided(current, rows, index) != _decided(candidate, rows, index)).mean())
    found = verdict(y, a, b, disagreement=share)
    per_class = []
    for at, name in enumerate(classes):
        of_class = y == at
        recalls = [float((one[of_class] == at).mean()) if of_class.any() else None for one in (a, b)]
        per_class.append(PerClass(name, int(of_class.sum()), *recalls))
    names = [*classes, "–"]
    differing = [
        Row(audited[kept[at]][0], audited[kept[at]][1], names[y[at]], names[a[at]], names[b[at]])
        for at in itertools.islice(np.flatnonzero(a != b).tolist(), 50)
    ]
    accuracy = (float((a == y).mean()), float((b == y).mean())) if len(y) else None
    return Compared(found, accuracy, per_class, differing, int(learned.sum()), share, len(newest))


def _decided(version: Version, rows: list[tuple[str, str]], index: dict[str, int]) -> np.ndarray[Any, Any]:
    """Return the decided class of each row by ``index``, -1 for none."""
    if not rows:
        return np.empty(0, dtype=np.int64)
    named = classifier_of(version).predict(values_of(version, rows), unreadable="nan")
    return np.array([-1 if name is None else index[name] for name in named], dtype=np.int64)


def _digest(audited: list[Any]) -> int:
    return hash(tuple((row[0], row[3]) for row in audited))
