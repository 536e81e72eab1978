"""Compare bundles on the same labelled rows, pair by pair; rows that one of them learned from prove nothing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.bundle.classifier import Classifier
from limbeck.data.labels import MEMORY
from limbeck.data.tables.read import need
from limbeck.errors import LimbeckError
from limbeck.evaluation.evaluate import labelled
from limbeck.evaluation.measure_rows import groups_of
from limbeck.evaluation.seen_rows import ENOUGH, Seen, seen_by, warning
from limbeck.events import Listener, Token, stage, told
from limbeck.kinds.select import values_of
from limbeck.messages.message import message
from limbeck.metrics.paired import compare as compare_answers
from limbeck.metrics.paired import in_both
from limbeck.model_names import spelled
from limbeck.process.forks import refuse_forked


def compare(
    bundles: Sequence[str | Path],
    data: str | Path | Any,
    *,
    where: Mapping[str, str] | None = None,
    group: str | None = None,
    bootstrap: int = 1000,
    encoding: str | None = None,
    rename: Mapping[str, str] | None = None,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> dict[str, Any]:
    """Compare two or more bundles on the same labelled rows, pair by pair, with a paired test.

    Parameters
    ----------
    data, where, group, bootstrap, encoding, rename, progress, cancel
        As in `limbeck.evaluation.evaluate.evaluate`.

    Returns
    -------
    dict
        See `limbeck.metrics.paired.compare`; ``seen``, for each bundle None or how many rows it learned from;
        ``warnings``, a list of sentences. Of a pair that learned from some of the rows, ``verdict`` and ``better`` are
        those of the rows that are new to both, where there are enough.

    Raises
    ------
    Cancelled
        When ``cancel`` stopped it.
    LimbeckError
        When fewer than two bundles are given or their classes differ.
    """
    refuse_forked()
    if len(bundles) < 2:
        raise LimbeckError("one bundle is no comparison", fix="name two or more")
    with told(progress, cancel), contextlib.ExitStack() as stack:
        classifiers = [stack.enter_context(Classifier(bundle)) for bundle in bundles]
        return _compare(classifiers, bundles, data, where, group, bootstrap, encoding, rename)


def _compare(
    classifiers: Sequence[Classifier], bundles: Sequence[str | Path], data: Any, where: Mapping[str, str] | None,
    group: str | None, bootstrap: int, encoding: str | None, rename: Mapping[str, str] | None,
) -> dict[str, Any]:  # fmt: skip
    first = classifiers[0]
    names = distinct_names(bundles)
    with stage("read"):
        rows = labelled(first, data, where, encoding, rename=rename)
    need(rows.frame.columns, [group] if group else [], data if isinstance(data, str | os.PathLike) else MEMORY)
    answers: dict[str, np.ndarray] = {}
    for name, classifier in zip(names, classifiers, strict=True):
        if set(classifier.classes) != set(first.classes):
            what = f"its classes {list(classifier.classes)} are not those of {first.path}: {list(first.classes)}"
            raise LimbeckError(what, where=classifier.path)
        with stage("predict"):
            p = classifier.probabilities_of(values_of(rows.frame, classifier.manifest.task))
        answers[name] = p[:, [classifier.classes.index(label) for label in first.classes]]
    thresholds = {
        name: c.threshold if c.manifest.positive == _same(c, first) else 1.0 - c.threshold
        for name, c in zip(names, classifiers, strict=True)
    }
    positive = first.manifest.positive if len(first.classes) == 2 else None
    groups = groups_of(rows.frame, group)
    with stage("compare"):
        result = compare_answers(
            rows.labels, answers, thresholds, first.classes, positive, bootstrap=bootstrap, groups=groups
        )
    seen: dict[str, Seen] = {}
    open_questions: list[str] = []
    for name, classifier in zip(names, classifiers, strict=True):
        found, notes = seen_by(classifier, rows.frame, where)
        open_questions += [message("evaluation.note_of", name=name, note=note) for note in notes]
        seen |= {name: found} if found else {}
    known = {name: seen[name].facts() if name in seen else None for name in names}
    told = [warning(facts, name) for name, facts in known.items() if facts]
    for pair in result["pairs"] if seen else []:
        both = [seen[name] for name in (pair["a"], pair["b"]) if name in seen]
        if not both:
            continue
        new = np.setdiff1d(both[0].new, np.setdiff1d(both[0].new, both[-1].new))
        fresh = None
        if len(new) >= ENOUGH:
            given = {name: answers[name][new] for name in (pair["a"], pair["b"])}
            kept = None if groups is None else [groups[row] for row in new]
            fresh = compare_answers(
                rows.labels[new], given, thresholds, first.classes, positive, bootstrap=bootstrap, groups=kept
            )
        pair |= _flattered(fresh, len(new))
    return result | {"seen": known, "warnings": [*told, *open_questions]}


def _flattered(fresh: Mapping[str, Any] | None, new: int) -> dict[str, Any]:
    """Return the verdict on a pair of which one learned from some rows; ``fresh`` compares them on the others."""
    if fresh is None:
        return {
            "better": None,
            "unseen": None,
            **in_both(message("compared.too_few", count=new)),
        }
    (pair,) = fresh["pairs"]
    return {
        "better": pair["better"],
        "unseen": {"n": fresh["n"], "models": fresh["models"], **pair},
        **in_both(message("compared.unseen", count=new, verdict=pair["verdict"])),
    }


def _same(classifier: Classifier, first: Classifier) -> int:
    return classifier.classes.index(first.classes[first.manifest.positive])


def distinct_names(paths: Sequence[str | Path]) -> list[str]:
    """Return the folders' names (NAME@VERSION in the registry), or whole paths where two have the same name."""
    names = [spelled(path) for path in paths]
    if len(set(names)) == len(names):
        return names
    whole = [str(path) for path in paths]
    return [name if whole.count(name) == 1 else f"{name} ({index + 1})" for index, name in enumerate(whole)]
