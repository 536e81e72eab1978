"""`limbeck tune`: a search over a recipe's keys, evaluated on ``valid`` (Optuna's TPE, with median pruning).

The search lives in one SQLite file, so it can be stopped, killed and continued. What a trial draws depends on the seed
and on the trials before it, so a killed search ends as one that was not. ``tune.parallel`` trials are drawn before the
first of them is evaluated; where they are evaluated (`limbeck.training.search.evaluators`) changes none of them. The
best recipe is written as ``best.toml`` after every trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from sqlalchemy.exc import SQLAlchemyError

from limbeck.errors import LimbeckError, first_line
from limbeck.events import Listener, Token, check, stage, told
from limbeck.files import out_of_reach, recover, write_text
from limbeck.locks import sole_writer
from limbeck.process.quiet import at_level
from limbeck.progress import say
from limbeck.recipe import Recipe, dump_recipe, load_recipe, override
from limbeck.training.anomaly import refuse_detectors
from limbeck.training.one_at_a_time import alone
from limbeck.training.search.evaluators import evaluator
from limbeck.training.search.trial import Prepared, Request, Score

FILE = "study.db"
# What is searched when the recipe has no [tune] space of its own.
DEFAULT_SPACE: dict[str, dict[str, dict[str, Any] | list[Any]]] = {
    "ngram": {
        "training.learning_rate": {"low": 3e-4, "high": 3e-2, "log": True},
        "training.batch_size": [32, 64, 128],
        "student.idf": {"low": 0.5, "high": 2.0},
    },
    "gru": {
        "training.learning_rate": {"low": 3e-4, "high": 6e-3, "log": True},
        "training.batch_size": [32, 64, 128],
        "input.max_length": [128, 192, 256],
        "student.hidden": [64, 96, 128],
        "student.dropout": {"low": 0.1, "high": 0.5},
    },
    "textcnn": {
        "training.learning_rate": {"low": 3e-4, "high": 6e-3, "log": True},
        "training.batch_size": [32, 64, 128],
        "input.max_length": [128, 192, 256],
        "student.filters": [64, 100, 160],
        "student.dropout": {"low": 0.2, "high": 0.6},
    },
    "albert": {
        "training.learning_rate": {"low": 1e-5, "high": 5e-4, "log": True},
        "training.batch_size": [16, 32, 64],
        "input.max_length": [128, 192, 256],
        "student.pooling": ["first", "mean", "attention"],
    },
}


@dataclass(frozen=True)
class Tuned:
    """The outcome of a search: every trial, the best one's settings, and the recipe that holds them."""

    best: Path
    score: float
    settings: dict[str, Any]
    trials: list[dict[str, Any]]


def tune(
    recipe: str | Path,
    *,
    out: str | Path,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    trials: int | None = None,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> Tuned:
    """Search until the study holds ``trials`` finished trials; a second call goes on where the first stopped.

    Raises
    ------
    LimbeckError
        For a broken recipe or space; when ``out`` holds the search of another space, a damaged one, or one that another
        process is at; and when it cannot be written.
    """
    with (
        told(progress, cancel),
        alone(),
        sole_writer(out),
        _stored(Path(out)),
        at_level("optuna", optuna.logging.ERROR),
    ):
        return _tune(recipe, Path(out), data, settings, trials)


def _tune(
    recipe: str | Path, target: Path, data: str | Path | None, settings: Iterable[str], trials: int | None
) -> Tuned:
    parsed = load_recipe(recipe, settings)
    refuse_detectors(parsed, "the search")
    if parsed.selection.candidates:
        what = "the search is over the keys of one student, and selection.candidates lists several"
        raise LimbeckError(what, where=recipe, fix="leave selection.candidates out")
    space = parsed.tune.space or DEFAULT_SPACE.get(parsed.student.network, {})
    if not space:
        raise LimbeckError("there is nothing to search", where=recipe, fix="write a [tune] space")
    with stage("read"):
        prepared = Prepared.of(parsed, Path(recipe), None if data is None else Path(data))
    for finding in prepared.rows.findings:
        say(finding)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise out_of_reach(error, target) from error
    recover(target / "best.toml")
    study = optuna.create_study(
        study_name="limbeck",
        storage=f"sqlite:///{target.resolve() / FILE}",
        load_if_exists=True,
        direction="maximize",
    )
    _same_search(study, space, prepared.mark, parsed.tune.parallel, target)
    wanted = trials or parsed.tune.trials
    evaluate = evaluator(prepared)
    _draw_again(study, space)
    while (done := len(_finished(study))) < wanted:
        check("search again to go on")
        count = min(parsed.tune.parallel - done % parsed.tune.parallel, wanted - done)
        drawn = _drawn(study, space, parsed, done, count)
        earlier = [Score.of(trial) for trial in _finished(study) if trial.state is optuna.trial.TrialState.COMPLETE]
        requests = [
            Request(str(recipe), None if data is None else str(data), tuple(settings), prepared.mark, chosen, earlier)
            for _, chosen in drawn
        ]
        say(f"trial {done + 1} of {wanted}", done=done, total=wanted)
        for at, score in evaluate(requests):
            _tell(study, drawn[at][0], score)
            _write_best(study, parsed, target)
            if (now := len(_finished(study))) < min(done + count, wanted):
                check("search again to go on")
                say(f"trial {now + 1} of {wanted}", done=now, total=wanted)
    _write_best(study, parsed, target)  # a call that was killed just before may have left an older one
    if not _complete(study):
        raise LimbeckError("no trial was finished", where=target, fix="raise tune.trials")
    rows_out = [
        {"trial": t.number, "state": t.state.name.lower(), "score": t.value, **t.params} for t in _finished(study)
    ]
    return Tuned(target / "best.toml", float(study.best_value), dict(study.best_params), rows_out)


def _draw_again(study: optuna.Study, space: dict[str, Any]) -> None:
    """Queue what a killed call had drawn and not evaluated, so that it is drawn first and unchanged."""
    waiting = [trial.system_attrs.get("fixed_params") for trial in _trials(study, optuna.trial.TrialState.WAITING)]
    for old in _trials(study, optuna.trial.TrialState.RUNNING):
        if set(old.params) == set(space) and old.params not in waiting:
            study.enqueue_trial(old.params)
        study.tell(old.number, state=optuna.trial.TrialState.FAIL)


def _drawn(
    study: optuna.Study, space: dict[str, Any], recipe: Recipe, first: int, count: int
) -> list[tuple[optuna.Trial, dict[str, Any]]]:
    """Draw so many trials; each draws anew, and knows those before it by what they drew where not by their scores."""
    drawn = []
    for number in range(first, first + count):
        study.sampler = optuna.samplers.TPESampler(
            seed=recipe.training.seed + number, constant_liar=recipe.tune.parallel > 1
        )
        trial = study.ask()
        try:
            drawn.append((trial, {key: suggest(trial, key, choices) for key, choices in space.items()}))
        except LimbeckError:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            raise
    return drawn


def _tell(study: optuna.Study, trial: optuna.Trial, score: Score) -> None:
    for epoch, value in score.epochs:
        trial.report(value, epoch)
    if score.value is None:
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    else:
        study.tell(trial, score.value)


def _write_best(study: optuna.Study, recipe: Recipe, target: Path) -> None:
    if _complete(study):
        write_text(target / "best.toml", dump_recipe(override(recipe, study.best_params)))


@contextmanager
def _stored(target: Path) -> Iterator[None]:
    """Say in one line what is wrong with the file of the search."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        cause: BaseException = error
        while (cause.__cause__ or getattr(cause, "orig", None)) is not None:
            cause = cause.__cause__ or cause.orig  # type: ignore[attr-defined]
        what = first_line(cause)
        fixes = {
            "is full": "free some space or choose another --out",
            "readonly": "check the permissions or choose another --out",
            "unable to open": "check the permissions or choose another --out",
            "disk I/O": "check the disk or choose another --out",
        }
        again = f"delete {FILE} to begin the search anew, or choose another --out"
        fix = next((fix for word, fix in fixes.items() if word in what), again)
        raise LimbeckError(f"the search cannot be read or written: {what}", where=target / FILE, fix=fix) from error


def suggest(trial: optuna.Trial, key: str, choices: list[Any] | dict[str, Any]) -> Any:
    """Draw one value: from a list of choices, or between ``low`` and ``high``."""
    if isinstance(choices, dict) and (set(choices) - {"low", "high", "log"} or not {"low", "high"} <= set(choices)):
        raise LimbeckError(f"tune.space: {key!r} is no list and no {{ low, high, log }}", where="recipe")
    try:
        if isinstance(choices, list):
            return trial.suggest_categorical(key, choices)
        low, high, log = choices["low"], choices["high"], bool(choices.get("log", False))
        if isinstance(low, int) and isinstance(high, int):
            return trial.suggest_int(key, low, high, log=log)
        return trial.suggest_float(key, float(low), float(high), log=log)
    except (TypeError, ValueError) as error:
        raise LimbeckError(f"tune.space: {key!r}: {first_line(error)}", where="recipe") from error


def _same_search(study: optuna.Study, space: dict[str, Any], mark: str, parallel: int, target: Path) -> None:
    facts = (
        ("space", space, "space"),
        ("fingerprint", mark, "recipe or of other data"),
        ("parallel", parallel, "tune.parallel"),
    )
    for name, value, what in facts:
        if study.user_attrs.get(name, value) != value:
            raise LimbeckError(f"holds the search of another {what}", where=target, fix="choose another --out")
        study.set_user_attr(name, value)


def _trials(study: optuna.Study, *states: optuna.trial.TrialState) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=states)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return _trials(study, optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)


def _complete(study: optuna.Study) -> bool:
    return bool(_trials(study, optuna.trial.TrialState.COMPLETE))
