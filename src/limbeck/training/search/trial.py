"""One trial of a search: a student trained with the drawn settings, scored on ``valid`` after every epoch.

A request is plain data, so that another process or another machine can evaluate it from the same recipe and rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import optuna

from limbeck.dataset.prepare import Dataset, prepare
from limbeck.errors import LimbeckError
from limbeck.events import listening
from limbeck.metrics.logits import softmax
from limbeck.process.quiet import at_level
from limbeck.recipe import Recipe, Tune, load_recipe, override
from limbeck.training.distill.distill import distil
from limbeck.training.fit.validation_scores import scores_of
from limbeck.training.student import fingerprint, told_apart, train_student

PRUNER = optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1)


@dataclass(frozen=True)
class Score:
    """The final score of a trial, None where it was pruned, and the score after each epoch."""

    value: float | None
    epochs: list[tuple[int, float]]

    @classmethod
    def of(cls, trial: optuna.trial.FrozenTrial) -> Self:
        """Return the score of a trial that is complete."""
        return cls(trial.value, sorted(trial.intermediate_values.items()))

    @classmethod
    def load(cls, facts: Mapping[str, Any]) -> Self:
        """Return what `dataclasses.asdict` made plain."""
        return cls(facts["value"], [(epoch, value) for epoch, value in facts["epochs"]])


@dataclass(frozen=True)
class Request:
    """What a trial needs: the recipe, the data, the drawn settings, and the scores of complete trials, for pruning.

    Who has other recipe or rows than ``mark``, see `Prepared.mark`, does not evaluate the trial.
    """

    recipe: str
    data: str | None
    settings: tuple[str, ...]
    mark: str
    chosen: dict[str, Any]
    earlier: list[Score]

    def dump(self) -> dict[str, Any]:
        """Return plain data, with absolute paths."""
        data = None if self.data is None else str(Path(self.data).absolute())
        return asdict(self) | {"recipe": str(Path(self.recipe).absolute()), "data": data}


@dataclass(frozen=True)
class Prepared:
    """A recipe with its rows, and the folders that its paths are relative to."""

    recipe: Recipe
    rows: Dataset
    folders: tuple[Path | None, ...]

    @classmethod
    def of(cls, recipe: Recipe, file: Path, data: Path | None) -> Self:
        """Read the rows of a recipe that stands in ``file``; see `limbeck.dataset.prepare.prepare` for the errors."""
        home = file.resolve().parent
        return cls(recipe, prepare(recipe, data, recipe_folder=home), (data, home))

    @property
    def mark(self) -> str:
        """Fingerprint of rows and recipe without ``[tune]``: more trials are no other search."""
        plain = self.recipe.model_copy(update={"tune": Tune()})
        return fingerprint(plain, told_apart(self.rows.frame, self.recipe), self.rows.labels)

    def evaluate(self, chosen: Mapping[str, Any], earlier: Sequence[Score]) -> Score:
        """Train a student with drawn settings, and give it up where it falls behind the median of earlier ones.

        Raises
        ------
        LimbeckError
            As training does.
        """
        candidate, folders, metric = override(self.recipe, chosen), list(self.folders), self.recipe.training.metric
        study = optuna.create_study(direction="maximize", pruner=PRUNER)
        for one in earlier:
            study.add_trial(optuna.create_trial(value=one.value, intermediate_values=dict(one.epochs)))
        trial, epochs = study.ask(), list[tuple[int, float]]()

        def report(epoch: int, score: float) -> None:
            epochs.append((epoch, float(score)))
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        try:
            targets = distil(candidate, self.rows, folders=folders).targets if candidate.teachers else None
            student = train_student(candidate, self.rows, folders=folders, targets=targets, report=report)
        except optuna.TrialPruned:
            return Score(None, epochs)
        scores = scores_of(student.valid_labels, softmax(student.valid_logits), student.positive)
        return Score(float(-scores["loss"] if metric == "loss" else scores[metric]), epochs)


def answer(request: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate a request as `Request.dump` gives it; return ``{"score": …}`` or ``{"failed": …}`` as plain data."""
    try:
        with at_level("optuna", optuna.logging.ERROR), listening(lambda event: None):
            prepared = _prepared(request["recipe"], request["data"], tuple(request["settings"]), request["mark"])
            earlier = [Score.load(one) for one in request["earlier"]]
            return {"score": asdict(prepared.evaluate(request["chosen"], earlier))}
    except LimbeckError as error:
        return {"failed": error.as_dict()}


@lru_cache(maxsize=1)
def _prepared(recipe: str, data: str | None, settings: tuple[str, ...], mark: str) -> Prepared:
    """Read recipe and rows once for all trials of this process."""
    parsed = load_recipe(recipe, settings)
    found = Prepared.of(parsed, Path(recipe), None if data is None else Path(data))
    if found.mark != mark:
        fix = "put recipe and rows into a folder that all machines share"
        raise LimbeckError("here are another recipe or other rows than where the search began", where=recipe, fix=fix)
    return found
