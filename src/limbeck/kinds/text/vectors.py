"""A vector for each text: hashed character n-grams, projected. Near copies have nearly the same vector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from limbeck.errors import LimbeckError
from limbeck.kinds.projection import projected, unit
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encode import TextInput
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.recipe import Input

WIDTH = 256
_REACH = 4096  # characters of a text that count
_BAGS = Input(encoder="ngrams", ngrams=(2, 4), buckets=2**22)


def vectors(encoder: TextInput, texts: Sequence[str]) -> tuple[NDArray[np.float32], dict[int, LimbeckError]]:
    """Return float32 [N, 256] of N raw texts, each of length one, and why the empty ones have none of their own.

    The texts are cleaned as the bundle cleans them. The dot product of two rows is near the cosine of their bags of
    n-grams of 2 to 4 characters.
    """
    empty = {at: LimbeckError("the text is empty") for at, text in enumerate(texts) if not text or text.isspace()}
    return of_clean(clean_all(texts, encoder.settings.clean)), empty


def of_clean(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return float32 [N, 256] of N clean texts, each of length one; see `vectors`."""
    bags = Ngrams(_BAGS).encode(texts, _REACH)
    assert bags.weights is not None
    owner = np.repeat(np.arange(len(texts)), bags.lengths)
    return unit(projected(bags.values.astype(np.int64), bags.weights, owner, len(texts), WIDTH))
