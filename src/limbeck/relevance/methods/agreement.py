"""Trust from agreement alone: whoever agrees with the others more than chance can explain knows more.

Two models of it, both assuming that teachers err independently given the answer and that most beat chance:
``factor`` (see `factor`) for two classes, because teachers from other scenarios keep their ranking and lose their
threshold; ``dawid-skene`` (see `dawid_skene`) for more, where confusions between classes matter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from limbeck.errors import LimbeckError, did_you_mean
from limbeck.messages.message import message
from limbeck.relevance.class_rates.prior import answers_prior, floored
from limbeck.relevance.distinct_teachers import Voters, near_voters
from limbeck.relevance.methods.baselines import log_pool
from limbeck.relevance.models import one_factor
from limbeck.relevance.models.dawid_skene import bold, dawid_skene, informedness
from limbeck.relevance.probabilities import Fused, checked, fused

MODELS = ("factor", "dawid-skene")


def agreement(P: ArrayLike, *, model: str | None = None, prior: ArrayLike | None = None) -> Fused:
    """Fuse by how far the teachers agree.

    Parameters
    ----------
    P
        float[K, N, C], NaN rows abstain. Near copies are one voter.
    model
        "factor" (default for two classes): relevance is the mean loading, -0.95..0.95, and a loading of 0 or less
        has no say; or "dawid-skene" (default for more): relevance is the informedness, at most 1, 0 for a constant.
    prior
        Class rates float[C] that the factor model's answer is cut at; default: `class_prior` of the answers.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, an unknown model, or a prior of another length.
    """
    P = checked(P)
    C = P.shape[2]
    model = model or ("factor" if C == 2 else "dawid-skene")
    if model not in MODELS:
        raise LimbeckError(f"unknown model of agreement {model!r}", fix=did_you_mean(model, MODELS))
    voters = near_voters(P)
    if len(voters.members) == 1:
        return lone(voters)
    if model == "dawid-skene":
        bolder = replace(voters, answers=np.stack([bold(answers) for answers in voters.answers]))
        found = dawid_skene(P, voters=bolder)
        return fused(found.posterior, informedness(found.confusion))
    fitted = one_factor.fit(voters.answers)
    relevance = voters.per_teacher(fitted.mean_loading)
    if not (fitted.loadings > 0).any(axis=0).all():
        pool = log_pool(voters.answers, np.ones(len(voters.members)))
        return fused(pool, relevance, (message("teachers.no_common_answer"),))
    rates = answers_prior(voters.answers, fitted) if prior is None else given_prior(prior, C)
    Q = one_factor.probabilities(one_factor.scores(voters.answers, fitted), fitted, rates)
    return fused(Q, relevance)


def lone(voters: Voters) -> Fused:
    """Return the answers of the only voter, with a relevance of one for each of its copies."""
    return fused(voters.answers[0].astype(np.float64), np.ones(voters.teachers))


def given_prior(prior: ArrayLike, C: int) -> np.ndarray:
    """Check class rates given by the caller, float64[C], and keep each above 0.03."""
    rates = np.asarray(prior, dtype=np.float64)
    if rates.shape != (C,) or not np.isfinite(rates).all() or (rates < 0).any() or rates.sum() <= 0:
        raise LimbeckError(f"give one class rate of 0 or more for each of {C} classes", where="prior")
    return floored(rates)
