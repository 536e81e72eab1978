"""The words of a text that drove its answer.

A branch that is linear in n-grams says exactly what each n-gram adds (`explaining.linear`); an
n-gram's worth is spread over its characters, and a word is worth what its characters are. Any other branch is asked
what it loses without a word (occlusion, Zeiler and Fergus 2014; Li et al. 2016 for words), at most `most_asked` times
a row. A model with both branches gets the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from limbeck.kinds.explanation import Floats, Ints, Model, Part, heaviest, log_odds
from limbeck.kinds.narrowing import Group, narrowed
from limbeck.kinds.text.clean import clean_all
from limbeck.kinds.text.encode import WIDE_REACH, TextInput
from limbeck.kinds.text.encoding.ngrams import Ngrams
from limbeck.kinds.text.encoding.ragged import Ragged
from limbeck.kinds.text.explaining.alignment import alignment
from limbeck.kinds.text.explaining.gram_places import gram_places
from limbeck.kinds.text.explaining.linear import contributions
from limbeck.kinds.text.explaining.words import Span, word_spans


def explained(model: Model, texts: Sequence[str], decided: Ints, top: int) -> list[tuple[Part, ...]]:
    """Return of N raw texts the ``top`` words that drove the answer; ``decided`` int64 [N] are class numbers."""
    encoder: TextInput = model.encoder
    reach = encoder.settings.max_length * (WIDE_REACH if encoder.wide is not None else 1)
    reach *= 1 if isinstance(encoder.encoder, Ngrams) else 8  # a token covers at least a character
    words = [word_spans(text, reach) for text in texts]
    rows: Ragged = model.encode(texts)
    terms = contributions(model, rows)
    worth = [np.zeros(len(spans)) for spans in words]
    if terms is not None:
        p = model.submit(rows).result()
        for at, (text, spans) in enumerate(zip(texts, words, strict=True)):
            worth[at] += _of_words(encoder, text, rows, at, _toward(terms[at], p[at], int(decided[at])), spans)
    if terms is None or not isinstance(encoder.encoder, Ngrams):
        wide = None if terms is None else rows.wide
        for own, more in zip(worth, _occluded(model, texts, words, rows, wide, decided), strict=True):
            own += more
    return [
        heaviest([Part("span", span, float(value)) for span, value in zip(spans, values, strict=True)], top)
        for spans, values in zip(words, worth, strict=True)
    ]


def removed(encoder: TextInput, texts: Sequence[str], parts: Sequence[Sequence[Part]]) -> list[str]:
    """Return N texts without the characters of their parts."""
    del encoder
    spans = [[cast("Span", part.where) for part in row] for row in parts]
    return [_without(text, row) for text, row in zip(texts, spans, strict=True)]


def _without(text: str, spans: Sequence[Span]) -> str:
    kept = np.ones(len(text), dtype=bool)
    for first, behind in spans:
        kept[first:behind] = False
    return "".join(letter for letter, stays in zip(text, kept.tolist(), strict=True) if stays)


def _toward(terms: Floats, p: NDArray[np.float32], decided: int) -> Floats:
    """Return float64 [T], what terms [T, C] of the logits add to the log-odds of a class: the slope where the row is.

    With two classes that is the difference of both, at any place.
    """
    rest = p.astype(np.float64)
    rest[decided] = 0.0
    rest = rest / rest.sum() if rest.sum() > 0 else (np.arange(len(p)) != decided) / max(len(p) - 1, 1)
    return np.asarray(terms[:, decided] - terms @ rest)


def _of_words(encoder: TextInput, text: str, rows: Ragged, at: int, terms: Floats, spans: Sequence[Span]) -> Floats:
    """Return float64 [W], what words are worth of the terms [T] of a row's bag."""
    grams = encoder.encoder if isinstance(encoder.encoder, Ngrams) else encoder.wide
    bags = rows if rows.wide is None else rows.wide
    assert grams is not None
    limit = encoder.settings.max_length * (1 if grams is encoder.encoder else WIDE_REACH)
    cleaned = clean_all([text], encoder.settings.clean)[0][:limit]
    ids, first, behind = gram_places(grams, cleaned)
    known = bags.row(at)
    place = np.searchsorted(known, ids)  # a bag's ids rise
    counts = np.bincount(place, minlength=len(known))
    each = terms[place] / counts[place] / np.maximum(behind - first, 1)
    steps = np.zeros(len(cleaned) + 1)
    np.add.at(steps, first, each)
    np.subtract.at(steps, behind, each)
    letters = np.zeros(len(text) + 1)
    np.add.at(letters, alignment(text, cleaned), np.cumsum(steps)[: len(cleaned)])
    sums = np.concatenate(([0.0], np.cumsum(letters)))
    return np.array([sums[last] - sums[start] for start, last in spans], dtype=np.float64)


def _occluded(
    model: Model,
    texts: Sequence[str],
    words: Sequence[Sequence[Span]],
    rows: Ragged,
    wide: Ragged | None,
    decided: Ints,
) -> list[Floats]:
    """Return for each text float64 [W], what the answer's log-odds lose without each word.

    Parameters
    ----------
    wide
        Bags of the wide branch that stay as they are, because their part is known; None where all changes.
    """
    whole = log_odds(model.submit(rows).result(), decided)

    def lost(groups: list[Group]) -> Floats:
        owner = np.array([row for row, _, _ in groups], dtype=np.int64)
        changed: Ragged = model.encode([_without(texts[row], words[row][low:high]) for row, low, high in groups])
        if wide is not None:
            changed = replace(changed, wide=wide.take(owner))
        return np.asarray(whole[owner] - log_odds(model.submit(changed).result(), decided[owner]))

    return narrowed([len(spans) for spans in words], lost)
