"""Classes that are probably another class written in another way: a label typed wrong makes a class of its own."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from limbeck.data.tables.rows import Ints
from limbeck.messages.message import Message, message

_FEW, _TIMES = 0.02, 20  # share of all rows that few are, and how many times as many the other class has


def misspelt(labels: Ints, classes: Sequence[str]) -> dict[str, str]:
    """Return class -> the class that it is probably a misspelling of: few rows, and one letter of difference.

    Names that differ in case, width or blanks only count whatever their numbers of rows; those that differ in digits
    only never do.
    """
    counts = np.bincount(labels[labels >= 0], minlength=len(classes)).tolist()
    total = sum(counts)
    order = sorted(range(len(classes)), key=lambda at: -counts[at])
    found: dict[str, str] = {}
    for place, at in enumerate(order):
        for other in order[:place]:
            few = counts[at] <= max(1, _FEW * total) and counts[at] * _TIMES <= counts[other]
            same = _folded(classes[at]) == _folded(classes[other])
            if classes[other] not in found and (same or (few and _near(classes[at], classes[other]))):
                found[classes[at]] = classes[other]
                break
    return found


def findings(near: Mapping[str, str], labels: Ints, classes: Sequence[str]) -> list[Message]:
    """Return a line for each class that looks misspelt."""
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    lines = []
    for name, other in near.items():
        count, more = (int(counts[list(classes).index(one)]) for one in (name, other))
        lines.append(message("data.misspelt", count=count, name=name, others=more, other=other))
    return lines


def _folded(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def _near(one: str, other: str) -> bool:
    """Return whether one letter added, left out or changed, or two neighbours swapped, makes one name the other."""
    one, other = sorted((_folded(one), _folded(other)), key=len)
    digits = re.compile(r"\d+")
    if len(one) < 2 or len(other) - len(one) > 1 or digits.sub("", one) == digits.sub("", other):
        return False
    start = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), len(one))
    a, b = one[start:], other[start:]
    return a == b[1:] or (len(a) == len(b) and (a[1:] == b[1:] or (a[:2] == b[:2][::-1] and a[2:] == b[2:])))
