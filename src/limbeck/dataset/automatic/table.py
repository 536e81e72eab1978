"""What the columns of a table are for: the input, the label, the parts, the groups, and what is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from limbeck.data.labels import text_of
from limbeck.data.paths import path_in
from limbeck.data.split import named_parts
from limbeck.data.tables.rows import text_column
from limbeck.dataset.automatic.columns import ColumnFacts, file_kind, names_parts, tells_groups
from limbeck.dataset.automatic.label import called_label, check_label, could_be_label, find_label
from limbeck.dataset.automatic.several import Several, several_in
from limbeck.dataset.automatic.understood import Understood
from limbeck.errors import LimbeckError
from limbeck.kinds import KINDS
from limbeck.kinds.image.portfolio import sides_of
from limbeck.messages.message import message

VALID, TEST = 0.1, 0.2
_SHOWN = 12
_ONE_COLUMN = {"text": "automatic.text", "image": "automatic.image", "signal": "automatic.signal"}
_TEXTS = ("text", "content", "sentence", "review", "comment", "body", "文本", "内容", "评论", "评论内容", "正文")
_NORMAL = ("normal", "good", "ok", "正常")  # labels of normal rows, however rare they are
_CELLS = ("number", "date", "flag", "category")
_RARE = 0.35  # share below which the rarer of two classes is the one that metrics are about
_CONFIDENT = 50  # test rows below which figures say little
_LOOKED = 64  # pictures whose size is read


def described(
    found: Understood, frame: pl.DataFrame, columns: Sequence[ColumnFacts], where: Path, label: str | None, *,
    anomaly: bool, one_label: bool = False,
) -> None:  # fmt: skip
    """Decide what every column of a frame is for.

    Parameters
    ----------
    one_label
        Whether each cell of the label column is one label, whatever it looks like.

    Raises
    ------
    LimbeckError
        Where no column is plainly the label, or nothing is left to learn from.
    """
    normal_alone, several = False, None
    split = next((one.name for one in columns if one.name != label and names_parts(frame[one.name])), None)
    aside = [one.name for one in columns if one.role in ("constant", "empty", "identifier")]
    if anomaly:
        label = label or _plain_label(columns, split)
    else:
        label = label or find_label(columns, where, beside=[split] if split else [])
        several = None if one_label or label not in frame.columns else several_in(frame[label])
        if several is None:
            check_label(frame, columns, label, where)
        anomaly = normal_alone = split is not None and _one_class_learned(frame, label, split)
        several = None if anomaly else several
    group = next((one.name for one in columns if one.name != label and tells_groups(one)), None)
    inputs = [one for one in columns if one.name not in (label, split, group, *aside)]
    kind, names, left = _input(inputs, frame)
    if several is not None and not KINDS[kind].offers("portfolio", "several"):
        several = None
        check_label(frame, columns, str(label), where)
    tables = KINDS[kind].by_columns
    copies = [name for name in names if tables and label and _gives_away(frame, name, label)]
    names = [name for name in names if name not in copies]
    if not names:
        raise LimbeckError(
            message("automatic.no_input", label=label or ""), where=where, fix=message("automatic.no_input_fix")
        )
    if tables and all(one.role == "date" for one in inputs if one.name in names):
        what = message("automatic.only_dates", columns=names[:_SHOWN])
        raise LimbeckError(what, where=where, fix=message("automatic.no_input_fix"))
    _decide_task(found, columns, kind, names, label, before="anomaly-" if anomaly else "multilabel-" if several else "")
    if several is not None:
        _decide_several(found, several)
    if normal_alone:
        found.lines.append(message("automatic.one_class_learned"))
    if anomaly and label is not None:
        _decide_normal(found, frame, label, split)
    if copies:
        found.lines.append(message("automatic.gives_away", columns=copies, label=label))
    left = [*left, *aside]
    if shown := [name for name in left if name not in (split, label)]:
        found.lines.append(message("automatic.left_out", columns=shown[:_SHOWN], count=len(shown)))
    identifiers = [one.name for one in columns if one.role == "identifier" and one.name != label]
    if identifiers:
        found.decide("task.id", identifiers[0], message("automatic.id", column=identifiers[0]), told=False)
    _decide_parts(found, frame, group, split, label, () if several is None or not several.none else (several.none,))
    if several is not None:
        found.sample = replace(found.sample, classes=len(several.counts))
        _tell_classes(found, list(several.counts.items()), several.rows)
    elif label is not None and not anomaly:
        _decide_classes(found, frame, label)
    by_name = {one.name: one for one in columns}
    found.sample = replace(
        found.sample,
        wide=by_name[names[0]].wide / max(by_name[names[0]].characters, 1.0),
        categories=max((by_name[name].distinct for name in names if by_name[name].role == "category"), default=0),
        sides=_sides(frame, names[0], where) if KINDS[kind].offers("portfolio", "sides_of") else (),
    )


def _one_class_learned(frame: pl.DataFrame, label: str, split: str) -> bool:
    """Return whether rows of train are all of one class, and those of test are not."""
    parts = named_parts(frame[split].to_list(), split)
    labels = np.array([value or "" for value in text_of(frame[label])], dtype=object)
    learned = set(labels[np.isin(parts, ["train", "valid"])].tolist()) - {""}
    return len(learned) == 1 and len(set(labels.tolist()) - {""}) > 1


def _decide_normal(found: Understood, frame: pl.DataFrame, label: str, split: str | None) -> None:
    """Say which labels are no anomaly: what is called so, else what train holds, or the most frequent one."""
    labels = pl.Series([value or "" for value in text_of(frame[label])], dtype=pl.String)
    called = [name for name in labels.unique().sort() if name.lower() in _NORMAL]
    if split is not None:
        labels = labels.filter(pl.Series(named_parts(frame[split].to_list(), split) == "train"))
    usual = [*called, *labels.filter(labels != "").mode().sort()]
    if usual:
        found.decide("task.normal", usual[0], message("automatic.normal", name=usual[0]))


def _plain_label(columns: Sequence[ColumnFacts], split: str | None) -> str | None:
    """Return the one column that is called a label; any other may be an input of rows that are all normal."""
    named = called_label([one for one in columns if one.name != split and could_be_label(one)])
    return named[0].name if len(named) == 1 else None


def _input(inputs: Sequence[ColumnFacts], frame: pl.DataFrame) -> tuple[str, list[str], list[str]]:
    """Return the kind of the rows, their input columns, and other columns that are left out."""
    files = [one for one in inputs if one.role == "file"]
    if files:
        chosen = files[0]
        kind = file_kind(frame[chosen.name].drop_nulls().head(1).to_list())
        return kind, [chosen.name], [one.name for one in inputs if one is not chosen]
    texts = [one for one in inputs if one.role == "text"]
    cells = [one for one in inputs if one.role in _CELLS]
    named = [one for one in texts if one.name.strip().lower() in _TEXTS]
    if texts and (named or any(one.long for one in texts) or not cells):
        chosen = max(named or texts, key=lambda one: one.characters)
        return "text", [chosen.name], [one.name for one in inputs if one is not chosen]
    if not cells:  # short strings alone: what they say is in their characters
        strings = [one for one in inputs if one.role == "category"]
        if strings:
            return "text", [strings[0].name], [one.name for one in inputs if one is not strings[0]]
    if len(cells) == 1 and cells[0].role == "category" and cells[0].distinct > 0.3 * cells[0].filled:
        return "text", [cells[0].name], [one.name for one in inputs if one is not cells[0]]
    return "table", [one.name for one in cells], [one.name for one in inputs if one not in cells]


def _gives_away(frame: pl.DataFrame, name: str, label: str) -> bool:
    """Return whether a column is the label in other words: one value for each label, and the other way round."""
    pairs = frame.select(
        text_column(frame[name]).str.strip_chars().alias("value"),
        text_column(frame[label]).str.strip_chars().alias("label"),
    ).drop_nulls()
    pairs = pairs.filter((pl.col("value") != "") & (pl.col("label") != ""))
    values, labels, both = pairs["value"].n_unique(), pairs["label"].n_unique(), pairs.n_unique()
    return pairs.height >= 20 and values == labels == both


def _decide_task(
    found: Understood, columns: Sequence[ColumnFacts], kind: str, names: list[str], label: str | None, *, before: str
) -> None:
    roles = {one.name: one.role for one in columns}
    counts = {role: sum(roles[name] == role for name in names) for role in _CELLS}
    given = {f"{role}s": count for role, count in counts.items()}
    tables = KINDS[kind].by_columns
    why = (
        message("automatic.table", count=len(names), columns=names[:_SHOWN], **given)
        if tables
        else message(_ONE_COLUMN[kind], column=names[0])
    )
    found.decide("task.kind", f"{before}{kind}", why)
    found.decide("task.input", names if tables else names[0], why, told=False)
    if label is not None:
        found.decide("task.label", label, message("automatic.label", label=label))


def _decide_several(found: Understood, several: Several) -> None:
    why = message("automatic.several", separator=several.separator)
    found.decide("task.separator", several.separator, why)
    if several.none is not None:
        found.decide("task.none", several.none, message("automatic.several_none", mark=several.none))


def _decide_parts(
    found: Understood, frame: pl.DataFrame, group: str | None, split: str | None, label: str | None,
    marks: Sequence[str] = (),
) -> None:  # fmt: skip
    if split is not None:
        found.decide("data.split", split, message("automatic.split", column=split))
        if group is not None:
            found.decide("evaluation.group", group, message("automatic.folds_by_groups", column=group))
    else:
        wish: dict[str, Any] = {"valid": VALID, "test": TEST}
        why = message("automatic.drawn", valid=VALID, test=TEST)
        if group is not None:
            wish["group"], why = group, message("automatic.groups", column=group, valid=VALID, test=TEST)
        found.decide("data.split", wish, why)
    found.decide("data.leakage", "warn", message("automatic.leakage"), told=False)
    if label is None:
        return
    bare = sum(value is None for value in text_of(frame[label], marks))
    if bare:
        found.decide("data.missing_labels", "unlabelled", message("automatic.unlabelled", count=bare))
    found.sample = replace(found.sample, rows=max(1, found.sample.rows - bare))


def _decide_classes(found: Understood, frame: pl.DataFrame, label: str) -> None:
    counts = pl.Series([value for value in text_of(frame[label]) if value is not None]).value_counts(sort=True)
    names, sizes = counts.columns[0], counts["count"].to_list()
    _tell_classes(found, list(zip(counts[names].to_list(), sizes, strict=True)), sum(sizes))
    found.sample = replace(found.sample, classes=len(sizes))
    if len(sizes) == 2 and sizes[1] < _RARE * sum(sizes):
        rare = str(counts[names][1])
        found.decide("task.positive", rare, message("automatic.positive", name=rare), told=False)


def _tell_classes(found: Understood, counts: Sequence[tuple[str, int]], rows: int) -> None:
    """Say how many rows have which class or label, the most frequent first, and where too few will be left for test."""
    shown = [message("data.class_count", name=name, count=count) for name, count in counts[:_SHOWN]]
    found.lines.append(message("automatic.classes", count=len(counts), classes=shown))
    test = rows * TEST
    if isinstance(found.tables["data"].get("split"), dict) and test < _CONFIDENT:
        found.lines.append(message("automatic.few_test_rows", count=round(test)))


def _sides(frame: pl.DataFrame, name: str, where: Path) -> tuple[int, ...]:
    """Return the shorter sides of some of the pictures that a column names."""
    files = [
        path_in(where.parent, str(cell))
        for cell in frame[name].drop_nulls().gather_every(max(1, frame.height // _LOOKED))
    ]
    return sides_of(files)
