"""What a kind of rows is: one object that holds all that differs between texts, images, signals and tables.

Each folder beside this file has such an object in its ``__init__.py``, and `limbeck.kinds.KINDS` lists them. What is
heavy, or needs torch or scikit-learn, is a module of the folder that is named and loaded when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.defaults import first_column, name_alone
from limbeck.kinds.sections import AsTeacher, Copies, Parts, Reading
from limbeck.recipe import Input, Task

Shapes = dict[str, tuple[int, ...]]
Values = Any  # list[str], list[Picture] or pl.DataFrame: what the encoder of the kind reads


class Encoded(Sized, Protocol):
    """N encoded rows."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The cost of each row, int64 [N]."""


@dataclass(frozen=True)
class Kind:
    """All that differs between kinds of rows.

    A module of the kind's folder with one of these names is found by its name, and what needs it is left out without:

    ``explain``
        What of each row drove its answer: see `limbeck.bundle.classifier.Classifier.explain`.
    ``vectors``
        The features of each row: see `limbeck.bundle.classifier.Classifier.features`.
    ``epoch``
        ``changed_rows``, the rows of each epoch; ``check_views`` and ``viewed_rows``, for losses that want a second
        view. Without it all epochs have the same rows.
    ``added_rows``
        ``with_added``: epoch -> rows and labels, with rows that are made of them behind these; ``check_added``.
    ``baseline``
        ``fit_and_measure``: recipe, training rows, which of them, rows to evaluate, which, the positive class, and
        ``steady``, whether to regularise more -> the line of the report. ``forest_features``: recipe, two frames ->
        float32, for anomalies. ``flat``: encoded rows -> float32 [N, F], for boosted trees as a teacher.
        ``kept``: a context in which what the baseline reads of rows stays in memory, so that they are read once.
    ``panel_features``
        ``features_of``, by which rows are compared with those that teachers know.
    ``scenario``
        ``fit``: a classifier of one scenario's rows, of a frame and labels.
    ``data_check``
        ``doubts``: recipe, prepared rows -> what of them is likely to harm, and what would help.
    ``tensors``
        Rows as tensors of the Open Inference Protocol: see `limbeck.kinds.tensors`.
    ``sent``
        What other processes are sent of rows, where many are answered: see `limbeck.bundle.prediction.row_workers`.
    ``gallery``
        ``with_thumbnails``: small pictures of rows for a report.
    ``heatmap``
        ``HeatMaps``: a folder that takes a drawing of where each row is strange.
    ``report``
        ``pages``, what is added to a report, and ``figures``, to what `evaluate` returns; ``drawing``, one row of a
        file as a person who reviews it sees it.

    Attributes
    ----------
    name
        As in ``task.kind``; also the name of the folder.
    encoder
        What turns raw values into arrays, in training and in serving. Beside ``fit``, ``load``, ``save``, ``files``,
        ``encode``, ``encode_each``, ``batch`` and ``blank`` it has ``most`` and ``window`` (rows of a batch, rows that
        are encoded together), ``completed`` (values with what their neighbours say of them) and ``largest`` (shapes of
        the largest batches).
    values
        The raw values of the rows of a frame.
    from_memory
        The raw values of what is given from Python.
    reading, copies, parts, as_teacher
        Where rows come from, what makes two of them copies, how they come to be in train, valid and test, and what a
        teacher is asked about them: see `limbeck.kinds.sections`.
    names
        What people call each row; of texts and tables the content itself.
    by_name
        Whether findings call a row by its name, and not by its number.
    one_text
        Whether a row is one text: a teacher abstains where it is empty, ``input.max_length`` cuts it, and a report
        looks for groups of rows by length.
    costly
        Whether rows cost so much to encode that the reference of the training rows goes without their vectors.
    in_cells
        Whether the input columns hold what is learned itself, and not where it lies.
    sizes
        A unit and how large each raw value is in it, for the reference of the training rows.
    anomalies
        Whether anomalies may be looked for among rows of this kind.
    framed
        Whether raw values are a frame of polars.
    whole
        Whether rows are answered all at once, as each is held against the others of its record.
    calibrated
        Whether some training rows are kept to calibrate an int8 model.
    reads
        What a network has to read, by the names of its ``encoders``: of a task and ``[input]``; one is enough.
    plural
        What rows are called in a model card.
    labels_apart
        Whether reviewed labels come in a table of rows by name, as the sources of the rows themselves are no tables.
    by_columns
        Whether an input is bound to columns by their names, each with a meaning of its own.
    rounds, filled_up
        Whether rounds with the student as a voter are likely to help; whether they go with rows of the teachers'
        scenarios among those of few training rows.
    """

    name: str
    encoder: type[Any]
    values: Callable[[pl.DataFrame, Task], Values]
    from_memory: Callable[[object, Task], Values]
    reading: Reading = field(default_factory=Reading)
    copies: Copies = field(default_factory=Copies)
    parts: Parts = field(default_factory=Parts)
    as_teacher: AsTeacher = field(default_factory=AsTeacher)
    names: Callable[[pl.DataFrame, Task], list[str]] = first_column
    by_name: bool = False
    one_text: bool = False
    in_cells: bool = True
    sizes: Callable[[Values], tuple[str, Sequence[float] | NDArray[np.float64]]] | None = None
    anomalies: bool = False
    framed: bool = False
    whole: bool = False
    calibrated: bool = False
    reads: Callable[[Task, Input], tuple[str, ...]] = name_alone
    plural: str = "rows"
    labels_apart: bool = False
    costly: bool = False
    by_columns: bool = False
    rounds: bool = False
    filled_up: bool = False

    def load(self, module: str) -> Any:
        """Import a module of the kind's folder, e.g. ``"augment"``.

        Raises
        ------
        LimbeckError
            Where the kind has no such module.
        """
        if not self.has(module):
            raise LimbeckError(f"rows of kind {self.name!r} have no {module}")
        return import_module(f"limbeck.kinds.{self.name}.{module}")

    def offers(self, module: str, function: str) -> bool:
        """Return whether the kind's folder holds a module with this function."""
        return self.has(module) and hasattr(self.load(module), function)

    def has(self, module: str) -> bool:
        """Return whether the kind's folder holds a module of this name."""
        try:
            return find_spec(f"limbeck.kinds.{self.name}.{module}") is not None
        except ModuleNotFoundError:  # the kind has no folder here
            return False


def largest_batch(rows: Encoded, one: Mapping[str, NDArray[Any]], tokens: int, most: int) -> list[Shapes]:
    """Return array name -> shape of the largest batch of rows that all cost the same.

    Parameters
    ----------
    rows, one
        A blank row, encoded, and its batch.
    tokens, most
        Tokens and rows of a batch at most; see `limbeck.kinds.text.encoding.ragged.batches`.
    """
    count = max(1, min(most, tokens // max(int(rows.lengths[0]), 1)))
    return [{name: (count, *array.shape[1:]) for name, array in one.items()}]
