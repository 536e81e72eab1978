"""The baseline every student must beat: TF-IDF of character 1-3-grams and a linear SVM.

It takes seconds, needs no segmentation for Chinese, and is hard to beat on short texts, so a student that
does not is not worth its size. Needs scikit-learn, imported only when used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from limbeck.data.dataset import Dataset
from limbeck.errors import LimbeckError, needing
from limbeck.metrics import bootstrap as summary
from limbeck.metrics import curves
from limbeck.metrics.curves import Floats
from limbeck.recipe import Recipe

NAME = "TF-IDF + linear SVM"
EACH = "TF-IDF + linear SVM, one-vs-rest"


class TextBaseline:
    """TF-IDF (character 1-3-grams, sublinear) with LinearSVC; ``classes_`` holds the classes seen.

    A smaller ``margin`` regularises more.

    Raises
    ------
    LimbeckError
        When scikit-learn is not installed, or the texts hold fewer than two classes or no characters.
    """

    classes_: NDArray[np.int64]

    def __init__(self, margin: float = 1.0) -> None:
        with needing("scikit-learn", "train", "the text baseline"):
            from sklearn.feature_extraction.text import TfidfVectorizer
            from sklearn.svm import LinearSVC
        self._features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
        self._model = LinearSVC(random_state=0, C=margin)

    def fit(self, texts: Sequence[str], y: ArrayLike) -> TextBaseline:
        """Learn from N texts and y int64[N]; returns itself."""
        y = np.asarray(y, dtype=np.int64)
        if len(np.unique(y)) < 2:
            raise LimbeckError("the text baseline needs training rows of at least two classes")
        if not any(text.strip() for text in texts):
            raise LimbeckError("every training text is empty", fix="check the input column")
        self._model.fit(self._features.fit_transform(texts), y)
        self.classes_ = np.asarray(self._model.classes_, dtype=np.int64)
        return self

    def decide(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Return the decided class int64[N]."""
        return np.asarray(self._model.predict(self._features.transform(texts)), dtype=np.int64)

    def scores(self, texts: Sequence[str]) -> Floats:
        """Return signed distances: float[N] for the higher of two classes, else float[N, classes seen]."""
        return np.asarray(self._model.decision_function(self._features.transform(texts)), dtype=np.float64)


def fit_and_measure(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], evaluated: Dataset, asked: NDArray[np.int64],  # noqa: ARG001
    positive: int | None, *, steady: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return the baseline's line of the report; see ``baseline`` in `limbeck.kinds.kind.Kind`."""
    texts, others = [train.texts[row] for row in learned], [evaluated.texts[row] for row in asked]
    y, z = train.labels[learned], evaluated.labels[asked]
    return baseline_row(texts, y, others, z, train.classes, positive, steady=steady)


def one_vs_rest(
    recipe: Recipe, train: Dataset, learned: NDArray[np.int64], truth: NDArray[np.bool_], others: Sequence[Dataset],  # noqa: ARG001
) -> tuple[str, list[Floats]]:  # fmt: skip
    """Return the name, and the signed distances float64 [M, L] of all rows of each of ``others``: a model a label.

    Parameters
    ----------
    learned, truth
        int64 [N], the rows of ``train`` that are learned from, and which of L labels each has, bool [N, L].
    """
    with needing("scikit-learn", "train", "the text baseline"):
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.svm import LinearSVC
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32)
    matrix = features.fit_transform([train.texts[row] for row in learned])
    asked = [features.transform(one.texts) for one in others]
    out: list[Floats] = [np.zeros((len(one.texts), truth.shape[1])) for one in others]
    for at in range(truth.shape[1]):
        model = LinearSVC(random_state=0).fit(matrix, truth[:, at])
        for scores, rows in zip(out, asked, strict=True):
            scores[:, at] = model.decision_function(rows)
    return EACH, list(out)


def baseline_row(
    train_texts: Sequence[str],
    train_y: ArrayLike,
    test_texts: Sequence[str],
    test_y: ArrayLike,
    classes: Sequence[str],
    positive: int | None = None,
    *,
    steady: bool = False,
) -> dict[str, Any]:
    """Return the baseline's line of the report: name, accuracy, macro_f1, roc_auc, n_train, seconds.

    ``roc_auc`` is the positive class's, or the macro average over more than two classes; ``seconds`` is
    fitting and deciding, wall clock. ``steady`` regularises more. See `TextBaseline` for the errors.
    """
    start = time.perf_counter()
    model = TextBaseline(0.05 if steady else 1.0).fit(train_texts, train_y)
    decided, scores = model.decide(test_texts), model.scores(test_texts)
    seconds = time.perf_counter() - start
    y, c = np.asarray(test_y, dtype=np.int64), len(classes)
    cells = np.bincount(y * c + decided, minlength=c * c).reshape(1, c, c).astype(np.float64)
    values = summary.of_confusion(cells, positive)
    full = _for_all_classes(scores, model.classes_, c)
    ranked = range(c) if c > 2 and positive is None else [1 if positive is None else positive]
    areas = [area for k in ranked if (area := curves.roc_auc(y == k, full[:, k])) is not None]
    return {
        "name": NAME,
        "accuracy": float(values["accuracy"][0]) if len(y) else None,
        "macro_f1": float(values["macro_f1"][0]) if len(y) else None,
        "roc_auc": sum(areas) / len(areas) if areas else None,
        "n_train": len(train_texts),
        "seconds": seconds,
    }


def _for_all_classes(scores: Floats, seen: NDArray[np.int64], classes: int) -> Floats:
    """Return scores float[N, C]; a class never seen in training is below every other."""
    full = np.full((len(scores), classes), -1e9)
    full[:, seen] = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    return full
