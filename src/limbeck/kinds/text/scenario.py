"""A classifier of one scenario's texts: TF-IDF over characters and words with logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from limbeck.errors import needing


@dataclass(frozen=True)
class Model:
    """A classifier that takes frames and reads one column of them."""

    column: str
    pipeline: Any

    @property
    def classes_(self) -> Any:
        """The classes it knows, int64 [K]."""
        return self.pipeline.classes_

    def predict_proba(self, frame: pl.DataFrame) -> Any:
        """Return float64 [N, K]."""
        return self.pipeline.predict_proba(_texts(frame, self.column))


def fit(frame: pl.DataFrame, labels: NDArray[np.int64]) -> Model:
    """Return what is learned from the first column of a frame."""
    with needing("scikit-learn", "train", "a teacher of scenarios"):
        import rjieba
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline, make_union
    common: dict[str, Any] = {"ngram_range": (1, 2), "sublinear_tf": True, "min_df": 2, "dtype": np.float32}
    characters = TfidfVectorizer(analyzer="char", **common)
    words = TfidfVectorizer(tokenizer=rjieba.cut, token_pattern=None, **common)
    model = make_pipeline(make_union(characters, words), LogisticRegression(C=4.0, max_iter=200))
    return Model(frame.columns[0], model.fit(_texts(frame, frame.columns[0]), labels))


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    return list(frame[column].cast(pl.String).fill_null("").to_list())
