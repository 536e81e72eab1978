"""The ways to join teachers' answers that compete in the replay: one function and one line each.

Each takes a scene and the other scenes whose labels are known, and returns scores: log-probabilities up to a constant
in each row. Where the zero of the scores lies does not matter, as every candidate is cut at the same class rates; how
they rank the rows does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from limbeck.relevance.distinct_teachers import near_voters
from limbeck.relevance.methods.agreement import agreement
from limbeck.relevance.methods.auto import auto
from limbeck.relevance.methods.baselines import confidence, majority, uniform, uniform_logit
from limbeck.relevance.methods.consensus import consensus
from limbeck.relevance.methods.domain import domain
from limbeck.relevance.models import one_factor
from limbeck.relevance.probabilities import FLOOR, Floats, Fused
from limbeck.relevance.replay.scene import Scene, Scores

Candidate = Callable[[Scene, Sequence[Scene]], Scores]
FEWEST = 3  # scenes besides the one that is answered, for what learns from them


def logs(probabilities: Floats) -> Scores:
    """Return centred log-probabilities float64[M, C]; zeros where nothing is known."""
    z = np.log(np.maximum(np.nan_to_num(np.asarray(probabilities, dtype=np.float64), nan=1.0), FLOOR))
    return np.asarray(z - z.mean(axis=1, keepdims=True))


def scaled(scores: Scores) -> Scores:
    """Return scores whose spread within classes' columns is one."""
    return scores / max(float((scores - scores.mean(axis=0)).std()), 1e-9)


def together(scene: Scene, others: Sequence[Scene]) -> Scores:
    """The mean of the teachers' average and the pooled classifiers, each scaled to one spread."""
    del others
    pooled = sum((scaled(logs(answers)) for answers in scene.pooled.values()), start=np.zeros(scene.answers.shape[1:]))
    average = scaled(logs(uniform_logit(scene.heard).probabilities))
    return np.asarray(average + pooled / max(len(scene.pooled), 1))


def best_teacher(scene: Scene, others: Sequence[Scene]) -> Scores:
    """The teacher that agrees best with the others."""
    del others
    voters = near_voters(scene.heard)
    loading = voters.per_teacher(one_factor.fit(voters.answers).mean_loading)
    return logs(scene.heard[int(np.argmax(loading))])


def resemblance(scene: Scene, others: Sequence[Scene]) -> Scores:
    """Teachers weighed row by row by whose scenario the row looks like."""
    return _domain(scene, others, taught=False)


def right(scene: Scene, others: Sequence[Scene]) -> Scores:
    """The trained calculator: whether a teacher is right on a row, learned on the other scenes."""
    return _domain(scene, others, taught=True)


def _domain(scene: Scene, others: Sequence[Scene], *, taught: bool) -> Scores:
    """Join by `domain` the teachers that have a scene of their own among the others."""
    known = [one for one in others if one.own is not None and one.own != scene.own]
    teachers = [one.own for one in known if one.own is not None]
    P = scene.answers[teachers]
    samples = [one.compact for one in known]
    if not taught:
        return logs(domain(P, scene.compact, samples).probabilities)
    labels = [one.labels for one in known if one.labels is not None]
    answers = [one.answers[teachers] for one in known]
    return logs(domain(P, scene.compact, samples, labels, answers).probabilities)


def plain(calculator: Callable[[Floats], Fused]) -> Candidate:
    """Return the candidate of a calculator that asks for nothing but answers."""

    def joined(scene: Scene, others: Sequence[Scene]) -> Scores:
        del others
        return logs(calculator(scene.heard).probabilities)

    joined.__doc__ = calculator.__doc__
    return joined


CANDIDATES: Mapping[str, Candidate] = {
    "uniform": plain(uniform),
    "uniform-logit": plain(uniform_logit),
    "majority": plain(majority),
    "confidence": plain(confidence),
    "agreement": plain(agreement),
    "consensus": plain(consensus),
    "auto": plain(auto),
    "best-teacher": best_teacher,
    "resemblance": resemblance,
    "right": right,
}
TAUGHT = ("resemblance", "right")  # those that need scenes


def scores_of(scene: Scene, others: Sequence[Scene]) -> dict[str, Scores]:
    """Return every candidate's scores of a scene: the calculators', the pooled classifiers', and both together."""
    enough = sum(one.own is not None and one.own != scene.own and one.labels is not None for one in others) >= FEWEST
    found = {name: way(scene, others) for name, way in CANDIDATES.items() if enough or name not in TAUGHT}
    found |= {name: logs(answers) for name, answers in scene.pooled.items()}
    if scene.pooled:
        found["together"] = together(scene, others)
    return found
