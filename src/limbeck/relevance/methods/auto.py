"""Choose a calculator without labels; stay with the plain average unless the evidence is clear.

What counts as evidence: enough different voters to estimate trust at all (five), agreement beyond what noise gives,
and loadings that differ. The rules and their numbers were chosen on ten review domains and two tables of accounts;
docs/relevance.md shows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from limbeck.messages.message import Message, message
from limbeck.relevance.class_rates.prior import class_prior
from limbeck.relevance.distinct_teachers import Voters, near_voters
from limbeck.relevance.expected_accuracy import accuracy_estimate
from limbeck.relevance.methods.agreement import agreement, given_prior, lone
from limbeck.relevance.methods.baselines import uniform_logit
from limbeck.relevance.methods.domain import Samples, domain
from limbeck.relevance.models import one_factor
from limbeck.relevance.probabilities import Floats, Fused, answered, checked, top_shares
from limbeck.relevance.replay.domain_evidence import winner

ENOUGH = 5  # voters below which trust cannot be told apart
_ALIKE = 0.03  # standard deviation of loadings below which the teachers are equally good
_WEAK = 0.2  # median size of the loadings below which agreement is chance
_CAMP = 0.4  # share of voters against the common answer at which there is none
_SETTLED = 0.75  # share of rows on which a fit of many classes must agree with the plain average
_FIRM = 0.3  # a loading beyond this speaks for or against


def auto(
    P: ArrayLike,
    features: Any = None,
    samples: Samples | None = None,
    *,
    prior: ArrayLike | None = None,
    seed: int = 0,
) -> Fused:
    """Fuse by the calculator that the answers themselves support.

    Parameters
    ----------
    P
        float[K, N, C], NaN rows abstain.
    features
        [N, F] array or SciPy sparse matrix: improves the class rates of the factor model (see `class_prior`).
    samples
        Sample rows of the teachers' scenarios. `domain` is used only where labels show that it beats the alternatives
        on those scenarios; samples without labels do not change the choice.
    prior
        Class rates float[C] for the factor model; default: `class_prior` of answers and features.
    seed
        For everything that samples.

    Returns
    -------
    Fused
        Relevance float64[K]: the expected accuracy, at most 1 / C for a teacher that says nothing or speaks against
        the common answer: being right by the class rate alone is no ground for trust. ``notes`` say what was
        chosen and why, and "use uniform" or "do not trust any of these teachers" where that is what the evidence says.

    Raises
    ------
    LimbeckError
        For answers that are not probabilities, or samples and features that do not match them.
    """
    P = checked(P)
    voters = near_voters(P)
    G = len(voters.members)
    notes = _copies(voters)
    if G == 1:
        notes.append(message("teachers.one"))
        return Fused(lone(voters).probabilities, np.ones(len(P)), tuple(notes))
    fitted = one_factor.fit(voters.answers)
    loadings = voters.per_teacher(fitted.mean_loading)
    distrust = _distrust(fitted, G)
    if distrust is not None:
        return _judged(P, uniform_logit(P), loadings, [*notes, distrust])
    form = winner(samples, seed=seed) if samples is not None and features is not None else None
    if form is not None and samples is not None:
        taught = (samples.labels, samples.answers) if form == "right" else ()
        notes.append(message("teachers.domain_won", form=form))
        return _judged(P, domain(P, features, samples.features, *taught, seed=seed), loadings, notes)
    alike = _alike(fitted, G, cuts=features is not None and P.shape[2] == 2)
    if alike is not None:
        return _judged(P, uniform_logit(P), loadings, [*notes, alike])
    if P.shape[2] > 2:
        return _of_many_classes(P, G, loadings, notes)
    rates = class_prior(P, features, seed=seed) if prior is None else given_prior(prior, P.shape[2])
    result = agreement(P, model="factor", prior=rates)
    dropped = np.flatnonzero(loadings <= 0)
    if len(dropped):
        notes.append(message("teachers.against", teachers=dropped))
    notes.append(message("teachers.one_factor", count=G))
    from_features = features is not None or prior is not None
    told = "teachers.rates_from_features" if from_features else "teachers.rates_from_answers"
    notes.append(message(told, rates=rates))
    return _judged(P, result, loadings, notes)


def _of_many_classes(P: Floats, G: int, loadings: Floats, notes: list[Message]) -> Fused:
    """Use Dawid-Skene where it settles: EM over few rows or weak teachers can end far from any teacher's answer."""
    found, plain = agreement(P), uniform_logit(P)
    said = answered(P)
    same = float((top_shares(found.probabilities) * top_shares(plain.probabilities)).sum(axis=1)[said].mean())
    if same < _SETTLED:
        notes.append(message("teachers.unsettled"))
        return _judged(P, plain, loadings, notes)
    notes.append(message("teachers.dawid_skene", count=G))
    return _judged(P, found, loadings, notes)


def _distrust(fitted: one_factor.Factor, G: int) -> Message | None:
    """Return the note that warns of all teachers, or None where they agree beyond chance."""
    loading = fitted.mean_loading
    said = loading[loading != 0]
    if not len(said):
        return message("teachers.constant")
    if G >= 3 and (fitted.strength.max() < 1.1 or np.median(np.abs(said)) < _WEAK):
        return message("teachers.chance")
    for_it, against = int((said > _FIRM).sum()), int((said < -_FIRM).sum())
    if G >= 3 and against >= _CAMP * (for_it + against) > 0:
        return message("teachers.camps", count_for=for_it, count_against=against)
    return None


def _alike(fitted: one_factor.Factor, G: int, *, cuts: bool) -> Message | None:
    """Return the note that keeps the plain average; None where trust differs, or the features say where to cut."""
    if G < ENOUGH:
        return message("teachers.few", count=G, enough=ENOUGH)
    loading = fitted.mean_loading
    if loading[loading != 0].std() < _ALIKE and not cuts:
        return message("teachers.alike")
    return None


def _judged(P: Floats, result: Fused, loadings: Floats, notes: Sequence[Message]) -> Fused:
    chance = 1 / P.shape[2]
    expected = np.nan_to_num(accuracy_estimate(P, result).estimate)
    relevance = np.where(loadings <= 0, np.minimum(expected, chance), expected)
    return Fused(result.probabilities, relevance, (*notes, *result.notes))


def _copies(voters: Voters) -> list[Message]:
    return [message("teachers.copies", teachers=list(group)) for group in voters.members if len(group) > 1]
