"""What is done about empty texts, contradicting labels and copies: each writes into ``keep`` (n,) and ``findings``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from limbeck.data import near_duplicates as duplicates
from limbeck.data.leakage import RANK
from limbeck.data.near_duplicates import Ints
from limbeck.errors import LimbeckError
from limbeck.kinds.kind import Kind
from limbeck.messages.message import Message, message
from limbeck.messages.words import part as part_name
from limbeck.messages.words import rows_named

Names = npt.NDArray[np.str_]
Mask = npt.NDArray[np.bool_]


def drop_empty(keys: list[str], split: Names, keep: Mask, findings: list[Message], kind: Kind) -> None:
    """Drop empty texts, or rows of a table, from train and unlabelled; those of valid and test are reported."""
    what = message(kind.copies.empty)
    empty = np.array([not key for key in keys], dtype=bool)
    for part in ("train", "unlabelled"):
        gone = empty & (split == part)
        keep &= ~gone
        if gone.any():
            findings.append(message("data.empty_dropped", count=gone.sum(), what=what, part=part_name(part)))
    left = empty & keep
    if left.any():
        findings.append(message("data.empty_kept", count=left.sum(), what=what))


def note_alike(keys: Sequence[str], groups: Ints, told: Mask, findings: list[Message], kind: Kind) -> None:
    """Report rows that are alike by nature, which nothing here takes for copies; see `limbeck.data.row_identity`."""
    filled = np.array([bool(key) for key in keys], dtype=bool)
    many = (np.bincount(groups, minlength=1) > 1)[groups] & filled & ~told if len(keys) else ~told
    if many.any():
        findings.append(message(kind.copies.alike, count=many.sum(), content=message(kind.copies.same)))


def drop_conflicts(
    policy: str, groups: Ints, labels: Ints, names: Sequence[object], split: Names, keep: Mask, findings: list[Message],
    kind: Kind,
) -> None:  # fmt: skip
    """Report rows with the same content and different labels, and drop those of train when the policy is drop.

    ``names`` are what rows are called: numbers, or the paths of pictures.

    Raises
    ------
    LimbeckError
        When the policy is refuse and there are such rows.
    """
    alive = np.flatnonzero(keep)
    found = alive[duplicates.conflicts(groups[alive], labels[alive])]
    if not len(found):
        return
    shown = rows_named([names[row] for row in found[:5]])
    what = message("data.conflicts", count=len(found), content=message(kind.copies.same), rows=shown)
    if policy == "refuse":
        raise LimbeckError(what, where="data.train", fix='fix the labels, or set data.conflicts = "drop"')
    findings.append(what)
    if policy == "drop":
        gone = found[split[found] == "train"]
        keep[gone] = False
        findings.append(message("data.conflicts_dropped", count=len(gone)))


def drop_copies(kind: str, groups: Ints, labels: Ints, split: Names, keep: Mask, findings: list[Message]) -> None:
    """Drop rows whose group stands in a higher part, and in train and unlabelled all but the first of a group.

    Copies with different labels (kept on request) are told apart within train, not across parts.
    """
    rank = np.array([RANK[part] for part in split.tolist()])
    alive = np.flatnonzero(keep)
    highest = np.zeros(int(groups.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(highest, groups[alive], rank[alive])
    seen: set[tuple[int, int]] = set()
    for row in alive.tolist():
        higher = highest[groups[row]] > rank[row]
        mark = (int(groups[row]), int(labels[row]))
        keep[row] = not higher and (rank[row] >= RANK["valid"] or mark not in seen)
        seen.add(mark)
    gone = alive[~keep[alive]]
    for part in ("valid", "train", "unlabelled"):
        count = np.count_nonzero(split[gone] == part)
        if count:
            code = "data.near_dropped" if kind == "near" else "data.exact_dropped"
            findings.append(message(code, count=count, part=part_name(part)))
    evaluated = alive[keep[alive] & (rank[alive] >= RANK["valid"])]
    repeated = len(evaluated) - len({(groups[row], rank[row]) for row in evaluated.tolist()})
    if repeated:
        findings.append(message("data.near_kept" if kind == "near" else "data.exact_kept", count=repeated))
