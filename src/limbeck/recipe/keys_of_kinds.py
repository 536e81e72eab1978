"""Which keys of a recipe only some kinds of task read: a key that would have no effect is an error."""

from __future__ import annotations

from typing import Any

_TEXT, _TABLE, _IMAGE, _SIGNAL = ("text",), ("table",), ("image",), ("signal",)
# Section and key -> the kinds of rows that read it.
_ROWS: dict[tuple[str, str], tuple[str, ...]] = {
    ("input", "encoder"): (*_TEXT, *_TABLE),
    **dict.fromkeys(
        (
            ("input", name)
            for name in (
                "max_length", "vocabulary", "min_count", "stop_words", "ngrams", "word_ngrams", "buckets", "wide",
                "clean",
            )
        ),
        _TEXT,
    ),
    **dict.fromkeys((("input", name) for name in ("scaling", "categories")), _TABLE),
    **dict.fromkeys((("input", name) for name in ("size", "colour", "convention", "box", "margin")), _IMAGE),
    ("input", "signal"): _SIGNAL,
    ("student", "wide"): _TEXT,
    ("evaluation", "adversary"): _IMAGE,
}  # fmt: skip
# Section and key -> the kinds of rows whose anomalies are looked for by a task that reads it; no classifier does.
_ANOMALIES: dict[tuple[str, str], tuple[str, ...]] = {
    ("task", "normal"): (*_TABLE, *_IMAGE, *_SIGNAL),
    ("task", "mask"): _IMAGE,
    ("anomaly", "false_alarms"): (*_TABLE, *_IMAGE, *_SIGNAL),
}
# Section and key -> the kinds of rows in which boxes are found by a task that reads it.
_BOXES: dict[tuple[str, str], tuple[str, ...]] = {
    ("data", "boxes"): _IMAGE,
    ("input", "letterbox"): _IMAGE,
    ("training", "windows"): _IMAGE,
}
# Section and key -> the kinds of rows that may have several labels, of a task that reads it.
_SEVERAL: dict[tuple[str, str], tuple[str, ...]] = {
    ("task", "separator"): (*_TEXT, *_TABLE),
    ("task", "none"): (*_TEXT, *_TABLE),
}
_PICTURES = "pictures, of task.kind = 'image' or 'anomaly-image'"
# Section and key of pictures, the value that turns it off, a task that does not read it, and what is said to others.
_REFUSED: tuple[tuple[str, str, bool, str, str], ...] = (
    ("evaluation", "pictures", False, "", _PICTURES),
    ("student", "spectrum", False, "anomaly", "task.kind = 'image'"),
)


def refused(recipe: Any) -> str | None:
    """Return what is wrong with a key that is on and that the recipe's kind of task never reads, or None."""
    task = recipe.task
    for section, key, off, without, whose in _REFUSED:
        read = task.rows in _IMAGE and task.name != without
        if getattr(getattr(recipe, section), key) != off and not read:
            return f"{section}.{key} is for {whose}"
    if task.name != "classify" and recipe.export.prune:
        return "export.prune is for classifiers"
    if task.name not in ("classify", "anomaly") and recipe.export.limited:
        return "export.max_size and export.min_rows_per_second are for classifiers and detectors of anomalies"
    return None


def misplaced(recipe: Any) -> str | None:
    """Return what is wrong with the first key that is set and that the recipe's kind of task never reads, or None.

    A key at its default is not set: the recipe in a bundle writes out all of them.
    """
    task = recipe.task
    for keys, before in ((_ROWS, ""), (_ANOMALIES, "anomaly-"), (_BOXES, "detect-"), (_SEVERAL, "multilabel-")):
        for (section, key), kinds in keys.items():
            held = getattr(recipe, section)
            default = type(held).model_fields[key].get_default(call_default_factory=True)
            names = [f"{before}{kind}" for kind in kinds]
            if getattr(held, key) == default or (task.kind if before else task.rows) in names:
                continue
            wanted = " or ".join(map(repr, names))
            return f"{section}.{key} is for task.kind = {wanted}, and here it is {task.kind!r}: remove {key}"
    return None
