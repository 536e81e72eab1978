"""``trained:NETWORK``: a teacher that is trained first, on the labelled rows of the same recipe.

The usual large teacher is nobody's finished model: it is a bigger network, several of them, or one that sees what the
student does not (the network "spectrum"), trained on the rows at hand. Here it is one line of the recipe. It is trained
when it is first asked for an answer that is not kept, so that a run that goes on does not train it again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.bundle.seen import frame_keys
from limbeck.data import beats, located
from limbeck.data.prepare import Dataset
from limbeck.errors import LimbeckError
from limbeck.inputs.kinds import encode, values_of
from limbeck.progress import say
from limbeck.recipe import Recipe, parse_recipe
from limbeck.recipe import Teacher as Spec
from limbeck.teachers.base import Place

KIND = "trained:"
_VERSION = 1  # part of the fingerprint; raise it when the same recipe would train another teacher
_SECTIONS = ("input", "student", "objective", "training")  # that its options may change


@dataclass
class TrainedTeacher:
    """One or more students of a recipe of its own; it answers with the mean of their calibrated probabilities."""

    name: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    fingerprint: str
    recipes: tuple[Recipe, ...]
    data: Dataset
    folders: list[Path | None]
    block: int = 1 << 20
    students: list[Any] = field(default_factory=list, repr=False)

    def answer(self, rows: pl.DataFrame) -> NDArray[np.float32]:
        """Return float32 [N, C]."""
        self.train()
        values = values_of(rows, self.recipes[0].task)
        given = [student.probabilities(encode(student.encoder, values)) for student in self.students]
        return np.asarray(np.mean(given, axis=0, dtype=np.float64), dtype=np.float32)

    def train(self) -> None:
        """Train its students, once."""
        from limbeck.training.student import train_student

        for recipe in self.recipes[len(self.students) :]:
            at = f" ({len(self.students) + 1} of {len(self.recipes)})" if len(self.recipes) > 1 else ""
            say(f"training teacher {self.name!r}{at}: {recipe.student.network}")
            self.students.append(train_student(recipe, self.data, folders=self.folders))


def trained_teacher(spec: Spec, recipe: Recipe, data: Dataset, folders: Sequence[Path | None]) -> TrainedTeacher:
    """Return the teacher of ``source = "trained:NETWORK"``, not yet trained.

    Its ``options`` are tables ``input``, ``student``, ``objective`` and ``training`` with keys over the recipe's own
    (of ``student`` nothing is taken over), and ``members``: how many are trained, with seeds that follow each other.

    Raises
    ------
    LimbeckError
        For an unknown option, keys that the recipe would not have, or rows without labels.
    """
    place = Place(spec, "", data.classes, recipe.task)
    given = dict(spec.options)
    members = given.pop("members", 1)
    if not isinstance(members, int) or isinstance(members, bool) or not 1 <= members <= 64:
        raise place.wrong(f"the option members is {members!r}", "give a number from 1 to 64")
    for name, table in given.items():
        if name not in _SECTIONS:
            raise place.wrong(f"unknown option {name!r}", f"known: members, {', '.join(_SECTIONS)}")
        if not isinstance(table, dict):
            raise place.wrong(f"the option {name} is no table", f"write {name} = {{ key = value }}")
    if not len(data.part("train")):
        raise place.wrong("it is trained on labelled rows, and there are none", "label some, or name another teacher")
    raw = recipe.model_dump(mode="json", exclude_none=True)
    raw |= {"teachers": [], "objective": {}, "student": {"network": spec.source.removeprefix(KIND).strip()}}
    for name in _SECTIONS:
        raw[name] = {**raw[name], **given.get(name, {})}
    try:
        first = parse_recipe(raw)
    except LimbeckError as error:
        raise place.wrong(error.what, error.mend) from error
    seeds = range(first.training.seed, first.training.seed + members)
    recipes = tuple(
        first.model_copy(update={"training": first.training.model_copy(update={"seed": seed})}) for seed in seeds
    )
    columns = tuple(recipe.task.inputs)
    if recipe.task.rows == "image":
        columns = (*columns, located.FILE, located.BOX, located.HASH)
    if recipe.task.rows == "signal":
        columns = beats.READ
    prints = _fingerprint(recipes, data)
    return TrainedTeacher(spec.name, data.classes, columns, prints, recipes, data, list(folders))


def _fingerprint(recipes: tuple[Recipe, ...], data: Dataset) -> str:
    """Return 32 hexadecimal digits of everything the answers depend on."""
    digest = hashlib.blake2b(f"{_VERSION}".encode(), digest_size=16)
    for recipe in recipes:
        digest.update(json.dumps(recipe.model_dump(mode="json"), sort_keys=True).encode())
    used = np.flatnonzero(np.isin(data.split, ["train", "valid"]))
    keys = frame_keys(data.frame[used], recipes[0].task, recipes[0].input)
    digest.update("\x00".join(map(str, keys)).encode("utf-8", "surrogatepass"))
    digest.update("\x00".join(data.split[used]).encode())
    digest.update(np.ascontiguousarray(data.labels[used]).tobytes())
    return digest.hexdigest()
