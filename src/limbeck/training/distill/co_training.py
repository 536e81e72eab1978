"""Rounds in which the student is one more voter (co-training in spirit, Blum & Mitchell 1998).

The teachers see what their scenarios taught them; a student that learns their common answer from the target's own rows
finds what those rows have in common, and often overrules the teachers with good reason. Each round a linear student
is fitted on the current answer of the other folds, speaks for its own fold, and the two voices are joined anew. Sample
rows of the teachers' scenarios, answered by their own teachers, keep it from drifting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.data.split import folds as deal
from limbeck.events import check
from limbeck.metrics.fitted.logistic_fit import fit_logistic
from limbeck.metrics.logits import softmax
from limbeck.relevance.probabilities import cut_for

Floats = NDArray[np.float64]
SHARPNESS = 4.0  # of the answer that a round learns from, in standard deviations of the joined voices
STUDENT = 0.65  # the student's share of the joined voices
FOLDS, STRENGTH = 4, 4.0
REVIEWED = 3.0  # weight of a reviewed row against an unlabelled one
_APART = 3.0  # value of the column that tells sample rows from the target's, so that each has its own class rates


@dataclass(frozen=True)
class TeacherSamples:
    """Sample rows of the teachers' scenarios: features [M, F], answers float[M, C], weights float[M]."""

    features: Any
    answers: Floats
    weights: Floats


def joint(
    features: Any,
    fused: Floats,
    rates: Floats,
    teacher_samples: TeacherSamples | None = None,
    *,
    rounds: int = 3,
    reviewed: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    seed: int = 0,
) -> Floats:
    """Return the joined answer float[N, C] of teachers and student.

    Parameters
    ----------
    features
        Rows of the target, SciPy sparse or dense [N, F].
    fused
        The teachers' fused answer, float[N, C].
    rates
        Expected class rates, float[C]; the answer is held to them.
    reviewed
        Row numbers and classes that a person has given.
    """
    from scipy import sparse

    matrix = sparse.csr_array(features)
    base = standard(np.log(np.clip(fused, 1e-6, None)))
    count, classes = base.shape
    fold = deal(count, FOLDS, seed=seed)
    answer = settled(base, rates, reviewed)
    for _ in range(rounds):
        check()
        voice = np.zeros((count, classes))
        for number in range(FOLDS):
            seen, held = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            voice[held] = _taught(matrix, seen, answer, teacher_samples, reviewed, held)
        answer = settled(STUDENT * standard(voice) + (1 - STUDENT) * base, rates, reviewed)
    return answer


def standard(scores: Floats) -> Floats:
    """Centre scores float[N, C] by row and by class (median), and scale them to a standard deviation of one half.

    For two classes the difference of both columns then has a standard deviation of one.
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    centred = centred - np.median(centred, axis=0)
    return 0.5 * centred / max(float(centred.std()), 1e-9)


def settled(
    scores: Floats, rates: Floats, reviewed: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
) -> Floats:
    """Turn joined scores into probabilities whose classes are as frequent as expected.

    Reviewed rows move the classes' offsets from there (a normal prior of variance 3 on each), and are their class.
    """
    sharp = SHARPNESS * standard(scores)
    bias = offsets(sharp, rates)
    if reviewed is None or not len(reviewed[0]):
        return np.asarray(softmax(sharp + bias), dtype=np.float64)
    from scipy.optimize import minimize  # as long to load as a small student to train

    rows, labels = reviewed
    truth = np.eye(sharp.shape[1])[labels]

    def loss(shift: Floats) -> tuple[float, Floats]:
        p = softmax(sharp[rows] + bias + shift)
        value = -float(np.log(np.clip((p * truth).sum(axis=1), 1e-12, None)).sum()) + float(shift @ shift) / 6
        return value, (p - truth).sum(axis=0) + shift / 3

    bias = bias + minimize(loss, np.zeros_like(bias), jac=True, method="L-BFGS-B").x
    answer: Floats = np.asarray(softmax(sharp + bias), dtype=np.float64)
    answer[rows] = truth
    return answer


def offsets(scores: Floats, rates: Floats) -> Floats:
    """Return the offsets float[C] under which each class is the likeliest of as many rows as its rate says.

    For two classes it is a quantile, exact as far as scores differ; for more the probabilities' mean is matched
    instead, as the number of rows jumps.
    """
    if scores.shape[1] == 2:
        cut = cut_for(scores[:, 1] - scores[:, 0], float(rates[1]))
        return np.array([0.5 * cut, -0.5 * cut])
    bias = np.zeros(scores.shape[1])
    for _ in range(50):
        mean = softmax(scores + bias).mean(axis=0)
        bias += np.log(np.clip(rates, 1e-3, None)) - np.log(np.clip(mean, 1e-9, None))
    return bias


def _taught(
    matrix: Any,
    seen: NDArray[np.int64],
    answer: Floats,
    teacher_samples: TeacherSamples | None,
    reviewed: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    asked: NDArray[np.int64],
) -> Floats:
    """Fit a linear student on the seen rows' answers and the teachers' samples; return logits float[len(asked), C]."""
    weights = np.ones(matrix.shape[0])
    if reviewed is not None:
        weights[reviewed[0]] = REVIEWED
    X, target, weight = matrix[seen], answer[seen], weights[seen]
    if teacher_samples is not None and len(teacher_samples.answers):
        from scipy import sparse

        others = sparse.csr_array(teacher_samples.features)
        mark = np.concatenate([np.zeros(len(seen)), np.full(others.shape[0], _APART)])
        X = sparse.hstack([sparse.vstack([X, others]), sparse.csr_array(mark[:, None])]).tocsr()
        target = np.concatenate([target, teacher_samples.answers])
        weight = np.concatenate([weight, teacher_samples.weights])
    width = matrix.shape[1]
    # Two classes need one set of weights; more are told apart one against the rest.
    single = target.shape[1] == 2
    columns: Sequence[int] = [1] if single else range(target.shape[1])
    scores = []
    for column in columns:
        fitted = fit_logistic(X, target[:, column], weight, strength=STRENGTH)
        scores.append(matrix[asked] @ fitted[:width] + fitted[-1])
    voices = np.stack(scores, axis=1)
    return np.concatenate((-0.5 * voices, 0.5 * voices), axis=1) if single else voices
