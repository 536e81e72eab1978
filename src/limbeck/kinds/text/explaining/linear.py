"""Exact contributions of n-grams to a linear branch, found by asking the model for one n-gram at a time.

A softmax over a linear layer gives each class its logit up to a number that all classes share, so the logarithms of the
probabilities, less their mean over the classes, are linear in the bag. Whether they are is checked on the rows' own
bags: a network with a hidden layer fails there.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.explanation import Model
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.kinds.text.encoding.ragged import Ragged

Floats = NDArray[np.float64]
_LEAST = 1e-37  # of a float32
_EXACT = 5e-3  # by which a sum of contributions may miss a row's own logits, as a share of them


def contributions(model: Model, rows: Ragged) -> list[Floats] | None:
    """Return for each row float64 [T, C]: what each n-gram of its bag adds to each class's logit, less their mean.

    The bag is the row itself where the network reads n-grams, else its wide branch. None where it is not linear.
    """
    bags = rows if rows.weights is not None else rows.wide
    if bags is None or bags.weights is None:
        return None
    ids, place = np.unique(bags.values, return_inverse=True)
    count = len(ids)
    single = Ragged(ids.astype(np.int32), np.arange(count + 1), np.ones(count, dtype=np.float32))
    nothing = Ragged(np.empty(0, np.int32), np.zeros(2, np.int64), np.empty(0, np.float32))
    start = _logits(model, nothing)
    each = _logits(model, single) - start
    terms = each[place] * bags.weights[:, None].astype(np.float64)
    owner = np.repeat(np.arange(len(bags)), bags.lengths)
    sums = np.stack([np.bincount(owner, column, minlength=len(bags)) for column in terms.T], axis=1)
    own = _logits(model, bags) - start
    if (np.abs(sums - own) > _EXACT * (1.0 + np.abs(own))).any():
        return None
    return np.split(terms, bags.offsets[1:-1])


def _logits(model: Model, bags: Ragged) -> Floats:
    """Return logits less their mean, float64 [N, C], of bags; the network beside a wide branch reads an empty text."""
    encoder: Any = model.encoder
    asked = bags
    if not isinstance(encoder.encoder, Ngrams):
        blank = model.encode([""])
        asked = replace(blank.take(np.zeros(len(bags), dtype=np.int64)), wide=bags)
    logs = np.log(np.maximum(model.submit(asked).result().astype(np.float64), _LEAST))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
