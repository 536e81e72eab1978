"""What every teacher is, and what opening one needs: its place, its options, its fingerprint."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError, did_you_mean, missing_extra
from limbeck.files import sha256
from limbeck.recipe import Task
from limbeck.recipe import Teacher as Spec
from limbeck.tasks import task_of

Answers = NDArray[np.float32]
Features = NDArray[np.float32]
Bools = NDArray[np.bool_]
_VERSION = 1  # part of every fingerprint; raise it when the same source would answer differently


class Teacher(Protocol):
    """Anything that gives class probabilities for rows.

    ``fingerprint`` changes whenever the answers could: files, options, label map, order of classes. ``columns`` are
    the ones it reads, and nothing else of a row counts; it refuses rows that lack
    one it needs. ``block`` is how many rows it is best asked at once.

    A teacher that is no black box may also have ``width``, the number D of its hidden features (0 where it gives
    none), and ``features(rows)``, which returns them, float32 [N, D], a row of NaN where it has none; see
    `limbeck.teachers.cache.hidden_features`.
    """

    name: str
    fingerprint: str
    classes: tuple[str, ...]
    columns: tuple[str, ...]
    block: int

    def answer(self, rows: pl.DataFrame) -> Answers:
        """Return float32 [N, C] in the order of ``classes``; a row of NaN is an abstention.

        Of labels that do not exclude each other a single NaN is one too: the teacher does not know that label.
        """
        ...


@dataclass(frozen=True)
class Place:
    """What a kind needs to open a teacher: its recipe entry, the place in ``kind:place``, our classes and task."""

    spec: Spec
    place: str
    classes: tuple[str, ...]
    task: Task
    folders: tuple[Path | None, ...] = ()

    @property
    def exclusive(self) -> bool:
        """Whether a row has exactly one of our classes; else a probability is wanted for each by itself."""
        return task_of(self.task).exclusive

    @property
    def where(self) -> str:
        """The teacher's name, for errors."""
        return f"teacher {self.spec.name!r}"

    def wrong(self, what: str, fix: str | None = None) -> LimbeckError:
        """Return an error that names this teacher."""
        return LimbeckError(what, where=self.where, fix=fix)

    def options(self, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``known`` defaults with the recipe's options over them, each of its default's type."""
        for key, value in self.spec.options.items():
            if key not in known:
                raise self.wrong(f"unknown option {key!r}", did_you_mean(key, known))
            kind = type(known[key])
            good = isinstance(value, int | float) if kind is float else isinstance(value, kind)
            if not good or (isinstance(value, bool) and kind is not bool):
                raise self.wrong(f"the option {key} is {value!r}, where a {kind.__name__} is wanted")
        return {**known, **self.spec.options}

    def one_of(self, key: str, value: str, choices: Sequence[str]) -> str:
        """Return an option's value, or say what it may be."""
        if value not in choices:
            raise self.wrong(f"the option {key} is {value!r}", did_you_mean(value, choices))
        return value

    def path(self) -> Path:
        """Return the place as an existing path: as it stands, or in one of the folders."""
        found = self.seek()
        if found is None:
            looked = ", ".join(dict.fromkeys(str(folder) for folder in self.folders if folder is not None)) or "."
            raise self.wrong(f"there is no {self.place!r} in {looked}", "check the path in its source")
        if not found.is_file() and not found.is_dir():
            raise self.wrong(f"{found} is neither a regular file nor a folder", "name one in its source")
        return found

    def file(self) -> Path:
        """Return the place as an existing file."""
        found = self.path()
        if not found.is_file():
            raise self.wrong(f"{found} is a folder, a file is wanted", "name a file in it")
        return found

    def seek(self) -> Path | None:
        """Return the place as a path, or None where there is none."""
        for folder in (*self.folders, Path()):
            if folder is not None and (folder / self.place).exists():
                return folder / self.place
        return None

    def columns(self, default: str | Sequence[str]) -> tuple[str, ...]:
        """Return the columns the recipe says it reads, else ``default``."""
        given = self.spec.input if self.spec.input is not None else default
        return (given,) if isinstance(given, str) else tuple(given)

    def block(self, default: int) -> int:
        """Return how many rows are asked at once: ``batch_size`` where the recipe sets it, else ``default``."""
        usual = Spec.model_fields["batch_size"].default  # a saved recipe has every default written out
        return default if self.spec.batch_size == usual else self.spec.batch_size

    def fingerprint(self, *facts: Any, options: Mapping[str, Any] | None = None) -> str:
        """Return 32 hexadecimal digits of everything an answer depends on."""
        given = options if options is not None else self.spec.options
        parts = [_VERSION, self.spec.source.partition(":")[0], self.classes, self.spec.labels, given, facts]
        if not self.exclusive:
            parts.append("independent")
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


class AnswerError(LimbeckError):
    """A teacher failed on some rows; what it did answer is kept.

    Parameters
    ----------
    row
        Position of the first bad row, from 0, in the rows asked; printed from 1.
    answers, done
        float32 [N, C] and bool [N]: the good answers, and which they are.
    """

    code = "teacher-failed"

    def __init__(
        self,
        what: str,
        *,
        teacher: str,
        row: int | None = None,
        fix: str | None = None,
        answers: Answers | None = None,
        done: Bools | None = None,
    ) -> None:
        self.teacher, self.row, self.fault, self.fix, self.answers, self.done = teacher, row, what, fix, answers, done
        place = f"teacher {teacher!r}" + ("" if row is None else f", row {row + 1}")
        super().__init__(what, where=place, fix=fix)


def heavy(module: str, purpose: str) -> Any:
    """Import a module of the ``train`` extra, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra(module.partition(".")[0], "train", purpose) from error


def file_hashes(path: Path) -> list[tuple[str, str]]:
    """Return (name, SHA-256) of a file, or of every file under a folder."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return [(str(file.relative_to(path)) if path.is_dir() else "", sha256(file)) for file in files]
