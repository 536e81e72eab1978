"""Words of a text as it was given, as spans of characters."""

from __future__ import annotations

from limbeck.kinds.text.encoding.tokens import without_surrogates

Span = tuple[int, int]


def word_spans(text: str, reach: int) -> list[Span]:
    """Return the first character of each word and the one behind its last; blanks are no words.

    Words are cut by jieba's algorithm, which leaves Latin words and numbers whole.

    Parameters
    ----------
    reach
        Characters of the text that are looked at.
    """
    import rjieba

    spans, at = [], 0
    for word in rjieba.cut(without_surrogates(text[:reach])):
        if not word.isspace():
            spans.append((at, at + len(word)))
        at += len(word)
    return spans
