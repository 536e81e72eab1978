"""What baselines are called in both languages. Their names are data in metrics.json, and no sentences."""

from __future__ import annotations

from limbeck.messages.message import Message, message

_CODES = {
    "TF-IDF + linear SVM": "baseline.tfidf_svm",
    "gradient-boosted trees": "baseline.boosted_trees",
    "TF-IDF + linear SVM, one-vs-rest": "baseline.tfidf_svm_each",
    "gradient-boosted trees, one-vs-rest": "baseline.boosted_trees_each",
    "boosting on samples and RR intervals": "baseline.boosted_beats",
    "colour, thumbnail, spectrum + logistic regression": "baseline.picture_regression",
    "majority class": "baseline.majority",
    "isolation forest": "baseline.isolation_forest",
    "most frequent boxes": "baseline.frequent_boxes",
}


def named(baseline: object) -> str:
    """Return a baseline's name as a message; one that is none of ours stays as it is."""
    if isinstance(baseline, Message):
        return baseline
    code = _CODES.get(str(baseline))
    return str(baseline) if code is None else message(code)


def elsewhere(baseline: object) -> Message:
    """Return the name of a baseline that was measured where the bundle was trained, not on the rows at hand."""
    return message("baseline.elsewhere", name=named(baseline))
