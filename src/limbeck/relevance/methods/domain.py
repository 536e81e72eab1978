"""Whose scenario does a row look like: trust a teacher more on rows that resemble the rows it learnt from.

A softmax classifier (`logistic`) learns from sample rows of each teacher's scenario to tell the scenarios apart; on a
target row its answer D says how much the row resembles each. Mixture-of-sources weighting goes back to Mansour,
Mohri & Rostamizadeh 2009 ("Domain adaptation with multiple sources"). Two adjustments, both measured on ten review
domains: the square root of D, because the nearest scenario's teacher is not that much better than the next, and the
agreement weight beside it, because resemblance says nothing about skill. With the samples' labels and every teacher's
answers on them, `right` learns the whole judgement instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError
from limbeck.messages.message import message
from limbeck.relevance.class_rates.prior import answers_prior
from limbeck.relevance.distinct_teachers import Voters, near_voters
from limbeck.relevance.methods.agreement import agreement, given_prior, lone
from limbeck.relevance.models import one_factor
from limbeck.relevance.models.competence import Scenario, fuse_by_right
from limbeck.relevance.models.logistic import Softmax, fit_softmax
from limbeck.relevance.probabilities import Floats, Fused, Ints, checked, fused, some_rows

_RIDGE = 3e-3
_PER_SCENARIO, _IN_ALL = 1000, 20_000  # sample rows that the classifier sees


@dataclass(frozen=True)
class Samples:
    """Sample rows of each teacher's scenario: K arrays of ``features`` float[M_k, F], and where there are any
    ``labels`` int[M_k] and ``answers`` float[K, M_k, C] of all teachers on them.
    """

    features: Sequence[ArrayLike]
    labels: Sequence[ArrayLike] | None = None
    answers: Sequence[ArrayLike] | None = None


def domain(
    P: ArrayLike,
    target_features: ArrayLike,
    sample_features: Sequence[ArrayLike],
    sample_labels: Sequence[ArrayLike] | None = None,
    sample_answers: Sequence[ArrayLike] | None = None,
    *,
    prior: ArrayLike | None = None,
    seed: int = 0,
) -> Fused:
    """Fuse row by row, by resemblance to the teachers' scenarios.

    Parameters
    ----------
    P, target_features
        float[K, N, C], NaN rows abstain, and float[N, F].
    sample_features
        K arrays float[M_k, F]: rows of each teacher's scenario, in the teachers' order.
    sample_labels, sample_answers
        Both or neither: K arrays int[M_k], and K arrays float[K, M_k, C]. With at least three voters a model of "is
        this teacher right on this row?" is trained on every scenario, its own teacher left out.
    prior
        Class rates float[C] for the cut; default: `class_prior` of the answers. Not used with labels.
    seed
        For the choice of sample rows where there are many.

    Returns
    -------
    Fused
        Relevance float64[K, N]: without labels ``sqrt(G D) l / (1 - l**2)``, mean 1 times the agreement weight; with
        labels the chance that the teacher is right. 0 for an abstention.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, or samples that do not match the teachers, rows, features or classes.
    """
    P = checked(P)
    target = np.asarray(target_features, dtype=np.float64)
    _check(P, target, sample_features, sample_labels, sample_answers)
    voters = near_voters(P)
    G = len(voters.members)
    if G == 1:
        alone = lone(voters)
        return fused(alone.probabilities, np.where(np.isnan(P[:, :, 0]), 0.0, 1.0))
    scenarios = _scenarios(voters, sample_features, sample_labels, sample_answers)
    classifier = learn_resemblance([s.features for s in scenarios], seed=seed)
    similar = classifier(target).T
    silent = np.isnan(P[:, :, 0])
    if sample_labels is not None and G >= 3:
        Q, right = fuse_by_right(voters.answers, similar, scenarios, classifier)
        return fused(Q, np.where(silent, 0.0, voters.per_teacher(right)))
    notes = (message("teachers.resemblance"),)
    fitted = one_factor.fit(voters.answers)
    if not (fitted.loadings > 0).any(axis=0).all():
        plain = agreement(P)
        return fused(plain.probabilities, np.zeros(silent.shape), plain.notes)
    rates = answers_prior(voters.answers, fitted) if prior is None else given_prior(prior, P.shape[2])
    row_weights = np.sqrt(G * similar)
    score = one_factor.scores(voters.answers, fitted, row_weights)
    relevance = row_weights * one_factor.weights(fitted.loadings).mean(axis=1)[:, None]
    return fused(
        one_factor.probabilities(score, fitted, rates),
        np.where(silent, 0.0, voters.per_teacher(relevance)),
        notes if sample_labels is not None else (),
    )


def learn_resemblance(samples: Sequence[Floats], *, seed: int = 0) -> Softmax:
    """Return the classifier of rows float[N, F] into G scenarios, float64[N, G], from samples float[M_g, F].

    Every scenario counts the same however many rows it has.
    """
    most = min(_PER_SCENARIO, _IN_ALL // len(samples))
    parts = [rows[some_rows(len(rows), most, seed)] for rows in samples]
    sizes = [len(part) for part in parts]
    which = np.repeat(np.arange(len(parts)), sizes)
    return fit_softmax(
        np.concatenate(parts), np.eye(len(parts))[which], 1 / np.repeat(np.array(sizes, float), sizes), ridge=_RIDGE
    )


def _scenarios(
    voters: Voters,
    features: Sequence[ArrayLike],
    labels: Sequence[ArrayLike] | None,
    answers: Sequence[ArrayLike] | None,
) -> list[Scenario]:
    """Join the samples of each voter's teachers, identical samples once, and the answers of each voter on them."""
    out = []
    for members in voters.members:
        kept: list[int] = []
        for k in members:
            if not any(np.array_equal(np.asarray(features[k]), np.asarray(features[j])) for j in kept):
                kept.append(k)
        rows = np.concatenate([np.asarray(features[k], dtype=np.float64) for k in kept])
        if labels is None or answers is None:
            out.append(Scenario(rows, None, None))
            continue
        truth: Ints = np.concatenate([np.asarray(labels[k], dtype=np.int64) for k in kept])
        each = np.concatenate([np.asarray(answers[k], dtype=np.float64) for k in kept], axis=1)
        out.append(Scenario(rows, truth, voters.per_voter(each)))
    return out


def _check(
    P: Floats,
    target: Floats,
    features: Sequence[ArrayLike],
    labels: Sequence[ArrayLike] | None,
    answers: Sequence[ArrayLike] | None,
) -> None:
    K, N, C = P.shape
    if target.ndim != 2 or len(target) != N or not np.isfinite(target).all():
        raise LimbeckError(f"target features must be finite numbers for {N} rows", where="target_features")
    if (labels is None) != (answers is None):
        raise LimbeckError("sample labels and sample answers come together", fix="give both, or neither")
    if len(features) != K or (labels is not None and (len(labels) != K or len(answers or ()) != K)):
        raise LimbeckError(f"there must be one sample for each of {K} teachers", where="samples")
    for k, rows in enumerate(features):
        shape = np.shape(rows)
        if len(shape) != 2 or shape[0] < 1 or shape[1] != target.shape[1] or not np.isfinite(np.asarray(rows)).all():
            raise LimbeckError(
                f"the features have the shape {shape} or are not finite; the target has {target.shape[1]} columns",
                where=f"sample {k}",
            )
        if labels is None or answers is None:
            continue
        truth = np.asarray(labels[k])
        if truth.shape != (shape[0],) or truth.dtype.kind not in "iu" or truth.min() < 0 or truth.max() >= C:
            raise LimbeckError(f"the sample needs {shape[0]} labels in 0..{C - 1}", where=f"sample {k}")
        if np.shape(answers[k]) != (K, shape[0], C):
            raise LimbeckError(
                f"the answers on the sample have the shape {np.shape(answers[k])}, not {(K, shape[0], C)}",
                where=f"sample {k}",
            )
        checked(answers[k])
