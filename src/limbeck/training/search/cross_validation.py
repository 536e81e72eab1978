"""Cross-validation: how much the figures depend on which rows were held out.

The rows of ``train`` and ``valid`` are dealt into K folds, by whole groups where the recipe names a group, and by
patients for signals; exact copies that the recipe keeps share a fold. Each fold is answered by a student trained on
the others, of which a tenth chooses the best epoch. Teachers that are trained first are trained for each fold anew, and
never see its rows. Candidates that the recipe lists are compared for each fold anew, without its rows. Rows of ``test``
stay untouched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limbeck.dataset.prepare import prepare
from limbeck.errors import LimbeckError
from limbeck.events import Listener, Token, check, stage, told
from limbeck.files import recover, write_json
from limbeck.kinds.select import encode, values_of
from limbeck.locks import sole_writer
from limbeck.metrics.measure import measure
from limbeck.progress import say
from limbeck.recipe import Recipe, load_recipe
from limbeck.training.anomaly import refuse_detectors
from limbeck.training.distill.distill import distil
from limbeck.training.one_at_a_time import alone
from limbeck.training.search.candidates import choose
from limbeck.training.search.dealt_folds import fold_rows
from limbeck.training.student import fingerprint, told_apart, train_student

METRICS = ("accuracy", "macro_f1", "roc_auc", "eer", "ece", "brier")


@dataclass(frozen=True)
class Folds:
    """The metrics of every fold, and their mean and standard deviation."""

    file: Path
    folds: list[dict[str, Any]]
    mean: dict[str, float]
    spread: dict[str, float]


def cross_validate(
    recipe: str | Path | Recipe,
    k: int,
    *,
    out: str | Path,
    data: str | Path | None = None,
    settings: Iterable[str] = (),
    resume: bool = False,
    progress: Listener | None = None,
    cancel: Token | None = None,
) -> Folds:
    """Train and evaluate K students; write ``folds.json`` in ``out`` after each, so that a killed run can go on.

    Raises
    ------
    LimbeckError
        As `limbeck.train`; or when ``resume`` finds the folds of another run.
    """
    with told(progress, cancel), alone(), sole_writer(out):
        return _cross_validate(recipe, k, Path(out), data, settings, resume)


def _cross_validate(
    recipe: str | Path | Recipe, k: int, out: Path, data: str | Path | None, settings: Iterable[str], resume: bool
) -> Folds:
    parsed = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, settings)
    refuse_detectors(parsed, "cross-validation")
    home = None if isinstance(recipe, Recipe) else Path(recipe).resolve().parent
    folder = None if data is None else Path(data)
    with stage("read"):
        rows = prepare(parsed, folder, recipe_folder=home)
    for finding in rows.findings:
        say(finding)
    dealt = fold_rows(parsed, rows)
    used, seed = dealt.used, parsed.training.seed
    numbers = dealt.numbers(k, seed)
    file = out / "folds.json"
    recover(file)
    mark = fingerprint(parsed, told_apart(rows.frame[used], parsed), rows.labels[used])
    done = _read(file, mark, k) if resume else []
    for fold in range(len(done), k):
        check("cross-validate again with resume to go on")
        say(f"fold {fold + 1} of {k}", done=fold, total=k)
        held = used[numbers == fold]
        part = dealt.without(held, seed)
        own = choose(parsed, part, [folder, home]).recipe if parsed.selection.candidates else parsed
        targets = distil(own, part, folders=[folder, home]).targets if own.teachers else None
        student = train_student(own, part, folders=[folder, home], targets=targets)
        p = student.probabilities(encode(student.encoder, values_of(rows.frame[held], parsed.task)))
        positive = student.positive if len(rows.classes) == 2 else None
        measured = measure(
            rows.labels[held], p, rows.classes, positive=positive, threshold=student.threshold, bootstrap=0
        )
        done.append({"fold": fold, "n": len(held), **{name: measured[name] for name in METRICS}})
        mean, spread = _summary(done)
        write_json(file, {"fingerprint": mark, "k": k, "folds": done, "mean": mean, "spread": spread})
    return Folds(file, done, *_summary(done))


def _read(file: Path, mark: str, k: int) -> list[dict[str, Any]]:
    if not file.exists():
        return []
    try:
        stored = json.loads(file.read_text("utf-8"))
        same = stored["fingerprint"] == mark and stored["k"] == k
        folds = list(stored["folds"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LimbeckError("cannot be read", where=file, fix="run without --resume") from error
    if not same:
        raise LimbeckError("these are the folds of another run", where=file, fix="run without --resume")
    return folds


def _summary(done: list[dict[str, Any]]) -> tuple[dict[str, float], dict[str, float]]:
    values = {name: [fold[name] for fold in done if fold[name] is not None] for name in METRICS}
    mean = {name: float(np.mean(found)) for name, found in values.items() if found}
    spread = {name: float(np.std(found, ddof=1)) for name, found in values.items() if len(found) > 1}
    return mean, spread
