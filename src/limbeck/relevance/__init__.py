"""How far each teacher is trusted: K teachers' answers in, one answer and K relevances out.

Every calculator is a pure function ``(P[K, N, C], …) -> Fused`` of arrays, with NaN rows for abstentions. A new one is
a file here and a line in `METHODS`. Nothing here needs more than NumPy.
"""

from collections.abc import Callable

from limbeck.messages.judgements import judgements
from limbeck.relevance.class_rates.calibrated import calibrated_prior
from limbeck.relevance.class_rates.prior import class_prior, saerens
from limbeck.relevance.expected_accuracy import (
    Estimate,
    accuracy_by_class,
    accuracy_estimate,
    balanced_accuracy,
    calibration_estimate,
    decided,
    expected_accuracy,
)
from limbeck.relevance.methods.agreement import agreement
from limbeck.relevance.methods.auto import auto
from limbeck.relevance.methods.baselines import confidence, fixed, majority, uniform, uniform_logit
from limbeck.relevance.methods.consensus import consensus, shapley
from limbeck.relevance.methods.domain import Samples, domain
from limbeck.relevance.methods.reviewed import reviewed, teacher_accuracy
from limbeck.relevance.models.dawid_skene import Observers, dawid_skene
from limbeck.relevance.neighbours import best_agreed, cut_statistic
from limbeck.relevance.probabilities import Fused, answered, checked, class_shares, top_shares, vote_shares

METHODS: dict[str, Callable[..., Fused]] = {
    "uniform": uniform,
    "uniform-logit": uniform_logit,
    "majority": majority,
    "fixed": fixed,
    "confidence": confidence,
    "agreement": agreement,
    "domain": domain,
    "consensus": consensus,
    "reviewed": reviewed,
    "auto": auto,
}

__all__ = [
    "METHODS",
    "Estimate",
    "Fused",
    "Observers",
    "Samples",
    "accuracy_by_class",
    "accuracy_estimate",
    "agreement",
    "answered",
    "auto",
    "balanced_accuracy",
    "best_agreed",
    "calibrated_prior",
    "calibration_estimate",
    "checked",
    "class_prior",
    "class_shares",
    "confidence",
    "consensus",
    "cut_statistic",
    "dawid_skene",
    "decided",
    "domain",
    "expected_accuracy",
    "fixed",
    "judgements",
    "majority",
    "reviewed",
    "saerens",
    "shapley",
    "teacher_accuracy",
    "top_shares",
    "uniform",
    "uniform_logit",
    "vote_shares",
]
