"""The teachers of a recipe at one table: who they are, what they answer, and rows of their own scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.dataset.more_tables import read_more
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.recipe import Recipe
from limbeck.recipe.paths import needed
from limbeck.teachers import Teacher, answers, open_teacher
from limbeck.teachers.scenarios import KIND, PooledTeacher, ScenarioTeacher, scenario_teachers
from limbeck.training.distill import trained_teacher as firsts


@dataclass(frozen=True)
class Panel:
    """K teachers, and for each its sample rows (None where it has none)."""

    teachers: list[Teacher]
    samples: list[pl.DataFrame | None]

    @property
    def names(self) -> list[str]:
        """The teachers' names."""
        return [teacher.name for teacher in self.teachers]

    @property
    def scenarios(self) -> list[tuple[int, ScenarioTeacher]]:
        """The teachers that learned from a scenario whose labelled rows are at hand, each with its number."""
        return [(k, one) for k, one in enumerate(self.teachers) if isinstance(one, ScenarioTeacher)]

    @property
    def pooled(self) -> list[tuple[int, PooledTeacher]]:
        """The teachers that learned from all scenarios together, each with its number."""
        return [(k, one) for k, one in enumerate(self.teachers) if isinstance(one, PooledTeacher)]

    def ask(self, rows: pl.DataFrame, cache: Path | None) -> NDArray[np.float32]:
        """Return all answers float32 [K, N, C]; what is in the cache is not asked again."""
        return answers(self.teachers, rows, folder=cache)


def seat(
    recipe: Recipe, classes: tuple[str, ...], folders: Sequence[Path | None], data: Dataset | None = None
) -> Panel:
    """Open every teacher that the recipe names.

    Parameters
    ----------
    data
        What teachers that are trained first learn from; None leaves those out.

    Raises
    ------
    LimbeckError
        For a teacher that cannot be opened, or names that stand twice.
    """
    teachers: list[Teacher] = []
    samples: list[pl.DataFrame | None] = []
    for spec in recipe.teachers:
        if spec.source.startswith(KIND):
            found, pooled = scenario_teachers(spec, recipe, classes, folders)
            teachers += [*found, *pooled]
            samples += [*(teacher.rows for teacher in found), *(None for _ in pooled)]
            continue
        if spec.source.startswith(firsts.KIND):
            if data is not None:
                teachers.append(firsts.trained_teacher(spec, recipe, data, folders))
                samples.append(None)
            continue
        teachers.append(open_teacher(spec, classes, task=recipe.task, folders=folders))
        samples.append(_sample(spec.sample, spec.sample_where, recipe, folders) if spec.sample else None)
    names = [teacher.name for teacher in teachers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise LimbeckError(f"two teachers are named {twice[0]!r}", where="recipe", fix="name each once")
    return Panel(teachers, samples)


def _sample(place: str, where: dict[str, Any], recipe: Recipe, folders: Sequence[Path | None]) -> pl.DataFrame:
    return read_more(recipe, needed(place, folders, "the teacher's sample"), keep=where).frame()


def drawn(sample: pl.DataFrame | None, count: int, seed: int) -> pl.DataFrame | None:
    """Return at most ``count`` rows of a sample, the same ones for the same seed."""
    if sample is None or not sample.height or not count:
        return None
    chosen = np.random.default_rng(seed).permutation(sample.height)[:count]
    return sample[np.sort(chosen)]


def features_of(
    recipe: Recipe, target: pl.DataFrame, others: Sequence[pl.DataFrame | None]
) -> tuple[Any, list[Any | None]]:
    """Return features of the target's rows and of each sample, for voices and relevance.

    See the module ``panel_features`` of the kind.

    Raises
    ------
    LimbeckError
        For a kind of rows that has none.
    """
    kind = kind_of(recipe.task)
    if not kind.has("panel_features"):
        what = (
            f"relevance.method = {recipe.relevance.method!r} compares rows, and rows of {kind.name!r} have no features"
        )
        raise LimbeckError(what, where="recipe", fix="set relevance.method = 'agreement'")
    found: tuple[Any, list[Any | None]] = kind.load("panel_features").features_of(recipe, target, others)
    return found


def compact(parts: list[Any], width: int = 64) -> list[NDArray[np.float64]]:
    """Return dense features of a few columns: sparse ones projected at random, signs fixed (Achlioptas 2003)."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(parts[0].shape[1], width)) / np.sqrt(width)
    return [np.asarray(part @ signs) if part.shape[1] > width else np.asarray(part) for part in parts]
