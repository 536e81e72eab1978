"""The shapes of the largest batches that a bundle's model is asked, by which `limbeck.bundle.session` looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from limbeck.kinds.select import RowInput, Rows
from limbeck.kinds.text.encode import WIDE_REACH, TextInput
from limbeck.kinds.text.ragged import Ragged

Shapes = dict[str, tuple[int, ...]]
_GRAMS = 8  # n-grams of a character at most


def largest_batches(
    encoder: RowInput, rows: Rows, one: Mapping[str, NDArray[Any]], *, tokens: int, most: int
) -> list[Shapes]:
    """Return array name -> shape for the batches that can take most.

    Of texts a batch holds many short ones or few long ones: what it takes is largest at one of the two ends, as it
    grows with some power of rows and of length.

    Parameters
    ----------
    rows, one
        A blank row, encoded, and its batch.
    tokens, most
        Tokens and rows of a batch at most; see `limbeck.kinds.text.ragged.batches`.
    """
    if not isinstance(encoder, TextInput) or not isinstance(rows, Ragged):
        count = max(1, min(most, tokens // max(int(rows.lengths[0]), 1)))
        return [{name: (count, *array.shape[1:]) for name, array in one.items()}]
    longest = encoder.settings.max_length * (_GRAMS if rows.weights is not None else 1)
    wide = WIDE_REACH * encoder.settings.max_length * _GRAMS
    out = []
    for count, length in ((most, max(tokens // most, 1)), (max(tokens // longest, 1), longest)):
        count, length = min(count, most), min(length, longest)
        sides = {name: wide if name.startswith("wide_") else length for name in one}
        out.append({name: (count, sides[name])[: array.ndim] for name, array in one.items()})
    return out
