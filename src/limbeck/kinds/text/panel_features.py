"""Features of texts for relevance and voices: TF-IDF of hashed n-grams of characters and words, of unit length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from limbeck.data.tables.rows import text_column
from limbeck.kinds.projection import unit_rows
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.recipe import Input, Recipe

_FEATURES = Input(encoder="ngrams", ngrams=(1, 3), word_ngrams=2, buckets=2**18)


def features_of(
    recipe: Recipe, target: pl.DataFrame, others: Sequence[pl.DataFrame | None]
) -> tuple[Any, list[Any | None]]:
    """Return sparse features [N, F] of the target's rows and of each sample.

    Document frequencies are read off the target's rows; n-grams that neither target nor samples repeat are left out.
    """
    mine = _bags(recipe, target)
    theirs = [None if other is None else _bags(recipe, other) for other in others]
    seen = np.bincount(mine.indices, minlength=mine.shape[1])
    elsewhere = np.zeros_like(seen)
    for bags in theirs:
        if bags is not None:
            elsewhere += np.bincount(bags.indices, minlength=mine.shape[1])
    kept = np.flatnonzero((seen >= 2) | (elsewhere >= 5))
    count = mine.shape[0]
    # Capped at what two rows give: an n-gram of one row is not telling, only rare.
    idf = np.minimum(np.log((1 + count) / (1 + seen[kept])), np.log((1 + count) / 3)) + 1
    scaled = [None if bags is None else unit_rows(bags[:, kept] @ sparse.diags_array(idf)) for bags in [mine, *theirs]]
    return scaled[0], scaled[1:]


def _bags(recipe: Recipe, frame: pl.DataFrame) -> Any:
    texts = text_column(frame[recipe.task.inputs[0]]).fill_null("").to_list()
    rows = Ngrams(_FEATURES).encode(clean_all(texts, recipe.input.clean), recipe.input.max_length * 4)
    assert rows.weights is not None
    shape = (len(rows), _FEATURES.buckets + 1)
    return sparse.csr_array((rows.weights.astype(np.float64), rows.values, rows.offsets.astype(np.int32)), shape=shape)
