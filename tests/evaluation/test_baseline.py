"""The text baseline learns what is easy, and says what it needs."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from limbeck.errors import LimbeckError
from limbeck.kinds.text.baseline import TextBaseline, baseline_row

GOOD, BAD, FAIR = (
    ["物流很快，水果新鲜", "很好吃，下次再来", "质量不错，满意"],
    ["太差了，退货", "味道难吃", "服务很差"],
    ["一般般吧", "还行，一般"],
)


def rows(parts, n=20):
    texts = [f"{text}{k}" for part in parts for text in part for k in range(n)]
    y = np.repeat(np.arange(len(parts)), [len(part) * n for part in parts])
    return texts, y


def test_it_learns_two_classes_and_its_scores_rank_them():
    texts, y = rows([BAD, GOOD])
    model = TextBaseline().fit(texts, y)
    assert (model.decide(texts) == y).all()
    scores = model.scores(texts)
    assert scores.shape == (len(texts),)
    assert scores[y == 1].min() > scores[y == 0].max()


def test_the_row_has_what_the_report_shows():
    texts, y = rows([BAD, GOOD])
    row = baseline_row(texts, y, texts, y, ("bad", "good"))
    assert set(row) == {"name", "accuracy", "macro_f1", "roc_auc", "n_train", "seconds"}
    assert (row["accuracy"], row["macro_f1"], row["roc_auc"], row["n_train"]) == (1.0, 1.0, 1.0, 120)
    assert baseline_row(texts, y, texts, y, ("bad", "good"), positive=0)["roc_auc"] == 1.0


def test_a_class_without_training_rows_does_not_break_it():
    texts, y = rows([BAD, GOOD, FAIR])
    some = y < 2
    part = [text for text, keep in zip(texts, some, strict=True) if keep]
    row = baseline_row(part, y[some], texts, y, ("bad", "good", "fair"))
    assert row["accuracy"] == pytest.approx(some.mean())
    assert row["roc_auc"] is not None
    assert TextBaseline().fit(texts, y).scores(texts[:4]).shape == (4, 3)


def test_single_class_test_rows_have_no_auc():
    texts, y = rows([BAD, GOOD])
    assert baseline_row(texts, y, texts[:3], y[:3], ("bad", "good"))["roc_auc"] is None
    assert baseline_row(texts, y, texts[:3], y[:3], ("bad", "good"))["accuracy"] == 1.0


def test_what_cannot_be_learnt_is_said_in_one_line(monkeypatch):
    with pytest.raises(LimbeckError, match="two classes"):
        TextBaseline().fit(["a", "b"], [1, 1])
    with pytest.raises(LimbeckError, match="every training text is empty"):
        TextBaseline().fit(["", " "], [0, 1])
    monkeypatch.setitem(sys.modules, "sklearn.svm", None)
    with pytest.raises(LimbeckError, match=r"needs the package 'scikit-learn'.*\[train\]"):
        TextBaseline()
