"""The cold start where labelled rows of neighbouring scenarios are at hand: every choice is made by replaying it.

See `limbeck.training.distill.replay` for the choices, `limbeck.relevance.class_rates.shift` for the class rates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck import relevance
from limbeck.messages.judgements import Judgement
from limbeck.messages.message import Message, message
from limbeck.metrics.fitted.recalibration import stated_rates
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.relevance.class_rates.shift import Rates
from limbeck.relevance.probabilities import Floats
from limbeck.relevance.replay.scene import Scene
from limbeck.training.distill.panel import Panel, compact, features_of
from limbeck.training.distill.replay import SAFE, Chosen, answer_of, choose

FEWEST = 2  # scenarios of two classes or more, without which nothing can be replayed


@dataclass(frozen=True)
class Replayed:
    """The joined answer float64[N, C] to all rows, class rates, what the replay chose, and the scenes it saw."""

    answer: Floats
    fused: relevance.Fused
    rates: Rates
    chosen: Chosen
    notes: list[Message]
    scenes: list[Scene]
    target: Scene


def replayed(
    recipe: Recipe, panel: Panel, P: NDArray[np.float32], frame: pl.DataFrame, *, cache: Path | None
) -> Replayed | None:
    """Join the answers P float32[K, N, C] to the rows of a frame as did best on known scenarios; None without such.

    The rows of the target have no labels here, and none of theirs are read.
    """
    if sum(len(np.unique(teacher.labels)) > 1 for _, teacher in panel.scenarios) < FEWEST:
        return None
    stated = rates_of(recipe, panel.teachers[0].classes)
    seed, rounds = recipe.training.seed, recipe.relevance.rounds
    say(f"replaying the cold start on {len(panel.scenarios)} scenarios whose labels are known")
    scenes, target = scenes_of(recipe, panel, P, frame, cache)
    chosen = choose(scenes, rounds=rounds, seed=seed)
    answer, rates = answer_of(chosen, target, scenes, rounds=rounds, stated=stated, seed=seed)
    estimate = relevance.accuracy_estimate(P, relevance.Fused(answer, np.ones(len(P))), seed=seed)
    trusted = np.nan_to_num(estimate.estimate)
    # Warnings of the panel as a whole: copies, teachers that say nothing or speak against each other.
    first = relevance.auto(target.answers, seed=seed)
    notes = [note for note in first.notes if relevance.judgements([note]) & {Judgement.DOUBT, Judgement.ALONE}]
    gain = next(
        row for row in chosen.tried if row.name == (f"{chosen.name}+{chosen.rounds}" if chosen.rounds else chosen.name)
    )
    notes.append(message("teachers.replayed", count=len(scenes), way=gain.name, accuracy=gain.accuracy))
    plain = {row.name: f"{row.name} {row.accuracy:.3f}" for row in chosen.tried}
    shown = [plain[name] for name in (*SAFE, "best-teacher") if name in plain]
    notes.append(message("teachers.replay_plain", ways=shown))
    if chosen.order and not chosen.order_known:
        notes.append(message("teachers.order_unknown", count=len(chosen.order)))
    if chosen.rounds:
        notes.append(message("teachers.student_voted", rounds=rounds))
    told = "teachers.rates_stated" if stated is not None else "teachers.rates_replayed"
    classes, between = panel.teachers[0].classes, zip(rates.rates, rates.low, rates.high, strict=True)
    shown = [
        f"{one} {rate:.2f} ({low:.2f}–{high:.2f})" for one, (rate, low, high) in zip(classes, between, strict=True)
    ]
    if stated is not None:
        shown = [f"{one} {rate:.2f}" for one, rate in zip(classes, stated, strict=True)]
    notes.append(message(told, rates=shown))
    return Replayed(answer, relevance.Fused(answer, trusted, tuple(notes)), rates, chosen, notes, scenes, target)


def rates_of(recipe: Recipe, classes: tuple[str, ...]) -> NDArray[np.float64] | None:
    """Return the class rates float64[C] that the recipe states; None where it states none."""
    given = recipe.relevance.class_rates
    return np.array(list(stated_rates(given, classes, "relevance.class_rates").values())) if given else None


def asks_cost(recipe: Recipe) -> bool:
    """Return whether a teacher is an endpoint, which may ask for money."""
    return any(spec.source.startswith("http") for spec in recipe.teachers)


def scenes_of(
    recipe: Recipe, panel: Panel, P: NDArray[np.float32], frame: pl.DataFrame, cache: Path | None
) -> tuple[list[Scene], Scene]:
    """Return the known scenarios as scenes, and the target.

    All teachers but the pooled ones are asked about the scenarios' rows, so that they are evaluated there; where asking
    may cost money only those of scenarios are, and the others are silent.
    """
    seed, costly = recipe.training.seed, asks_cost(recipe)
    pooled = [k for k, _ in panel.pooled]
    alone = [k for k in range(len(panel.teachers)) if k not in pooled]
    place = {k: at for at, k in enumerate(alone)}
    heard = [k for k in alone if not costly or k in dict(panel.scenarios)]
    inner = Panel([panel.teachers[k] for k in heard], [panel.samples[k] for k in heard])
    taken, parts = [], []
    for k, teacher in panel.scenarios:
        rows = _some(teacher.labels, recipe.relevance.sample_rows, seed)
        if len(np.unique(teacher.labels[rows])) > 1:
            taken.append((k, teacher, rows))
            parts.append(teacher.rows[rows])
    features, theirs = features_of(recipe, frame, parts)
    shared = compact([features, *theirs])
    left_out = _left_out(panel, taken)
    scenes = []
    for at, ((k, teacher, rows), part) in enumerate(zip(taken, parts, strict=True)):
        answers = np.full((len(alone), len(rows), P.shape[2]), np.nan, dtype=np.float32)
        answers[[place[one] for one in heard]] = inner.ask(part, cache)
        scenes.append(
            Scene(
                answers,
                features_of(recipe, part, [])[0],
                shared[at + 1],
                place[k],
                {name: answers[at] for name, answers in left_out.items()},
                teacher.labels[rows],
            )
        )
    together = {teacher.which: P[k].astype(np.float64) for k, teacher in panel.pooled}
    target = Scene(P[alone], features_of(recipe, frame, [])[0], shared[0], None, together)
    return scenes, target


def _some(labels: NDArray[np.int64], most: int, seed: int) -> NDArray[np.int64]:
    """Return a sample of rows, rising, of which rare classes have half where there are enough of them."""
    rng = np.random.default_rng(seed)
    classes = np.unique(labels)
    least = max(most // (2 * len(classes)), 1)
    kept = [rng.permutation(np.flatnonzero(labels == c))[:least] for c in classes]
    rest = np.setdiff1d(np.arange(len(labels)), np.concatenate(kept))
    more = rng.permutation(rest)[: max(most - sum(map(len, kept)), 0)]
    return np.asarray(np.sort(np.concatenate([*kept, more])), dtype=np.int64)


def _left_out(panel: Panel, taken: list[tuple[int, Any, NDArray[np.int64]]]) -> dict[str, list[NDArray[np.float64]]]:
    """Return for each pooled classifier its answers to each scene's rows, of the classifier that left the scene out."""
    found = panel.pooled
    if not found:
        return {}
    pooled = found[0][1].pooled
    number = {id(teacher): at for at, teacher in enumerate(pooled.teachers)}
    out: dict[str, list[NDArray[np.float64]]] = {}
    for which in pooled.names:
        out[which] = []
        for _, teacher, rows in taken:
            at = number[id(teacher)]
            out[which].append(pooled.pool.left_out(which, at, teacher.rows[rows]))
    return out
