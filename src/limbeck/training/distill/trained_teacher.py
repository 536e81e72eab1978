"""``trained:NETWORK``: a teacher that is trained first, on the labelled rows of the same recipe.

The usual large teacher is nobody's finished model: it is a bigger network, several of them, or one that sees what the
student does not (the network "spectrum"), trained on the rows at hand. Here it is one line of the recipe. It is trained
when it is first asked for an answer that is not kept, so that a run that goes on does not train it again.

About rows that it learned from, a teacher mostly repeats their labels. With ``folds`` each training row is answered by
a copy that has not learned from that row's group, as in stacked generalisation (Wolpert 1992), and all other rows by
one that has learned from all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.training_hashes import copies_in, frame_keys
from limbeck.data.dataset import Dataset
from limbeck.data.split import folds as deal
from limbeck.dataset import assign_parts as parts
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.select import encode, values_of
from limbeck.progress import say
from limbeck.recipe import Recipe, parse_recipe
from limbeck.recipe import Teacher as Spec
from limbeck.teachers.base import Place
from limbeck.training.distill.boosting_teacher import NAME as BOOSTING
from limbeck.training.distill.boosting_teacher import Boosting

KIND = "trained:"
_VERSION = 2  # part of the fingerprint; raise it when the same recipe would train another teacher
WHOLE = -1  # in place of a fold: nothing is left out
_SECTIONS = ("input", "student", "objective", "training")  # that its options may change


@dataclass
class TrainedTeacher:
    """One or more students of a recipe of its own; it answers with the mean of their calibrated probabilities.

    ``folds`` holds the fold of each row of ``data``, int64, `WHOLE` for those outside of train; None where all answers
    come from students of all rows.
    """

    name: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    fingerprint: str
    kind: str
    recipes: tuple[Recipe, ...]
    data: Dataset
    folders: list[Path | None]
    folds: NDArray[np.int64] | None = None
    block: int = 1 << 20
    students: dict[int, list[Any]] = field(default_factory=dict, repr=False)

    @property
    def times(self) -> int:
        """How many students are trained in all."""
        return len(self.recipes) * (1 if self.folds is None else int(self.folds.max()) + 2)

    def answer(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """Return float32 [N, C]."""
        out = np.empty((rows.height, len(self.classes)), dtype=np.float32)
        folds = self._folds_of(rows)
        for fold in np.unique(folds):
            at = np.flatnonzero(folds == fold)
            values = values_of(rows[at], self.recipes[0].task)
            given = [one.probabilities(encode(one.encoder, values)) for one in self.trained(int(fold))]
            out[at] = np.mean(given, axis=0, dtype=np.float64)
        return out

    def trained(self, fold: int) -> list[Any]:
        """Return the students that have not learned from a fold, trained once; of `WHOLE` those of all rows."""
        from limbeck.training.student import train_student

        data, found = self.data, self.students.setdefault(fold, [])
        if self.folds is not None and fold != WHOLE:
            data = replace(data, split=np.where(self.folds == fold, "unused", data.split))
        for recipe in self.recipes[len(found) :]:
            at = f" ({len(found) + 1} of {len(self.recipes)})" if len(self.recipes) > 1 else ""
            without = "" if fold == WHOLE else f", without fold {fold + 1}"
            say(f"training teacher {self.name!r}{at}: {self.kind}{without}")
            found.append(
                Boosting(recipe, data) if self.kind == BOOSTING else train_student(recipe, data, folders=self.folders)
            )
        return found

    def _folds_of(self, rows: pl.DataFrame) -> NDArray[np.int64]:
        if self.folds is None:
            return np.full(rows.height, WHOLE, dtype=np.int64)
        return np.array([self._fold_of_key.get(key, WHOLE) for key in self._keys(rows)], dtype=np.int64)

    @cached_property
    def _fold_of_key(self) -> dict[str, int]:
        assert self.folds is not None
        train = self.data.part("train")
        return dict(zip(self._keys(self.data.frame[train]), self.folds[train].tolist(), strict=True))

    def _keys(self, rows: pl.DataFrame) -> list[str]:
        return frame_keys(rows, self.recipes[0].task, self.recipes[0].input)


def trained_teacher(spec: Spec, recipe: Recipe, data: Dataset, folders: Sequence[Path | None]) -> TrainedTeacher:
    """Return the teacher of ``source = "trained:NETWORK"``, not yet trained.

    Its ``options`` are tables ``input``, ``student``, ``objective`` and ``training`` with keys over the recipe's own
    (of ``student`` nothing is taken over), ``members``: how many are trained, with seeds that follow each other, and
    ``folds``: in how many parts the training rows are dealt, by the recipe's group, so that each part is answered by
    students that have not learned from it; 0, the default of networks, is none. ``trained:boosting`` takes ``input``
    and ``folds`` only, by default 5, or as many as there are groups.

    Raises
    ------
    LimbeckError
        For an unknown option, keys that the recipe would not have, or rows without labels.
    """
    place = Place(spec, "", data.classes, recipe.task)
    kind = spec.source.removeprefix(KIND).strip()
    given = dict(spec.options)
    sections = ("input",) if kind == BOOSTING else _SECTIONS
    members = 1 if kind == BOOSTING else _number(given, "members", 1, range(1, 65), place)
    asked = "folds" in given
    folds = _number(given, "folds", 5 if kind == BOOSTING else 0, (0, *range(2, 65)), place)
    for name, table in given.items():
        if name not in sections:
            numbers = "folds" if kind == BOOSTING else "members, folds"
            raise place.wrong(f"unknown option {name!r}", f"known: {numbers}, {', '.join(sections)}")
        if not isinstance(table, dict):
            raise place.wrong(f"the option {name} is no table", f"write {name} = {{ key = value }}")
    if not len(data.part("train")):
        raise place.wrong("it is trained on labelled rows, and there are none", "label some, or name another teacher")
    if kind == BOOSTING and not kind_of(recipe.task).offers("baseline", "flat"):
        raise place.wrong(f"boosted trees do not read {recipe.task.kind!r}", "name a network")
    first = _recipe_of(kind, given, recipe, place)
    seeds = range(first.training.seed, first.training.seed + members)
    recipes = tuple(
        first.model_copy(update={"training": first.training.model_copy(update={"seed": seed})}) for seed in seeds
    )
    columns = kind_of(recipe.task).as_teacher.columns(recipe.task.inputs)
    dealt = _dealt(recipe, data, folds, place, fewer=not asked) if folds else None
    prints = _fingerprint(kind, recipes, data, dealt)
    return TrainedTeacher(spec.name, data.classes, columns, prints, kind, recipes, data, list(folders), dealt)


def _number(given: dict[str, Any], name: str, default: int, known: Container[int], place: Place) -> int:
    value = given.pop(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or value not in known:
        least = "0 or 2" if 0 in known else "1"
        raise place.wrong(f"the option {name} is {value!r}", f"give a number from {least} to 64")
    return value


def _recipe_of(kind: str, given: dict[str, Any], recipe: Recipe, place: Place) -> Recipe:
    """Return the recipe by which the teacher is trained; trees have a student's only for want of none."""
    raw = recipe.model_dump(mode="json", exclude_none=True)
    raw |= {"teachers": [], "objective": {}}
    raw["student"] = raw["student"] if kind == BOOSTING else {"network": kind}
    for name in _SECTIONS:
        raw[name] = {**raw[name], **given.get(name, {})}
    try:
        return parse_recipe(raw)
    except LimbeckError as error:
        raise place.wrong(error.what, error.fix) from error


def _dealt(recipe: Recipe, data: Dataset, k: int, place: Place, *, fewer: bool) -> NDArray[np.int64]:
    """Return the fold of each row, int64 [N], `WHOLE` outside of train; rows of one group and copies share one.

    ``fewer`` makes it as many folds as there are groups, and of one group deals its rows.
    """
    train = data.part("train")
    groups = parts.groups(recipe, data.frame, data.sources)
    # A row without a group is told by its content: copies stay together.
    own = copies_in(data.frame[train], recipe.task, recipe.input).tolist()
    units = parts.units(None if groups is None else groups[train], own)
    if fewer and len(set(units)) == 1 and len(set(own)) > 1:
        say(f"{place.where}: all rows are of one group, so that its copies know the group of the rows they answer")
        units = np.array(own, dtype=object)
    if fewer:
        k = min(k, max(2, len(set(units))))
    try:
        folds = deal(len(train), k, labels=data.labels[train], groups=units, seed=recipe.training.seed)
    except LimbeckError as error:
        raise place.wrong(f"options.folds: {error.what}", error.fix) from error
    out = np.full(len(data.labels), WHOLE, dtype=np.int64)
    out[train] = folds
    return out


def _fingerprint(kind: str, recipes: tuple[Recipe, ...], data: Dataset, folds: NDArray[np.int64] | None) -> str:
    """Return 32 hexadecimal digits of everything the answers depend on."""
    digest = hashlib.blake2b(f"{_VERSION} {kind}".encode(), digest_size=16)
    for recipe in recipes:
        facts = recipe.model_dump(mode="json")
        if kind == BOOSTING:  # which know no student, no loss and no epoch
            facts = {name: facts[name] for name in ("task", "input")}
        digest.update(json.dumps(facts, sort_keys=True).encode())
    used = np.flatnonzero(np.isin(data.split, ["train", "valid"]))
    keys = frame_keys(data.frame[used], recipes[0].task, recipes[0].input)
    digest.update("\x00".join(map(str, keys)).encode("utf-8", "surrogatepass"))
    digest.update("\x00".join(data.split[used]).encode())
    digest.update(np.ascontiguousarray(data.labels[used]).tobytes())
    digest.update(b"" if folds is None else np.ascontiguousarray(folds[used]).tobytes())
    return digest.hexdigest()
