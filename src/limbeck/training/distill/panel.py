"""The teachers of a recipe at one table: who they are, what they answer, and rows of their own scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from limbeck.data.dataset import Dataset
from limbeck.data.tables.rows import text_column
from limbeck.dataset.more_tables import read_more
from limbeck.errors import LimbeckError
from limbeck.kinds.image.encode import ImageInput
from limbeck.kinds.image.files import pictures_of
from limbeck.kinds.signal.encode import SignalInput
from limbeck.kinds.table.encode import TableInput
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.ngrams import Ngrams
from limbeck.recipe import Input, Recipe
from limbeck.recipe.paths import needed
from limbeck.teachers import Teacher, answers, open_teacher
from limbeck.teachers.scenarios import KIND, ScenarioTeacher, scenario_teachers
from limbeck.training.distill import trained_teacher as firsts

_GRID = 8  # places a side of a picture's features
_FEATURES = Input(encoder="ngrams", ngrams=(1, 3), word_ngrams=2, buckets=2**18)


@dataclass(frozen=True)
class Panel:
    """K teachers, and for each its sample rows (None where it has none)."""

    teachers: list[Teacher]
    samples: list[pl.DataFrame | None]

    @property
    def names(self) -> list[str]:
        """The teachers' names."""
        return [teacher.name for teacher in self.teachers]

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
            found: list[ScenarioTeacher] = scenario_teachers(spec, recipe, classes, folders)
            teachers += found
            samples += [teacher.rows for teacher in found]
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
        raise LimbeckError(f"two teachers are named {twice[0]!r}", where="recipe", mend="name each once")
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

    Texts give unit-length TF-IDF rows of hashed n-grams of characters and words, their document frequencies read off
    the target's rows (n-grams that neither target nor samples repeat are left out); tables give their scaled numbers,
    what is missing, and their categories; pictures their colours on a coarse grid, signals some samples and the
    rhythm.
    """
    if recipe.task.rows == "image":
        return _coarse(recipe, target), [None if other is None else _coarse(recipe, other) for other in others]
    if recipe.task.rows == "signal":
        return _sparse(recipe, target), [None if other is None else _sparse(recipe, other) for other in others]
    if recipe.task.rows == "table":
        reader = TableInput.fit(recipe.input, target.select(n for n in recipe.task.inputs if n in target.columns))
        return _table_features(reader, target), [None if o is None else _table_features(reader, o) for o in others]
    mine = _bags(recipe, target)
    theirs = [None if other is None else _bags(recipe, other) for other in others]
    seen = np.bincount(mine.indices, minlength=mine.shape[1])
    elsewhere = np.zeros_like(seen)
    for bags in theirs:
        if bags is not None:
            elsewhere += np.bincount(bags.indices, minlength=mine.shape[1])
    kept = np.flatnonzero((seen >= 2) | (elsewhere >= 5))
    count = mine.shape[0]
    # Capped at what two rows give: an n-gram of one row is not telling, only rare.
    idf = np.minimum(np.log((1 + count) / (1 + seen[kept])), np.log((1 + count) / 3)) + 1
    scaled = [None if bags is None else unit_rows(bags[:, kept] @ sparse.diags_array(idf)) for bags in [mine, *theirs]]
    return scaled[0], scaled[1:]


def _sparse(recipe: Recipe, frame: pl.DataFrame) -> NDArray[np.float64]:
    """Return every eighth sample of each window, and its rhythm."""
    rows = SignalInput(recipe.input).encode(frame)
    return np.concatenate([rows.beats[:, :, ::8].reshape(len(rows), -1), rows.rhythm], axis=1).astype(np.float64)


def _coarse(recipe: Recipe, frame: pl.DataFrame) -> NDArray[np.float64]:
    reader = ImageInput(recipe.input.model_copy(update={"size": _GRID}))
    return reader.encode(pictures_of(frame, recipe.task)).pixels.reshape(frame.height, -1) / 255.0


def _bags(recipe: Recipe, frame: pl.DataFrame) -> Any:
    texts = text_column(frame[recipe.task.inputs[0]]).fill_null("").to_list()
    rows = Ngrams(_FEATURES).encode(clean_all(texts, recipe.input.clean), recipe.input.max_length * 4)
    assert rows.weights is not None
    shape = (len(rows), _FEATURES.buckets + 1)
    return sparse.csr_array((rows.weights.astype(np.float64), rows.values, rows.offsets.astype(np.int32)), shape=shape)


def unit_rows(rows: Any) -> Any:
    """Scale each row of an array or a sparse matrix [N, F] to length one; empty rows stay empty."""
    if not sparse.issparse(rows):
        return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
    return (sparse.diags_array(1.0 / np.maximum(norms, 1e-9)) @ rows).tocsr()


def _table_features(reader: TableInput, frame: pl.DataFrame) -> NDArray[np.float64]:
    rows = reader.encode(frame)
    buckets = np.arange(1, reader.settings.categories + 1)
    hot = [(rows.categories[:, [at]] == buckets).astype(np.float64) for at in range(rows.categories.shape[1])]
    return np.concatenate([rows.numbers, rows.missing, *hot], axis=1).astype(np.float64)
