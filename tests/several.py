"""Made-up texts and rows of a table that have several labels each, or none."""

from __future__ import annotations

from typing import Any

import numpy as np

WORDS = {
    "delivery": ["parcel", "courier", "late", "waited", "box"],
    "price": ["cheap", "expensive", "cost", "money", "refund"],
    "taste": ["sweet", "juicy", "sour", "bland", "ripe"],
}
PLAIN = ["yesterday", "we", "bought", "it", "from", "the", "shop", "and", "then", "again", "with", "friends"]
NONE = "-"


def tagged_texts(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows ``text, tags, split``: each label has words of its own; a cell is ``a|b``, in any order, or "-"."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        labels = [name for name in WORDS if random.random() < 0.4]
        words = [*random.choice(PLAIN, 6), *(word for name in labels for word in random.choice(WORDS[name], 2))]
        part = ("train", "train", "train", "train", "valid", "test")[number % 6]
        cell = "|".join(random.permutation(labels)) if labels else NONE
        rows.append({"text": " ".join(random.permutation(words)) + f" {number}", "tags": cell, "split": part})
    return rows


def tagged_cells(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows ``a, b, colour, tags, split`` of a table: two labels by the signs of two numbers, one by a colour."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        a, b = random.normal(size=2)
        colour = str(random.choice(["red", "green", "blue"]))
        labels = [name for name, there in (("high", a > 0), ("wide", b > 0.3), ("warm", colour == "red")) if there]
        part = ("train", "train", "train", "train", "valid", "test")[number % 6]
        rows.append(
            {"a": f"{a:.4f}", "b": f"{b:.4f}", "colour": colour, "tags": ";".join(labels) or NONE, "split": part}
        )
    return rows
