"""From teachers' answers to what the student learns: ask, weigh, join, and say how far it can be trusted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck import relevance
from limbeck.data.dataset import Dataset
from limbeck.data.split import split_random
from limbeck.errors import LimbeckError
from limbeck.kinds import kind_of
from limbeck.kinds.projection import unit_rows
from limbeck.messages.message import message
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.recipe.paths import needed
from limbeck.training.distill.cold_start import asks_cost
from limbeck.training.distill.fuse_answers import Marked, joins, reviewed_rows, shares, weigh
from limbeck.training.distill.hidden_features import guide_for, with_hidden
from limbeck.training.distill.panel import Panel, drawn, features_of, seat
from limbeck.training.distill.targets import Distilled, Targets
from limbeck.training.distill.trust_report import add_note, trust_of

HELD = 0.1  # share of unlabelled rows that choose the best epoch
ENOUGH = 2000  # rows below which a text student also learns from rows of its teachers' scenarios


def distil(
    recipe: Recipe,
    data: Dataset,
    *,
    folders: list[Path | None],
    cache: Path | None = None,
    panel: Panel | None = None,
) -> Distilled:
    """Ask the teachers about every row but those of test, weigh their answers, and join them.

    Parameters
    ----------
    panel
        The teachers; those that the recipe names when None.

    Raises
    ------
    LimbeckError
        For an unknown method, teachers that cannot be asked, or one teacher where no label is known.
    """
    cold = not len(data.part("train"))
    asked = np.flatnonzero(np.isin(data.split, ["train", "valid", "unlabelled"]))
    panel = seat(recipe, data.classes, folders, data) if panel is None else panel
    if cold and len(panel.teachers) < 2:
        what = "one teacher and no labels: nothing here can tell how far it is right"
        raise LimbeckError(what, where="teachers", fix="name two or more, or label some rows")
    guide = guide_for(recipe, panel.teachers)
    count = len(panel.teachers)
    say(f"asking {count} teacher{'' if count == 1 else 's'} about {len(asked):,} rows")
    P = panel.ask(data.frame[asked], cache)
    reviewed = recipe.relevance.reviewed
    marked = None
    if reviewed:
        file = needed(reviewed, list(folders), "relevance.reviewed")
        marked = reviewed_rows(str(file), recipe, data, asked)
    spoken = answered_rows(P, marked, asked)
    unanswered = len(asked) - int(spoken.sum())
    told = []
    if unanswered:
        told.append(message("teachers.unanswered", count=unanswered, total=len(asked)))
    if mute := [k for k, answers in enumerate(P) if np.isnan(answers[:, 0]).all()]:
        told.append(message("teachers.silent", teachers=mute))
    if unanswered:
        if marked is not None:
            marked = (np.cumsum(spoken)[marked[0]] - 1, marked[1])
        asked, P = asked[spoken], P[:, spoken]
        say(told[0])
    weighed = weigh(recipe, panel, P, data, asked, cold=cold, marked=marked, cache=cache)
    answer, fused, notes = weighed.answer, weighed.fused, weighed.notes
    if cold:
        refuse_one_class(answer, data.classes)
    if len(panel.teachers) == 1:  # with labels, or it would have been refused
        notes = [message("teachers.one_with_labels")]
    measured = measured_on_test(recipe, panel, data, cache)
    trust = trust_of(panel, P, fused, answer, [*told, *notes], data.classes, measured, unanswered, weighed.replayed)
    answers = answer.astype(np.float32)
    if cold:
        held = split_random(len(asked), valid=HELD, test=0.0, seed=recipe.training.seed) == "valid"
        if held.all() or not held.any():
            what = f"teachers answer {len(asked):,} row{'s' * (len(asked) != 1)} only: too few to learn from"
            raise LimbeckError(what, where="teachers", fix="name teachers that answer more rows")
        taken = ~held
        if recipe.relevance.keep < 1:
            taken &= agreed_rows(recipe, data.frame[asked], answer, ~held, marked)
            add_note(trust, message("teachers.kept_agreed", count=taken.sum(), total=(~held).sum()))
        targets = Targets(asked[taken], answers[taken], asked[held], answers[held])
        fills = weighed.replayed is not None or joins(recipe, panel, fused)
        if guide is None and kind_of(recipe.task).filled_up and fills:
            targets = filled_up(targets, recipe, panel, fused)
        return Distilled(with_hidden(targets, guide, data.frame, cache), trust, weighed.replayed)
    # Labels alone teach a row that no teacher answers, and nothing does one without a label.
    whole = np.full((len(data.split), len(data.classes)), np.nan, dtype=np.float32)
    whole[asked] = answers
    unlabelled, valid = data.part("unlabelled"), data.part("valid")
    rows = np.concatenate([data.part("train"), unlabelled[np.isfinite(whole[unlabelled, 0])]])
    valid = valid[np.isfinite(whole[valid, 0]) | (data.labels[valid] >= 0)]
    targets = Targets(rows, whole[rows], valid, whole[valid])
    return Distilled(with_hidden(targets, guide, data.frame, cache), trust)


def answered_rows(P: NDArray[np.float32], marked: Marked | None, asked: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return bool[N]: the asked rows that a teacher answers, P float32[K, N, C], or a person.

    Raises
    ------
    LimbeckError
        Where no teacher answers any row.
    """
    spoken = relevance.answered(P)
    if not spoken.any():
        what = f"no teacher answers any of {len(asked):,} rows"
        fix = "`limbeck doctor` looks at each of them; check the columns that they read (input)"
        raise LimbeckError(what, where="teachers", fix=fix)
    if marked is not None:
        spoken[marked[0]] = True
    return spoken


def refuse_one_class(answer: NDArray[np.float64], classes: tuple[str, ...]) -> None:
    """Refuse a cold start in which every row gets the same class: no student can learn from that."""
    shares = relevance.top_shares(answer)
    told = np.flatnonzero(shares.max(axis=0) > 0)
    if len(told) == 1:
        what = f"together they call every one of {len(answer):,} rows {classes[told[0]]!r}: there is nothing to learn"
        fix = "`limbeck doctor` looks at each of them; add one that knows the other classes, or review some rows"
        raise LimbeckError(what, where="teachers", fix=fix)
    if shares.max() < 1:
        what = f"together they tell no class from another on any of {len(answer):,} rows: there is nothing to learn"
        fix = "`limbeck doctor` looks at each of them; add one that tells the classes apart, or review some rows"
        raise LimbeckError(what, where="teachers", fix=fix)


def measured_on_test(recipe: Recipe, panel: Panel, data: Dataset, cache: Path | None) -> list[float | None] | None:
    """Return each teacher's accuracy on labelled test rows, for the trust report alone; None where nothing can tell.

    Nothing is chosen by it. Teachers that may cost money are not asked.
    """
    test = data.part("test")
    if not len(test) or (data.labels[test] < 0).any() or asks_cost(recipe):
        return None
    return [
        float(relevance.vote_shares(answers[known])[np.arange(known.sum()), data.labels[test][known]].mean())
        if known.any()
        else None
        for answers in panel.ask(data.frame[test], cache)
        for known in [np.isfinite(answers[:, 0])]
    ]


def filled_up(targets: Targets, recipe: Recipe, panel: Panel, fused: relevance.Fused) -> Targets:
    """Return the targets of a small target scenario filled up to 2,000 rows with the teachers' own.

    They come in proportion to the teachers' relevance above chance, each answered by its own teacher; so few rows of
    the target do not teach a student the words that it has not seen there.
    """
    lacking = ENOUGH - len(targets.rows)
    share = shares(fused)
    taken, answers = [], []
    for teacher, sample, one in zip(panel.teachers, panel.samples, share / max(share.sum(), 1e-9), strict=True):
        part = drawn(sample, round(lacking * one), recipe.training.seed) if lacking > 0 else None
        if part is not None:
            said = teacher.answer(part)
            known = np.isfinite(said[:, 0])
            taken.append(part.filter(known).select(recipe.task.inputs))
            answers.append(said[known])
    if not taken:
        return targets
    others = pl.concat(taken, how="diagonal_relaxed")
    return replace(targets, others=others, answers=np.concatenate([targets.answers, *answers]).astype(np.float32))


def agreed_rows(
    recipe: Recipe,
    frame: pl.DataFrame,
    answer: NDArray[np.float64],
    among: NDArray[np.bool_],
    marked: Marked | None,
) -> NDArray[np.bool_]:
    """Return bool[n]: the share ``relevance.keep`` of some of n rows whose neighbours agree best.

    ``answer`` float[n, C]; ``among`` bool[n] are the rows to choose from. A row with a reviewed label stays: a
    person's word is worth more than its neighbours'.
    """
    z = relevance.cut_statistic(unit_rows(features_of(recipe, frame, [])[0]), answer)
    if marked is not None:
        z[marked[0]] = -np.inf
    rows = np.flatnonzero(among)
    kept = np.zeros(len(answer), dtype=np.bool_)
    kept[rows] = relevance.best_agreed(z[rows], answer[rows], recipe.relevance.keep)
    return kept
