"""Whether the rows of an evaluation are new to the bundle, and what is said first where they are not.

A figure on rows that a model was trained on, or chosen by, says how well it remembers. Such rows are found by the
hashes that a bundle keeps (`limbeck.bundle.training_hashes`); texts that are near copies of them count as seen too.
Where enough rows are new, the figures of those stand beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.bundle.classifier import Classifier
from limbeck.bundle.training_hashes import beyond_chance, seen_mask, telling_keys
from limbeck.data.near_duplicates import near
from limbeck.metrics.measure import NAMES, measure
from limbeck.recipe import Input, Task

ENOUGH = 30  # new rows from which on figures of them are worth showing
UNTOLD = (
    "No row of these is told by its content, so nothing shows whether the bundle learned from them. "
    "Make sure that it did not."
)
PERHAPS = "The table has a split column: rows that the bundle was trained on may be among these."

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
) -> tuple[Seen | None, list[str]]:
    """Return which rows of a frame a bundle has learned from (None: none that is known), and notes where it is open."""
    task, reader = classifier.manifest.task, classifier.manifest.input
    keys = telling_keys(frame, task, reader)
    found = seen_mask(classifier.path, keys)
    if found is None:
        return None, [PERHAPS] if "split" in frame.columns and "split" not in (where or {}) else []
    if not any(keys):
        return None, [UNTOLD] if len(keys) else []
    mask, chance = found
    if not beyond_chance(int(mask.sum()), chance):
        return None, []
    return Seen(mask, _near(mask, keys, task)), []


def seen_among(frame: pl.DataFrame, judged: ArrayLike, learned: ArrayLike, task: Task, reader: Input) -> Seen | None:
    """Return which of the ``judged`` rows of a frame are also among those ``learned`` from, None where none is."""
    at = np.asarray(judged, dtype=np.int64)
    told = telling_keys(frame, task, reader)
    known, twice = {told[row] for row in np.asarray(learned).tolist() if told[row]}, np.isin(at, learned)
    mask = np.array([told[row] in known for row in at.tolist()], dtype=bool) | twice
    return Seen(mask, np.zeros(len(at), dtype=bool)) if mask.any() else None


def warning(seen: Mapping[str, Any], name: str | None = None) -> tuple[str, str]:
    """Return (English, Chinese) of what `Seen.measured` or `Seen.facts` found; ``name`` where there are several."""
    count, total, new = int(seen["rows"]), int(seen["of"]), int(seen["new"])
    who, who_zh = ("The bundle", "该模型包") if name is None else (name, f"{name} ")
    english = f"{who} learned from {count:,} of these {total:,} rows: these figures flatter it."
    chinese = f"{who_zh}曾用这 {total:,} 行中的 {count:,} 行训练或选择模型：以下指标偏高，不可采信。"
    if seen["near"]:
        english += f" {int(seen['near']):,} more are near copies of those."
        chinese += f"另有 {int(seen['near']):,} 行与它们近似重复。"
    unseen = seen.get("unseen")
    if unseen and unseen["accuracy"] is not None:
        span = unseen["confidence_intervals"].get("accuracy")
        value = f"{100 * unseen['accuracy']:.1f}%"
        span_en = f" (95% {100 * span[0]:.1f} to {100 * span[1]:.1f})" if span else ""
        span_zh = f"（95% 区间 {100 * span[0]:.1f} 至 {100 * span[1]:.1f}）" if span else ""
        english += f" On the {new:,} rows that are new to it, accuracy is {value}{span_en}."
        chinese += f"在它未见过的 {new:,} 行上，准确率为 {value}{span_zh}。"
    elif name is None:
        english += f" Too few rows are new to it ({new:,}): evaluate it on others."
        chinese += f"它未见过的行太少（{new:,} 行）：请换用其他样本。"
    return english, chinese


def _near(mask: Mask, keys: Sequence[str], task: Task) -> Mask:
    if task.rows != "text" or mask.all():
        return np.zeros(len(mask), dtype=bool)
    groups = near(keys)
    named = np.array([bool(key) for key in keys], dtype=bool)
    alike: Mask = np.isin(groups, groups[mask]) & ~mask & named
    return alike
