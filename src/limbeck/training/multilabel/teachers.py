"""Teachers of several labels: the mean of their probabilities is what the student learns, label by label.

Nothing weighs them: relevance is estimated from answers of which a row has one right one. A label that no teacher knows
is learned from the row's own label; a row without that either learns from its labels alone.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError
from limbeck.metrics.multilabel import f1_scores
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.teachers import answers, open_teacher
from limbeck.training.distill.targets import Targets

CUT = 0.5


def taught(
    recipe: Recipe, data: Dataset, names: tuple[str, ...], truth: NDArray[np.float32], folders: list[Path | None]
) -> tuple[Targets, dict[str, Any]]:  # fmt: skip
    """Ask the teachers about train, valid and unlabelled rows; return what to learn from, and a line on each teacher.

    Parameters
    ----------
    names, truth
        L labels, and float32 [N, L] of all rows, NaN in those without a label.

    Raises
    ------
    LimbeckError
        For a teacher that cannot be opened or asked, or whose answers are no probabilities; without a labelled row in
        valid, on which thresholds are chosen.
    """
    if not len(data.part("valid")):
        what = "teachers alone cannot say from which probability on a label is given"
        raise LimbeckError(what, where="teachers", fix="label some rows, and let data.split draw valid from them")
    teachers = [open_teacher(spec, names, task=recipe.task, folders=folders) for spec in recipe.teachers]
    asked = np.flatnonzero(data.split != "test")
    say(f"asking {len(teachers)} teacher{'s' * (len(teachers) != 1)} about {len(asked):,} rows")
    told = answers(teachers, data.frame[asked], exclusive=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a label that nobody knows has no mean
        mean = np.nanmean(told, axis=0)
    target = np.full_like(truth, np.nan)
    target[asked] = np.where(np.isnan(mean), truth[asked], mean)
    learned = np.concatenate([data.part("train"), data.part("unlabelled")])
    whole = np.isfinite(target[learned]).all(axis=1)
    if not whole.any():
        what = f"the teachers answer none of {len(learned):,} rows for every label"
        raise LimbeckError(what, where="teachers", fix="name one that knows the missing labels, or label more rows")
    rows = learned[whole | (data.split[learned] == "train")]
    valid = data.part("valid")
    place = np.searchsorted(asked, valid)
    facts = {
        "rows": len(asked),
        "teachers": [
            {"name": one.name, **_on_valid(told[at][place], truth[valid])} for at, one in enumerate(teachers)
        ],
    }  # fmt: skip
    return Targets(rows, target[rows], valid, target[valid]), facts


def _on_valid(p: NDArray[np.float32], truth: NDArray[np.float32]) -> dict[str, float | int | None]:
    """Return how a teacher does at 0.5 on valid rows and labels that it answers."""
    known = np.isfinite(p)
    wanted, said = (truth == 1) & known, known & (p >= CUT)
    micro, macro = f1_scores(wanted, said) if known.any() else (float("nan"), float("nan"))
    figures = {"micro_f1": micro, "macro_f1": macro}
    return {
        "labels": int(known.any(axis=0).sum()),
        **{name: value if np.isfinite(value) else None for name, value in figures.items()},
    }
