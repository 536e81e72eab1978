"""`DistilledClassifier`: learning from fitted classifiers, under scikit-learn's contract.

The recipe that its parameters stand for goes through the same distillation, training and export as one from a file.
What scikit-learn expects beyond that (validation, tags, clones, pickles, answers that do not depend on the batch)
is here. See https://scikit-learn.org/stable/developers/develop.html.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from limbeck.dataset.in_memory import dataset_of, twice
from limbeck.dataset.prepare import texts_of
from limbeck.errors import LimbeckError, missing_extra
from limbeck.kinds import KINDS
from limbeck.kinds.given.frames import from_pandas, has_texts
from limbeck.kinds.select import checked_values, encode, values_of
from limbeck.process.forks import refuse_forked
from limbeck.progress import hushed
from limbeck.recipe import Recipe, Task, override, parse_recipe

try:
    import torch  # noqa: F401 - first, as scikit-learn looks for it: where it is missing, that is what is said
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import (
        assert_all_finite,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )

    from limbeck.metrics.logits import softmax
    from limbeck.networks import NETWORKS
    from limbeck.training.distill.distill import distil
    from limbeck.training.distill.fitted_teachers import class_name, named, plain, seated
    from limbeck.training.distill.targets import Targets
    from limbeck.training.export.gate import logits_of
    from limbeck.training.one_at_a_time import alone
    from limbeck.training.student import train_student
except ModuleNotFoundError as error:
    package = (error.name or "torch").partition(".")[0].replace("sklearn", "scikit-learn")
    raise missing_extra(package, "train", "limbeck.estimator") from error

_TRAINING = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience")
_NETWORKS = {"table": "mlp", "text": "ngram"}


class FitError(LimbeckError, ValueError):
    """A `LimbeckError` that scikit-learn's callers know as the ValueError they expect."""


class DistilledClassifier(ClassifierMixin, BaseEstimator):
    """One small network that learns from fitted classifiers, from labels, or from both.

    Parameters
    ----------
    teachers
        Fitted classifiers, or pairs (name, classifier), each with `predict_proba` or `decision_function`; a clone
        keeps them fitted. None: plain supervised training.
    kind
        ``"table"``: X is numeric [N, F], or a pandas or polars frame whose texts are categories; NaN is missing.
        ``"text"``: X is a sequence of N texts, and the teachers get the list of them.
    method
        How the teachers' answers are weighed: a method of `limbeck.relevance`, or ``"joint"``.
    network
        The student; by default ``"mlp"`` for tables and ``"ngram"`` for texts.
    losses
        Loss -> weight. By default ``hard`` without teachers, ``distil`` without labels, else half of each.
    unlabelled
        The value of y that marks a row without a label; None: every row has one.
    epochs, batch_size, learning_rate, weight_decay, patience
        As in the recipe's ``[training]``. A tenth of the labelled rows chooses the best epoch by its loss; of fewer
        than 50, all of them do.
    settings
        ``section.key`` -> value for anything else that a recipe can say, e.g. ``{"student.hidden": 32}``.
    random_state
        int, RandomState or None.
    verbose
        Whether training prints its lines on stderr.

    Attributes
    ----------
    classes_
        [C], sorted: those of the labels and of all teachers.
    relevance_, trust_
        float64 [K], how far each teacher is trusted, and the whole trust report; empty and None without teachers.
    n_iter_
        Epochs that were trained.
    student_
        The trained `limbeck.training.student.Student`.
    n_features_in_, feature_names_in_
        As in scikit-learn, for tables.
    """

    def __init__(
        self,
        teachers: Sequence[Any] | None = None,
        *,
        kind: str = "table",
        method: str = "auto",
        network: str | None = None,
        losses: Mapping[str, float] | None = None,
        unlabelled: Any = None,
        epochs: int = 50,
        batch_size: int = 64,
        learning_rate: float = 0.01,
        weight_decay: float = 0.01,
        patience: int = 5,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
        verbose: bool = False,
    ) -> None:
        self.teachers = teachers
        self.kind = kind
        self.method = method
        self.network = network
        self.losses = losses
        self.unlabelled = unlabelled
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.settings = settings
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: ArrayLike | None = None) -> DistilledClassifier:
        """Train the student on N rows, with labels [N], or with teachers alone.

        Raises
        ------
        ValueError
            For rows or labels that cannot be learned from, as everywhere in scikit-learn.
        LimbeckError
            For parameters and teachers that cannot be used; one teacher without labels among them.
        """
        with hushed(not self.verbose), alone():
            self._fit(X, y)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return calibrated probabilities float64 [N, C], columns in the order of ``classes_``."""
        check_is_fitted(self)
        values = values_of(self._frame(X, reset=False), self._recipe.task)
        student = self.student_
        # In double precision a row of a table gets the same answer alone as among others.
        network = student.network if self._one_column else copy.deepcopy(student.network).double()
        logits = logits_of(network, student.encoder, encode(student.encoder, values))
        return softmax(logits.astype(np.float64) / student.temperature)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each of N rows."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])

    def save(self, folder: str | Path) -> Path:
        """Write a bundle that `limbeck.load` reads without torch and that answers like this estimator.

        It is exported through the gate and evaluated on the rows held back. Columns of an array are called x0, x1, …

        Raises
        ------
        LimbeckError
            When the folder holds something else, or the training rows are gone, which a pickle leaves out.
        """
        from limbeck.training.finish import finish  # export needs more packages than training
        from limbeck.training.train import refuse_foreign

        check_is_fitted(self)
        if not hasattr(self, "_rows"):
            what = "a copy has left the training rows behind, and a bundle is evaluated on some of them"
            raise FitError(what, where=type(self).__name__, fix="save before you pickle or copy, or fit again")
        target = Path(folder).resolve()
        refuse_foreign(target)
        with hushed(not self.verbose), alone():
            rows = replace(self._rows, texts=texts_of(self._rows.frame, self._recipe.task))
            return finish(self._recipe, rows, self.student_, target, trust=self.trust_).bundle

    def _fit(self, X: Any, y: ArrayLike | None) -> None:
        pairs = named(self.teachers)
        if y is None and not pairs:
            what = "requires y to be passed, but the target y is None"
            raise FitError(what, where=type(self).__name__, fix="give labels, or name teachers")
        frame = self._frame(X, reset=True)
        known, given = self._labels(y, frame.height)
        self.classes_ = _classes(given if known.any() else None, pairs)
        names = tuple(class_name(value) for value in self.classes_)
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        recipe = self._recipe_of(frame.columns, names, pairs, seed, labelled=bool(known.any()))
        labels = np.full(frame.height, -1, dtype=np.int64)
        labels[known] = np.searchsorted(self.classes_, given)
        data, few = dataset_of(frame, labels, names, seed)
        taught = targets = None
        if pairs:
            whole = X if not self._one_column and self._mixed else self._native(frame)
            taught = distil(recipe, data, folders=[], panel=seated(recipe, names, pairs, X, whole))
            targets = _all_choose(taught.targets, labels) if few else taught.targets
        if few and known.any():
            data = twice(data)
        student = train_student(recipe, data, folders=[], targets=targets)
        # Rows that were learned are no ground for being surer of the others.
        self.student_ = replace(student, temperature=1.0) if few and known.any() else student
        self.student_.network.cpu()
        self.n_iter_ = len(student.history.epochs)
        self.trust_ = taught.trust if taught else None
        self.relevance_ = np.array([teacher["relevance"] for teacher in (self.trust_ or {"teachers": []})["teachers"]])
        self._recipe, self._rows = recipe, data

    @property
    def _one_column(self) -> bool:
        """Whether X is a sequence of texts; a kind that is none is refused with the recipe."""
        return self.kind in KINDS and KINDS[self.kind].one_text

    def _native(self, frame: pl.DataFrame) -> Any:
        """Return what a teacher takes: a list of texts, or float64 [N, F] with NaN where missing."""
        return frame["text"].to_list() if self._one_column else frame.fill_null(np.nan).to_numpy()

    def _frame(self, X: Any, *, reset: bool) -> pl.DataFrame:
        """Return X as a checked frame; numbers as floats, null where missing."""
        refuse_forked()
        if self._one_column:
            texts = [str(text) for text in checked_values(X, Task(kind="text"))]
            if len(texts) < (2 if reset else 1):
                raise FitError(f"Found array with {len(texts)} sample(s), which is too few", where=type(self).__name__)
            return pl.DataFrame({"text": texts}, schema={"text": pl.String})
        if reset:
            self._mixed = has_texts(X)
        if self._mixed:
            validate_data(self, X, reset=reset, skip_check_array=True)
            frame = X if isinstance(X, pl.DataFrame) else from_pandas(X)
            return frame.fill_nan(None)
        few = {"ensure_min_samples": 2} if reset else {}
        numbers = validate_data(self, X, reset=reset, dtype=np.float64, ensure_all_finite="allow-nan", **few)
        named = getattr(self, "feature_names_in_", None)
        columns = [f"x{at}" for at in range(numbers.shape[1])] if named is None else [str(name) for name in named]
        return pl.DataFrame(numbers, schema=columns).fill_nan(None)

    def _labels(self, y: ArrayLike | None, rows: int) -> tuple[NDArray[np.bool_], NDArray[Any]]:
        """Return bool [N], which rows have a label, and the labels of those."""
        if y is None:
            return np.zeros(rows, dtype=bool), np.empty(0)
        given = column_or_1d(y, warn=True)
        check_consistent_length(range(rows), given)
        assert_all_finite(given, input_name="y")
        known = np.ones(rows, dtype=bool)
        if self.unlabelled is not None:
            known = np.array([value != self.unlabelled for value in given.tolist()])
            given = np.array(given[known].tolist())  # without the marker they may be numbers again
        if known.any():
            check_classification_targets(given)
        elif not self.teachers:
            raise FitError("no row has a label", where=type(self).__name__, fix="give labels, or name teachers")
        return known, given

    def _recipe_of(
        self, columns: list[str], names: tuple[str, ...], pairs: list[tuple[str, Any]], seed: int, *, labelled: bool
    ) -> Recipe:
        network = self.network or _NETWORKS.get(self.kind, "")
        encoders = NETWORKS[network].encoders if network in NETWORKS else ("table",)
        usual = {"hard": 1.0} if not pairs else {"hard": 0.5, "distil": 0.5} if labelled else {"distil": 1.0}
        label = "label"
        while label in columns:
            label += "_"
        training = {name: getattr(self, name) for name in _TRAINING}
        raw = {
            "task": {
                "kind": self.kind,
                "input": columns[0] if self._one_column else columns,
                "label": label,
                "classes": list(names),
            },
            "data": {"train": "rows given in Python", "duplicates": "keep"},
            "input": {"encoder": encoders[0]},
            "student": {"network": network},
            "teachers": [{"name": name, "source": f"python:{type(model).__name__}"} for name, model in pairs],
            "relevance": {"method": self.method},
            "objective": {"losses": usual if self.losses is None else dict(self.losses)},
            "training": {key: plain(value) for key, value in training.items()} | {"metric": "loss", "seed": seed},
            "evaluation": {"threshold": 0.5},  # `predict` takes the most probable class, and so does the bundle
            "export": {"int8": "never"},
        }
        recipe = parse_recipe(raw, where=type(self).__name__)
        return override(recipe, {key: plain(value) for key, value in (self.settings or {}).items()})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        text = self._one_column
        tags.target_tags.required = not self.teachers
        tags.input_tags.two_d_array, tags.input_tags.one_d_array = not text, text
        tags.input_tags.string, tags.input_tags.allow_nan = text, not text
        return tags

    def __sklearn_clone__(self) -> DistilledClassifier:
        # scikit-learn would clone the teachers too, and a clone is not fitted.
        fresh: DistilledClassifier = super().__sklearn_clone__()
        fresh.teachers = self.teachers
        return fresh

    def __getstate__(self) -> dict[str, Any]:
        # A pickle travels; the rows that it was trained on stay.
        return {name: value for name, value in super().__getstate__().items() if name != "_rows"}


def _classes(labels: NDArray[Any] | None, pairs: list[tuple[str, Any]]) -> NDArray[Any]:
    """Return the classes of labels and teachers together, sorted."""
    parts = [np.unique(labels)] if labels is not None else []
    parts += [np.asarray(model.classes_) for _, model in pairs]
    if len({all(isinstance(value, str) for value in part) for part in parts}) > 1:
        what = "some classes are texts and others numbers"
        raise FitError(what, where="y and teachers", fix="fit all teachers on the same labels")
    found: NDArray[Any] = np.unique(np.concatenate(parts))
    if len(found) < 2:
        what = f"all rows are of the class {class_name(found[0])!r}"
        raise FitError(what, where="y", fix="a classifier needs two classes to tell apart")
    return found


def _all_choose(targets: Targets, labels: NDArray[np.int64]) -> Targets:
    """Let every row train, and choose the epoch: the labelled ones, or where there is none, all."""
    rows = np.concatenate([targets.rows, targets.held])
    answers = np.concatenate([targets.answers, targets.held_answers])
    chosen = labels[rows] >= 0 if (labels >= 0).any() else np.ones(len(rows), dtype=bool)
    return Targets(rows, answers, rows[chosen], answers[chosen])
