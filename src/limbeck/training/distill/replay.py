"""Choose how to join teachers by replaying the cold start: each known scenario in turn is the target without labels.

Nothing is chosen on the target. A scenario with labels plays it, at several class rates; its own teacher is silent,
pooled classifiers have not seen it, and its labels only say afterwards which way of joining the answers did best. The
safest ways are plain ones, the uniform average and the pooled classifiers. Another way replaces the best of them only
where it is better by more than the standard error over scenarios, and so do the rounds in which a student of the
rows' own features is one more voter (see `limbeck.training.distill.co_training`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from limbeck import relevance
from limbeck.events import check
from limbeck.metrics.logits import softmax
from limbeck.relevance.class_rates.shift import Rates, ShiftModel, calibrate, cut_at, learn
from limbeck.relevance.probabilities import Floats, Ints
from limbeck.relevance.replay.candidates import scaled, scores_of
from limbeck.relevance.replay.scene import Scene, Scores, at_rate
from limbeck.training.distill.co_training import joint, offsets

RATES = (0.25, 0.5, 0.75)  # class rates at which a scenario of two classes is replayed
_ROWS = 1000  # of a replay at most
SAFE = ("uniform", "uniform-logit", "pooled", "pooled-ranks", "together")
BASES = ("uniform-logit", "pooled", "pooled-ranks")  # of whose scores class rates are read
_SHARP = 1.5  # of scaled scores, as log-odds that rounds start from
ROUNDS, HALF = "rounds", "half"
_FAR = 1.96


@dataclass(frozen=True)
class Tried:
    """A way of joining: its accuracy in the replay at known class rates, its gain over the safest, and the error."""

    name: str
    accuracy: float
    gain: float
    error: float


@dataclass(frozen=True)
class Chosen:
    """What the replay chose, and how far off its estimates were.

    Attributes
    ----------
    name, rounds
        The way of joining; whether a student votes: "", "rounds" for its joined answer, "half" for the mean of that
        and the answer before.
    slope
        Of the final scores as log-probabilities.
    base, second, shift
        The way whose scores tell class rates, another one whose distance says how far to doubt them, and how.
    tried
        All ways, the best first.
    optimism, spread
        Expected accuracy less the true one in the replay: mean and standard deviation over scenarios.
    teacher_error
        Root mean square of the error of teachers' expected accuracies.
    order
        Rank correlations of teachers' expected with their true accuracies, one for each scenario.
    """

    name: str
    rounds: str
    slope: float
    base: str
    second: str | None
    shift: ShiftModel
    tried: tuple[Tried, ...]
    optimism: float = 0.0
    spread: float = 0.0
    teacher_error: float = 0.0
    order: tuple[float, ...] = field(default=())

    @property
    def order_known(self) -> bool:
        """Whether the order of teachers is better than chance in the replay."""
        found = np.array(self.order)
        return len(found) > 1 and bool(found.mean() > found.std(ddof=1) / np.sqrt(len(found)))


@dataclass(frozen=True)
class _Play:
    """A scene at one class rate: rows of scene number ``k``, and true class rates float64[C]."""

    k: int
    rows: Ints
    rates: Floats


def choose(scenes: Sequence[Scene], *, rounds: int, seed: int = 0) -> Chosen:
    """Return what does best on scenes with labels that play the target.

    Parameters
    ----------
    scenes
        Two or more, with labels.
    rounds
        How many rounds a student votes in where it votes; 0 leaves that out.
    """
    scores = [scores_of(scene, [one for one in scenes if one is not scene]) for scene in scenes]
    labels = [_known(scene) for scene in scenes]
    check()
    plays = _plays(labels, scenes[0].classes, seed)
    names = [name for name in scores[0] if all(name in one for one in scores)]
    right = {name: _by_scene(plays, partial(_right_of, scores, labels, name)) for name in names}
    safe = max((name for name in SAFE if name in right), key=lambda name: float(right[name].mean()))
    name = _better(right, safe)
    voted = ""
    final: Callable[[_Play], Scores] = lambda play: scores[play.k][name][play.rows]  # noqa: E731
    if rounds:
        started = {
            id(play): _voted(scenes[play.k].rows(play.rows), scores[play.k][name][play.rows], play.rates, rounds, seed)
            for play in plays
        }
        ways: dict[str, Callable[[_Play], Scores]] = {
            ROUNDS: lambda play: started[id(play)],
            HALF: lambda play: scaled(started[id(play)]) + scaled(scores[play.k][name][play.rows]),
        }
        with_rounds = {way: _by_scene(plays, partial(_right_by, of, labels)) for way, of in ways.items()}
        found = _better({"": right[name], **with_rounds}, "")
        right |= {f"{name}+{way}": gains for way, gains in with_rounds.items()}
        if found:
            voted, final = found, ways[found]
    bases = [one for one in BASES if one in names]
    base = max(bases, key=lambda one: float(right[one].mean()))
    second = max((one for one in bases if one != base), key=lambda one: _apart(scores, base, one), default=None)
    shift = learn(
        [known[base] for known in scores],
        labels,
        [scene.features for scene in scenes],
        None if second is None else [known[second] for known in scores],
        seed=seed,
    )
    slope, _ = calibrate([final(play) for play in plays], [labels[play.k][play.rows] for play in plays])
    chosen = Chosen(name, voted, slope, base, second, shift, _table(right, safe))
    return _with_errors(chosen, scenes, scores, labels, plays, final, seed)


def answer_of(
    chosen: Chosen, target: Scene, scenes: Sequence[Scene], *, rounds: int, stated: Floats | None = None, seed: int = 0
) -> tuple[Floats, Rates]:
    """Return the target's joined probabilities float64[N, C] and class rates, which ``stated`` ones stand for."""
    scores = scores_of(target, scenes)
    rates = _rates(chosen, scores, target, seed) if stated is None else Rates(stated, stated, stated)
    own = scores[chosen.name]
    if chosen.rounds:
        own_rounds = _voted(target, own, rates.rates, rounds, seed)
        own = own_rounds if chosen.rounds == ROUNDS else scaled(own_rounds) + scaled(own)
    return cut_at(own, chosen.slope, rates.rates), rates


def _rates(chosen: Chosen, scores: Mapping[str, Scores], scene: Scene, seed: int) -> Rates:
    others = None if chosen.second is None else scores[chosen.second]
    return chosen.shift.estimate(scores[chosen.base], scene.features, others, seed=seed)


def _apart(scores: Sequence[Mapping[str, Scores]], one: str, other: str) -> float:
    """Return how differently two ways rank rows: one less their mean correlation."""
    found = [np.corrcoef(known[one].ravel(), known[other].ravel())[0, 1] for known in scores]
    return 1 - float(np.mean(np.nan_to_num(found)))


def _plays(labels: Sequence[Ints], classes: int, seed: int) -> list[_Play]:
    """Return the scenes at each class rate that their rows allow; of more than two classes at their own."""
    rng = np.random.default_rng(seed)
    out = []
    for k, own in enumerate(labels):
        found = [at_rate(own, rate, _ROWS, rng) for rate in RATES] if classes == 2 else []
        found = [rows for rows in found if len(rows)] or [np.sort(rng.permutation(len(own))[:_ROWS])]
        out += [_Play(k, rows, np.bincount(own[rows], minlength=classes) / len(rows)) for rows in found]
    return out


def _by_scene(plays: Sequence[_Play], of: Callable[[_Play], float]) -> Floats:
    """Return the mean over its plays of each scene, float64[K]."""
    found = np.array([of(play) for play in plays])
    which = np.array([play.k for play in plays])
    return np.array([found[which == k].mean() for k in np.unique(which)])


def _right_of(scores: Sequence[Mapping[str, Scores]], labels: Sequence[Ints], name: str, play: _Play) -> float:
    return _right(scores[play.k][name][play.rows], labels, play)


def _right_by(of: Callable[[_Play], Scores], labels: Sequence[Ints], play: _Play) -> float:
    return _right(of(play), labels, play)


def _right(scores: Scores, labels: Sequence[Ints], play: _Play) -> float:
    """Return the accuracy of scores that are cut at the true class rates."""
    cut: Floats = scores + np.asarray(offsets(scores, np.asarray(np.clip(play.rates, 1e-3, None), dtype=np.float64)))
    return float((cut.argmax(axis=1) == labels[play.k][play.rows]).mean())


def _better(right: Mapping[str, Floats], safe: str) -> str:
    """Return of those that beat the safe one by more than the standard error over scenes the surest, or that one."""
    ahead = {name: found for name, found in right.items() if name != safe and _gain(found, right[safe])[0] > 0}
    sure = {name: found for name, found in ahead.items() if _gain(found, right[safe])[0] > _gain(found, right[safe])[1]}
    return max(sure, key=lambda name: np.subtract(*_gain(sure[name], right[safe]))) if sure else safe


def _gain(found: Floats, safe: Floats) -> tuple[float, float]:
    gain = found - safe
    error = float(gain.std(ddof=1) / np.sqrt(len(gain))) if len(gain) > 1 else np.inf
    return float(gain.mean()), error


def _table(right: Mapping[str, Floats], safe: str) -> tuple[Tried, ...]:
    rows = [Tried(name, float(found.mean()), *_gain(found, right[safe])) for name, found in right.items()]
    return tuple(sorted(rows, key=lambda row: -row.accuracy))


def _voted(scene: Scene, scores: Scores, rates: Floats, rounds: int, seed: int) -> Scores:
    """Return the scores of rounds in which a student of the scene's features votes."""
    start = np.asarray(softmax(_SHARP * scaled(scores)), dtype=np.float64)
    answer = joint(scene.features, start, np.asarray(rates, dtype=np.float64), None, rounds=rounds, seed=seed)
    z = np.log(np.maximum(answer, 1e-6))
    return np.asarray(z - z.mean(axis=1, keepdims=True))


def _with_errors(
    chosen: Chosen, scenes: Sequence[Scene], scores: Sequence[Mapping[str, Scores]], labels: Sequence[Ints],
    plays: Sequence[_Play], final: Callable[[_Play], Scores], seed: int,
) -> Chosen:  # fmt: skip
    """Say how far off expected accuracies were where labels tell: of the joined answer, and of each teacher."""
    too_high, wrong, order = [], [], []
    for play in plays:
        check()
        scene = scenes[play.k].rows(play.rows)
        rates = _rates(chosen, {name: found[play.rows] for name, found in scores[play.k].items()}, scene, seed)
        Q = cut_at(final(play), chosen.slope, rates.rates)
        truth = labels[play.k][play.rows]
        too_high.append((play.k, float(Q.max(axis=1).mean()) - float((Q.argmax(axis=1) == truth).mean())))
        P = scene.heard
        expected = relevance.accuracy_estimate(P, relevance.Fused(Q, np.ones(len(P)))).estimate
        true = np.array([_accuracy(answers, truth) for answers in P])
        both = np.isfinite(expected) & np.isfinite(true)
        wrong += list(expected[both] - true[both])
        if both.sum() > 2:
            order.append((play.k, _rank_correlation(expected[both], true[both])))
    by_scene = _means(too_high)
    return replace(
        chosen,
        optimism=_sure_part(by_scene),
        spread=float(by_scene.std(ddof=1)) if len(by_scene) > 1 else 0.1,
        teacher_error=float(np.sqrt(np.mean(np.square(wrong)))) if wrong else 0.0,
        order=tuple(map(float, _means(order))) if order else (),
    )


def _sure_part(values: Floats) -> float:
    """Return the mean, shrunk by how much of it may be chance (James & Stein 1961): a few scenes say little."""
    mean = float(values.mean())
    if len(values) < 2 or mean == 0:
        return 0.0
    return mean * max(0.0, 1 - float(values.var(ddof=1)) / len(values) / mean**2)


def _means(found: Sequence[tuple[int, float]]) -> Floats:
    which = np.array([k for k, _ in found])
    values = np.array([value for _, value in found])
    return np.array([values[which == k].mean() for k in np.unique(which)])


def _accuracy(answers: Floats, truth: Ints) -> float:
    seen = np.flatnonzero(np.isfinite(answers[:, 0]))
    if not len(seen):
        return float("nan")
    return float(relevance.vote_shares(answers[seen])[np.arange(len(seen)), truth[seen]].mean())


def _rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's correlation; 0 where one side does not vary."""
    ranks = [np.argsort(np.argsort(one)).astype(np.float64) for one in (a, b)]
    spread = [float(one.std()) for one in ranks]
    return 0.0 if min(spread) < 1e-9 else float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _known(scene: Scene) -> Ints:
    assert scene.labels is not None
    return scene.labels


__all__ = ["ROUNDS", "Chosen", "Tried", "answer_of", "choose"]
