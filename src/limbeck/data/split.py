"""Splits: by a column that the data has, or drawn at random by whole groups and with classes in proportion.

Rows of one group (patient, subject, event, near copies) never come apart. Units (groups, or single rows) are
shuffled within their class and dealt one by one to the part that is furthest behind its share, which keeps
every class in proportion and every part near its size even when groups differ in size; what is left to chance
is only *which* rows go where, not how many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from limbeck.data.near_duplicates import Ints
from limbeck.errors import LimbeckError

Names = npt.NDArray[np.str_]

PARTS = ("train", "valid", "test")
_SPELLINGS = {
    "train": ("train", "training", "训练", "训练集"),
    "valid": ("valid", "validation", "val", "dev", "验证", "验证集"),
    "test": ("test", "testing", "测试", "测试集"),
}
SPELLINGS = {spelling: part for part, spellings in _SPELLINGS.items() for spelling in spellings}
DRAWN = 0.1  # share of train that becomes valid when a column has none
TRIES = 40  # draws of which `fair_draw` takes the best


def split_random(
    n: int,
    *,
    valid: float = 0.1,
    test: float = 0.1,
    labels: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Names:
    """Draw a split, str (n,) of "train", "valid" and "test".

    Parameters
    ----------
    valid, test
        Shares of rows, each from 0 on, together below 1. A share above 0 gets at least one group where there
        are enough of them without taking the last one of a class from train.
    labels
        (n,); parts get each class in proportion. Every class keeps at least one group in train.
    groups
        (n,); rows of one group stay together.
    """
    if min(valid, test) < 0 or valid + test >= 1:
        raise ValueError("shares are at least 0 and together below 1")
    shares = np.array([1 - valid - test, valid, test])
    unit_of, sizes, classes = _units(n, labels, groups)
    part = _deal(sizes, classes, shares, np.random.default_rng(seed))
    _keep_classes(part, classes, sizes)
    _fill(part, classes, sizes, shares)
    return np.array(PARTS)[part[unit_of]] if n else np.empty(0, dtype="<U5")


def folds(
    n: int, k: int, labels: npt.ArrayLike | None = None, groups: npt.ArrayLike | None = None, seed: int = 0
) -> Ints:
    """Return a fold number from 0 to k - 1 per row, int64 (n,), classes in proportion and groups together.

    Raises
    ------
    LimbeckError
        When there are fewer groups (or rows) than folds.
    """
    unit_of, sizes, classes = _units(n, labels, groups)
    if k < 2 or k > len(sizes):
        raise LimbeckError(f"{len(sizes)} rows or groups cannot make {k} folds", fix="take 2 folds up to that many")
    fold = _deal(sizes, classes, np.full(k, 1 / k), np.random.default_rng(seed))
    for empty in np.setdiff1d(np.arange(k), fold):  # groups of very different sizes can leave a fold without any
        donor = np.bincount(fold, minlength=k).argmax()
        fold[np.flatnonzero(fold == donor)[-1]] = empty
    return fold[unit_of]


def named_parts(values: Iterable[object], where: object) -> Names:
    """Return "train", "valid" or "test" for each value of a split column, str (n,), whatever the spelling.

    Raises
    ------
    LimbeckError
        For a value that is none of them.
    """
    known: dict[object, str | None] = {}
    parts = [known.setdefault(value, SPELLINGS.get(str(value).strip().lower())) for value in values]
    unknown = [value for value, part in known.items() if part is None]
    if unknown:
        shown = ", ".join(repr("" if value is None else str(value)[:40]) for value in unknown[:5])
        raise LimbeckError(
            f"unknown values in the split column: {shown}{', …' if len(unknown) > 5 else ''}",
            where=where,
            fix="write train, valid or test, or leave those rows out by data.where",
        )
    return np.array(parts, dtype="<U5")


def split_by_column(
    values: Iterable[object],
    where: object,
    *,
    labels: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Names:
    """Return the split that a column gives, str (n,); without any valid row, a tenth of train is drawn for
    it.

    Raises
    ------
    LimbeckError
        For a value that is no known spelling of train, valid or test.
    """
    return draw(named_parts(values, where), valid=DRAWN, labels=labels, groups=groups, seed=seed)


def draw(
    parts: Names,
    *,
    valid: float = 0.0,
    test: float = 0.0,
    labels: npt.ArrayLike | None = None,
    groups: npt.ArrayLike | None = None,
    seed: int = 0,
) -> Names:
    """Draw valid and test, where they have no row yet, from the rows of train; see `split_random`.

    A group that already has rows in another part stays in train, as it is no news to any part, unless all groups have.
    """
    shares = {"valid": valid, "test": test}
    shares = {name: 0.0 if np.any(parts == name) else share for name, share in shares.items()}
    result = parts.astype("<U10")
    free = parts == "train"
    if groups is not None:
        groups = np.asarray(groups)
        elsewhere = np.isin(groups, groups[np.isin(parts, ("valid", "test"))])
        # Where all of them have (one set of people in every session), train and valid at least share none.
        free = free & ~elsewhere if np.any(free & ~elsewhere) else free
    rows = np.flatnonzero(free)
    if not len(rows) or not any(shares.values()):
        return result
    by_label, by_group = (None if array is None else np.asarray(array)[rows] for array in (labels, groups))
    result[rows] = split_random(len(rows), **shares, labels=by_label, groups=by_group, seed=seed)
    return result


def fair_draw(drawn: Callable[[int], Names], before: Names, labels: Ints, seed: int) -> Names:
    """Return, of `TRIES` draws the one whose parts have the classes most nearly in proportion.

    Where few groups carry most rows of a class, a draw that takes groups blindly may leave valid without the class.

    Parameters
    ----------
    drawn
        Seed -> the parts of all rows, str [N].
    before
        The parts as they were given: parts that stand in them are not evaluated.
    labels
        int64 [N]; only labelled rows count.
    """
    known = labels >= 0
    wanted = np.bincount(labels[known & (before == "train")])
    goal = wanted / max(wanted.sum(), 1)
    best, least = drawn(seed), np.inf
    for turn in range(TRIES):
        parts = best if turn == 0 else drawn(seed + 7919 * turn)
        off = 0.0
        for name in ("valid", "test"):
            rows = known & (parts == name) & (before != name)
            if rows.any():
                have = np.bincount(labels[rows], minlength=len(goal)) / rows.sum()
                off += float(np.abs(np.sqrt(have) - np.sqrt(goal)).sum())  # a class that is missing weighs most
        if off < least:
            best, least = parts, off
    return best


def _units(n: int, labels: npt.ArrayLike | None, groups: npt.ArrayLike | None) -> tuple[Ints, Ints, Sequence[Ints]]:
    """Return the unit of each row (n,), rows per unit (u,), and for each unit how many rows of each class.

    The last is given as (most frequent class (u,), class of each row (n,), unit of each row (n,)).
    """
    unit = np.arange(n) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    label = np.zeros(n, dtype=np.int64) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    count = int(unit.max(initial=-1)) + 1
    if groups is None:
        return unit, np.ones(n, dtype=np.int64), (label, label, unit)
    pairs, times = np.unique(np.stack([unit, label]), axis=1, return_counts=True)
    order = np.lexsort((times, pairs[0]))  # each unit's most frequent class comes last, and stays
    main = np.zeros(count, dtype=np.int64)
    main[pairs[0][order]] = pairs[1][order]
    return unit, np.bincount(unit, minlength=count), (main, pairs[1], pairs[0])


def _deal(sizes: Ints, classes: Sequence[Ints], shares: npt.NDArray[np.float64], random: np.random.Generator) -> Ints:
    """Return the part of each unit, int64 (u,): class by class, in random order, to the part most behind."""
    order = random.permutation(len(sizes))
    order = order[np.argsort(classes[0][order], kind="stable")]
    part = np.zeros(len(sizes), dtype=np.int64)
    behind = [0.0] * len(shares)
    weights = shares.tolist()
    for unit, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        behind = [lag + weight * size for lag, weight in zip(behind, weights, strict=True)]
        best = max(range(len(behind)), key=behind.__getitem__)
        behind[best] -= size
        part[unit] = best
    return part


def _keep_classes(part: Ints, classes: Sequence[Ints], sizes: Ints) -> None:
    """Move, for each class that train lacks, its smallest group to train."""
    _, label, unit = classes
    for name in np.setdiff1d(label, label[part[unit] == 0]):
        holders = unit[label == name]
        part[holders[sizes[holders].argmin()]] = 0


def _fill(part: Ints, classes: Sequence[Ints], sizes: Ints, shares: npt.NDArray[np.float64]) -> None:
    """Give a part that was left empty a small group that train can spare."""
    _, label, unit = classes
    for empty in (p for p in (2, 1) if shares[p] > 0 and not np.any(part == p)):
        holders = np.bincount(label[part[unit] == 0], minlength=int(label.max(initial=0)) + 1)
        for candidate in np.flatnonzero(part == 0)[np.argsort(sizes[part == 0], kind="stable")]:
            lost = np.bincount(label[unit == candidate], minlength=len(holders))
            if np.all(holders[lost > 0] > lost[lost > 0]):
                part[candidate] = empty
                break
