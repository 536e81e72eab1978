"""Whether the rows of an evaluation are new to the bundle, and what is said first where they are not.

A figure on rows that a model was trained on, or chosen by, says how well it remembers. Such rows are found by the
hashes that a bundle keeps (`limbeck.bundle.training_hashes`); texts that are near copies of them count as seen too.
Where enough rows are new, the figures of those stand beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import beyond_chance, seen_mask, telling_keys
from limbeck.kinds import kind_of
from limbeck.messages.message import Message, message
from limbeck.metrics.measure import NAMES, measure
from limbeck.recipe import Input, Task

ENOUGH = 30  # new rows from which on figures of them are worth showing

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Seen:
    """Which of N rows a bundle has learned from, bool [N], and which others are near copies of those, bool [N]."""

    rows: Mask
    near: Mask

    @property
    def new(self) -> NDArray[np.int64]:
        """The rows that are new to it, int64, ascending."""
        return np.flatnonzero(~(self.rows | self.near))

    def facts(self) -> dict[str, Any]:
        """Return the counts as plain data: rows, near, of, new."""
        return {
            "rows": int(self.rows.sum()),
            "near": int(self.near.sum()),
            "of": len(self.rows),
            "new": len(self.new),
        }

    def measured(
        self, y: NDArray[np.int64], p: NDArray[np.floating[Any]], classes: Sequence[str], *,
        groups: Sequence[Any] | None = None, **how: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Return `facts` with the figures of the new rows under ``unseen``, None where these are too few."""
        at, unseen = self.new, None
        if len(at) >= ENOUGH:
            kept = None if groups is None else [groups[row] for row in at]
            found = measure(y[at], p[at], classes, groups=kept, **how)
            unseen = {name: found[name] for name in (*NAMES, "confidence_intervals")}
        return self.facts() | {"unseen": unseen}


def seen_by(
    classifier: Classifier, frame: pl.DataFrame, where: Mapping[str, str] | None = None
) -> tuple[Seen | None, list[Message]]:
    """Return which rows of a frame a bundle has learned from (None: none that is known), and notes where it is open."""
    task, reader = classifier.manifest.task, classifier.manifest.input
    keys = telling_keys(frame, task, reader)
    found = seen_mask(classifier.path, keys)
    if found is None:
        return None, [message("evaluation.split_column")] if "split" in frame.columns and "split" not in (
            where or {}
        ) else []
    if not any(keys):
        return None, [message("evaluation.not_identified")] if len(keys) else []
    mask, chance = found
    if not beyond_chance(int(mask.sum()), chance):
        return None, []
    return Seen(mask, _near(mask, keys, task)), []


def seen_among(frame: pl.DataFrame, evaluated: ArrayLike, learned: ArrayLike, task: Task, reader: Input) -> Seen | None:
    """Return which of the ``evaluated`` rows of a frame are also among those ``learned`` from, None where none is."""
    at = np.asarray(evaluated, dtype=np.int64)
    told = telling_keys(frame, task, reader)
    known, twice = {told[row] for row in np.asarray(learned).tolist() if told[row]}, np.isin(at, learned)
    mask = np.array([told[row] in known for row in at.tolist()], dtype=bool) | twice
    return Seen(mask, np.zeros(len(at), dtype=bool)) if mask.any() else None


def warning(seen: Mapping[str, Any], name: str | None = None) -> Message:
    """Return what `Seen.measured` or `Seen.facts` found as a message; ``name`` where there are several bundles."""
    facts, new = {"count": int(seen["rows"]), "total": int(seen["of"])}, int(seen["new"])
    parts = [message("seen.bundle", **facts) if name is None else message("seen.named", name=name, **facts)]
    if seen["near"]:
        parts.append(message("seen.near", count=int(seen["near"])))
    unseen = seen.get("unseen")
    if unseen and unseen["accuracy"] is not None:
        span = unseen["confidence_intervals"].get("accuracy")
        shown = message("verdict.span", low=100 * span[0], high=100 * span[1]) if span else ""
        parts.append(message("seen.unseen", count=new, accuracy=100 * unseen["accuracy"], span=shown))
    elif name is None:
        parts.append(message("seen.too_few", count=new))
    return reduce(lambda one, other: message("seen.and", one=one, other=other), parts)


def _near(mask: Mask, keys: Sequence[str], task: Task) -> Mask:
    if mask.all():
        return np.zeros(len(mask), dtype=bool)
    # Without near copies in its kind a row is near to none that is not seen itself.
    groups = kind_of(task).copies.near(keys)
    named = np.array([bool(key) for key in keys], dtype=bool)
    alike: Mask = np.isin(groups, groups[mask]) & ~mask & named
    return alike
