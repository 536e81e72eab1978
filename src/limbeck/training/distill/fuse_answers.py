"""How far each teacher's answer counts for each row, and what they say together: the answer that a student learns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck import relevance
from limbeck.data.dataset import Dataset
from limbeck.data.labels import label_text
from limbeck.data.tables.read import read
from limbeck.data.tables.rows import need
from limbeck.dataset.more_tables import read_more
from limbeck.dataset.prepare import texts_of
from limbeck.errors import LimbeckError, did_you_mean
from limbeck.kinds import kind_of
from limbeck.messages.judgements import Judgement
from limbeck.messages.message import Message, message
from limbeck.metrics.logits import softmax
from limbeck.progress import say
from limbeck.recipe import Recipe
from limbeck.tasks import task_of
from limbeck.training.distill.co_training import TeacherSamples, joint, offsets
from limbeck.training.distill.cold_start import Replayed, asks_cost, rates_of, replayed
from limbeck.training.distill.panel import Panel, compact, drawn, features_of
from limbeck.training.distill.reviewed_labels import joined_with_labels

Marked = tuple[NDArray[np.int64], NDArray[np.int64]]


@dataclass(frozen=True)
class Weighed:
    """The answer float[N, C] to learn, the relevance result behind it, notes, and what a replay chose where one was."""

    answer: NDArray[np.float64]
    fused: relevance.Fused
    notes: list[Message]
    replayed: Replayed | None = None


def weigh(
    recipe: Recipe,
    panel: Panel,
    P: NDArray[np.float32],
    data: Dataset,
    asked: NDArray[np.int64],
    *,
    cold: bool,
    marked: Marked | None = None,
    cache: Path | None = None,
) -> Weighed:
    """Return the answer to learn and what is behind it.

    Each of the ``asked`` rows is answered by a teacher, P float32[K, N, C], or by a person.
    ``marked`` are positions among the asked rows and their classes that people have given, see `reviewed_rows`.
    """
    settings = recipe.relevance
    method = settings.method
    known = {*relevance.METHODS, "joint"}
    if method not in known:
        raise LimbeckError(f"unknown relevance.method {method!r}", where="recipe", fix=did_you_mean(method, known))
    if len(panel.teachers) == 1:
        fused = relevance.auto(P)
        return Weighed(np.asarray(fused.probabilities, dtype=np.float64), fused, list(fused.notes))
    seed = recipe.training.seed
    frame = data.frame[asked]
    if cold and method == "auto" and (found := replayed(recipe, panel, P, frame, cache=cache)) is not None:
        return _with_reviewed(recipe, found, P, frame, marked)
    samples = [drawn(sample, settings.sample_rows, seed) for sample in panel.samples]
    needs_features = cold and (method in ("auto", "joint", "domain", "reviewed") or marked is not None)
    features, theirs = features_of(recipe, frame, samples) if needs_features else (None, [None] * len(samples))
    rates = class_rates(recipe, panel, P, features, samples, cache) if features is not None else None
    if method == "domain":
        fused = _by_domain(P, features, theirs, panel)
    elif method == "fixed":
        fused = relevance.fixed(P, [settings.weights.get(name, 0.0) for name in panel.names])
    elif method in ("auto", "joint", "reviewed"):
        fused = relevance.auto(P, features, prior=rates, seed=seed)
    else:
        fused = relevance.METHODS[method](P)
    if marked is not None:
        fused = relevance.reviewed(P, *marked, fused)
    notes = list(fused.notes)
    answer = np.array(fused.probabilities, dtype=np.float64)
    if cold and joins(recipe, panel, fused):
        teacher_samples = _teacher_samples(panel, samples, theirs, fused)
        answer = joint(
            features,
            answer,
            answer.mean(axis=0) if marked is not None or rates is None else rates,
            teacher_samples,
            rounds=settings.rounds,
            reviewed=marked,
            seed=seed,
        )
        notes.append(message("teachers.student_voted", rounds=settings.rounds))
    elif method == "auto" and rates is not None and marked is None and P.shape[2] == 2 and comparable(fused):
        answer = at_rates(answer, rates)
        notes.append(message("teachers.cut_at_rates", rates=rates))
    return Weighed(answer, fused, notes)


def _with_reviewed(
    recipe: Recipe, found: Replayed, P: NDArray[np.float32], frame: pl.DataFrame, marked: Marked | None
) -> Weighed:
    """Let reviewed labels correct what the replay made of the teachers, where there are any."""
    if marked is None or not len(marked[0]):
        return Weighed(np.asarray(found.answer, dtype=np.float64), found.fused, found.notes, found)
    kind, columns = kind_of(recipe.task), [name for name in recipe.task.inputs if name in frame.columns]
    answer = joined_with_labels(
        found.answer, frame.select(columns), *marked, kind.load("scenario").fit, seed=recipe.training.seed
    )
    accuracy = relevance.teacher_accuracy(P, *marked, relevance.Fused(answer, np.ones(len(P))))
    notes = [*found.notes, message("teachers.reviewed", count=len(marked[0]))]
    return Weighed(np.asarray(answer, dtype=np.float64), relevance.Fused(answer, accuracy, tuple(notes)), notes, found)


def class_rates(
    recipe: Recipe, panel: Panel, P: NDArray[np.float32], features: Any, samples: list[Any], cache: Path | None
) -> NDArray[np.float64]:
    """Return the target's class rates float64[C], calibrated on the teachers' scenarios where all have sample rows.

    Rates that the recipe states stand for the estimate.

    What a teacher says of its own scenario's rows stands for their labels. Every teacher is asked about every sample,
    so an endpoint that may cost money is not.
    """
    seed = recipe.training.seed
    if (stated := rates_of(recipe, panel.teachers[0].classes)) is not None:
        return stated
    if asks_cost(recipe) or any(sample is None for sample in samples):
        return np.asarray(relevance.class_prior(P, features, seed=seed), dtype=np.float64)
    known = [panel.ask(sample, cache) for sample in samples]
    own = [features_of(recipe, sample, [])[0] for sample in samples]
    # A row of its own on which a teacher says nothing has no label.
    told = [relevance.vote_shares(answers[k]).max(axis=1) == 1 for k, answers in enumerate(known)]
    known = [answers[:, rows] for answers, rows in zip(known, told, strict=True)]
    own = [features[np.flatnonzero(rows)] for features, rows in zip(own, told, strict=True)]
    labels = [answers[k].argmax(axis=1) for k, answers in enumerate(known)]
    first = relevance.auto(P, seed=seed)
    trusted = [int(k) for k in np.flatnonzero(first.relevance > 1.0 / P.shape[2])]
    played = relevance.Samples(own, labels, known)
    rates = relevance.calibrated_prior(P, features, played, scenarios=trusted, seed=seed)
    return np.asarray(rates, dtype=np.float64)


def comparable(fused: relevance.Fused) -> bool:
    """Return whether there are two different teachers that can be trusted: what the class rates are read off."""
    return trusted(fused) and Judgement.ALONE not in fused.judgements


def joins(recipe: Recipe, panel: Panel, fused: relevance.Fused) -> bool:
    """Return whether there are rounds with the student as a voter: where asked for, or where they are likely to help.

    They did on texts with many teachers and hurt on tables with few: a student of a table sees what its teachers see.
    They cannot help where the teachers are not to be trusted.
    """
    method = recipe.relevance.method
    helpful = kind_of(recipe.task).rounds and len(panel.teachers) >= 5 and trusted(fused)
    return bool(recipe.relevance.rounds) and (method == "joint" or (method in ("auto", "reviewed") and helpful))


def trusted(fused: relevance.Fused) -> bool:
    """Return whether no note warns of all teachers."""
    return Judgement.DOUBT not in fused.judgements


def at_rates(answer: NDArray[np.float64], rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shift the log-odds of an answer float[N, 2] so that its classes are as frequent as the rates float[2] say."""
    scores = np.log(np.clip(answer, 1e-6, None))
    return np.asarray(softmax(scores + offsets(scores, rates)), dtype=np.float64)


def _by_domain(P: NDArray[np.float32], features: Any, theirs: list[Any], panel: Panel) -> relevance.Fused:
    lacking = [name for name, part in zip(panel.names, theirs, strict=True) if part is None]
    if lacking:
        what = f"the method 'domain' needs sample rows, and {lacking[0]!r} has none"
        raise LimbeckError(what, where="relevance.method", fix="name them in the teacher's sample")
    dense = compact([features, *theirs])
    return relevance.domain(P, dense[0], dense[1:])


def shares(fused: relevance.Fused) -> NDArray[np.float64]:
    """Return how far each teacher's own rows count, float64[K]: the root of its relevance above chance, at most 1."""
    weight = np.asarray(fused.relevance if fused.relevance.ndim == 1 else fused.relevance.mean(axis=1))
    chance = 1.0 / fused.probabilities.shape[1]
    return np.asarray(np.sqrt(np.clip(weight - chance, 0, None) / max(float(weight.max()) - chance, 1e-9)))


def _teacher_samples(
    panel: Panel, samples: list[Any], theirs: list[Any], fused: relevance.Fused
) -> TeacherSamples | None:
    """Return sample rows answered by their own teachers, each by its relevance above chance."""
    from scipy import sparse

    parts, answers, weights = [], [], []
    for teacher, sample, features, one in zip(panel.teachers, samples, theirs, shares(fused), strict=True):
        if sample is None or features is None or one <= 0:
            continue
        said = teacher.answer(sample).astype(np.float64)
        kept = np.isfinite(said[:, 0])
        parts.append(sparse.csr_array(features)[np.flatnonzero(kept)])
        answers.append(said[kept])
        weights.append(np.full(int(kept.sum()), one))
    if not parts:
        return None
    return TeacherSamples(sparse.vstack(parts), np.concatenate(answers), np.concatenate(weights))


def reviewed_rows(place: str, recipe: Recipe, data: Dataset, asked: NDArray[np.int64]) -> Marked:
    """Return positions among the asked rows, and classes, of the rows that a table of reviewed labels holds.

    Rows are found by their input; those of the table that are not among the asked ones are counted and left out.
    """
    if kind_of(recipe.task).labels_apart:  # a table of beats, no records
        whole = read(Path(place), encoding=recipe.data.encoding)
        table, counted = whole.frame, whole.numbers
    else:
        gathered = read_more(recipe, Path(place))
        table, counted = gathered.frame(), np.concatenate(gathered.numbers)
    need(table.columns, [recipe.task.inputs[0], recipe.task.label], place)
    filled = np.array([label_text(value) is not None for value in table[recipe.task.label].to_list()], dtype=np.bool_)
    frame, numbers = table.filter(filled), counted[filled]
    labels = task_of(recipe.task).labels(frame, recipe.task, Path(place), numbers, data.classes)
    where = {data.texts[row]: position for position, row in enumerate(asked)}
    found = {
        where[text]: int(label)
        for text, label in zip(texts_of(frame, recipe.task), labels, strict=True)
        if text in where
    }
    if len(found) < len(labels):
        say(f"{len(labels) - len(found):,} of {len(labels):,} reviewed rows are not among the rows to learn from")
    rows = np.array(sorted(found), dtype=np.int64)
    return rows, np.array([found[row] for row in rows], dtype=np.int64)
