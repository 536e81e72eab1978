"""A plain recipe for rows that come without one: what estimator and command line would take for texts and tables."""

from __future__ import annotations

import polars as pl

from limbeck.data.labels import MEMORY
from limbeck.data.split import named_parts
from limbeck.data.tables.rows import need
from limbeck.errors import LimbeckError
from limbeck.kinds.signal.columns import SIGNAL
from limbeck.networks import NETWORKS
from limbeck.recipe import Recipe, parse_recipe

LABEL, SPLIT = "label", "split"
TEXTS = ("text", "content", "sentence", "review", "文本", "内容", "评论")  # names that say what a column is
LONG = 20  # characters of an average cell from which on a column of texts is one, and no category
NETWORK = {"text": "ngram", "table": "mlp"}
TRAINING = {
    "text": {"epochs": 10, "batch_size": 64, "learning_rate": 0.02, "patience": 3, "metric": "loss"},
    "table": {"epochs": 50, "batch_size": 64, "learning_rate": 0.01, "patience": 5, "metric": "loss"},
}


def default_recipe(rows: pl.DataFrame, label: str | None = None) -> Recipe:
    """Return a recipe for a classifier of rows in memory: an n-gram model of their text, or a small network of a table.

    A column that names the parts of all rows, ``split``, splits them; one that is called ``id`` is not learned from.

    Parameters
    ----------
    label
        Column of the label; by default ``"label"``.

    Raises
    ------
    LimbeckError
        When there is no such column, or nothing to learn from beside it.
    """
    label = LABEL if label is None else label
    need(rows.columns, [label], MEMORY)
    split = SPLIT in rows.columns and label != SPLIT and _names_parts(rows[SPLIT])
    aside = {label, *([SPLIT] if split else [])}
    others = [name for name in rows.columns if name not in aside and name.lower() != "id"]
    if SIGNAL in others and rows[SIGNAL].dtype.is_nested():
        what = "windows of signals need a recipe"
        raise LimbeckError(what, where=MEMORY, fix="give one first, and the rows as data; see docs/signals.md")
    if not others:
        raise LimbeckError(f"there is no column beside {label!r}", where=MEMORY, fix="give the inputs too")
    text = _text_column(rows, others)
    kind = "table" if text is None else "text"
    return parse_recipe(
        {
            "task": {"kind": kind, "input": others if text is None else text, "label": label},
            "data": {"train": "rows given in Python", **({"split": SPLIT} if split else {})},
            "input": {"encoder": NETWORKS[NETWORK[kind]].encoders[0]},
            "student": {"network": NETWORK[kind]},
            "training": TRAINING[kind],
        },
        where=str(MEMORY),
    )


def _names_parts(column: pl.Series) -> bool:
    """Return whether every cell names a part, and train is one of them."""
    try:
        return bool((named_parts(column.to_list(), SPLIT) == "train").any())
    except LimbeckError:
        return False


def _text_column(rows: pl.DataFrame, names: list[str]) -> str | None:
    """Return the column that holds a text: by its name, as the only one, or as the longest; None where none does."""
    texts = [name for name in names if rows[name].dtype == pl.String]
    known = [name for name in texts if name.lower() in TEXTS]
    if known or (texts and len(names) == 1):
        return (known or texts)[0]
    lengths = {name: float(rows[name].str.len_chars().mean() or 0.0) for name in texts}  # type: ignore[arg-type]
    longest = max(lengths, key=lambda name: lengths[name], default=None)
    return longest if longest is not None and lengths[longest] >= LONG else None
